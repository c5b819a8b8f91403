"""Whom Samba's log may mean."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shares_core.domain.audit import _LAST_LETTER, check_moment, day_of, users_seen_as
from shares_core.domain.errors import InvalidInput
from shares_core.domain.names import UserName, forms_of
from shares_core.domain.server import Account

_LEFT = "abcdefghijklmnopqrstuvwxyz0123456789. _-"


def accounts(*names: str) -> tuple[Account, ...]:
    return tuple(Account(UserName(name), 10_000 + number) for number, name in enumerate(names))


def accepted(name: str) -> bool:
    try:
        return bool(UserName(name))
    except InvalidInput:
        return False


def logged(typed: str) -> str:
    """What Samba 4.22 logs for a name, as measured."""
    text = "".join(c if c.lower() in _LEFT else "_" * len(c.encode()) for c in typed)
    return "".join(c.lower() if c.isascii() else c for c in text)[:255]


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("ada@example.com", "ada_example.com"),
        ("Müller X", "m__ller x"),
        ("Müller X", "mu__ller x"),
        ("computer$", "computer$"),
        ("computer$", "computer_"),
        ("it's", "it_s"),
        ("株式会社", "_" * 12),
        ("\u017fam", "sam"),
        ("ü" * 140, "_" * 255),
    ],
)
def test_an_account_is_known_by_what_samba_leaves_of_its_name(name: str, seen: str) -> None:
    """With accents composed or apart, in any case, and cut."""
    assert (name,) == users_seen_as(seen, accounts("another", name))


@given(st.text(min_size=1, max_size=40).filter(accepted))
def test_every_name_is_known_again(name: str) -> None:
    """In every form and case in which a client may send it."""
    found = accounts(name)
    for form in forms_of(name):
        for typed in (form, form.upper(), form.lower()):
            if len(typed) == len(form):
                assert (name,) == users_seen_as(logged(typed), found)


def test_no_letter_is_forgotten() -> None:
    """Whatever Unicode this Python has."""
    assert [] == [c for c in range(_LAST_LETTER + 1, sys.maxunicode + 1) if chr(c).lower() != chr(c).upper()]


def test_all_accounts_that_it_may_mean_are_named() -> None:
    """Samba's log does not tell them apart."""
    assert ("müller", "möller") == users_seen_as("m__ller", accounts("müller", "ada", "möller"))
    assert ("a@b", "a_b") == users_seen_as("a_b", accounts("a@b", "a_b", "a-b"))


@pytest.mark.parametrize("seen", ["", "bob", "ada2", "ad", "ADA", "x" * 255])
def test_a_name_without_an_account_is_told_as_it_is(seen: str) -> None:
    """After a sign that no account's name has."""
    assert (f"?{seen}",) == users_seen_as(seen, accounts("ada"))
    assert not accepted(f"?{seen}")


@pytest.mark.parametrize("moment", ["", "2026-01-31", "2026-01-31T10", "2026-01-31T10:00:00.123456789Z"])
def test_a_trail_begins_after_a_moment(moment: str) -> None:
    check_moment(moment)


@pytest.mark.parametrize("moment", ["x", "2026", "2026-1-1", "2026-01-31 10:00", "2026-01-31\n", "\x1b"])
def test_what_is_no_moment_is_refused(moment: str) -> None:
    with pytest.raises(InvalidInput, match="is not a time of the trail"):
        check_moment(moment)


def test_a_day_begins_in_utc() -> None:
    assert ("2023-11-14", "2023-11-15") == (day_of(1_700_006_399), day_of(1_700_006_400))
