from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shares_core.domain.errors import InvalidInput
from shares_core.domain.names import Name, ServerName, ShareName, UserName

WORD = string.ascii_letters + string.digits + "._-"
ALLOWED: dict[type[Name], set[str]] = {
    ServerName: set(WORD),
    UserName: set(WORD),
    ShareName: set(WORD + " &'()"),
}
KINDS = tuple(ALLOWED)
INJECTIONS = [
    "",
    " ",
    ".",
    "..",
    "../etc",
    "-x",
    "@games",
    "+games",
    "&games",
    "%U",
    "%U %U",
    "a%Ub",
    "a\nb",
    "a\n",
    "a\r",
    "a\tb",
    "a\x00b",
    "a/b",
    "a\\b",
    "a:b",
    'a"b',
    "a;b",
    "a#b",
    "a$b",
    "a[b",
    "]",
    "a=b",
    "a,b",
    "a|b",
    "a*",
    "a?",
    "<a>",
    "a`b`",
    "~a",
    "é",
    "\uff41lice",
    "a\u202eb",
    "a\u200bb",
    "\ud800",
]


@pytest.mark.parametrize("kind", KINDS)
@given(value=st.text(st.characters(), max_size=40))
def test_an_accepted_name_holds_only_allowed_characters(kind: type[Name], value: str) -> None:
    """Over all of Unicode, anything not on the allow-list is refused."""
    try:
        name = kind(value)
    except InvalidInput:
        return
    assert set() == set(name.value) - ALLOWED[kind]
    assert value == name.value
    assert not value.startswith(("-", ".", " ", "&", "'"))


@pytest.mark.parametrize("kind", KINDS)
def test_each_character_of_unicode_is_allowed_only_if_it_is_on_the_list(kind: type[Name]) -> None:
    """No character outside the list is accepted in the middle of a name."""
    accepted = {char for char in map(chr, range(0x110000)) if kind.pattern.fullmatch(f"a{char}b")}
    assert ALLOWED[kind] == accepted


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [v for v in INJECTIONS if v != "&games"])
def test_an_injection_is_refused(kind: type[Name], value: str) -> None:
    """Whatever has a meaning to a shell, a path or smb.conf is refused."""
    with pytest.raises(InvalidInput) as caught:
        kind(value)
    assert str(caught.value).isprintable()
    assert str(caught.value).isascii()


@pytest.mark.parametrize(
    "value", ["max.mustermann", "Ada-Lovelace", "a", "_svc", "user42", "4ever", "x" * 32]
)
def test_users_may_have_the_names_that_people_have(value: str) -> None:
    """Names of people are accepted."""
    assert value == str(UserName(value))


@pytest.mark.parametrize("value", ["Projects 2026", "R&D", "a", "O'Brien (old)", "_x", "2026.Q1", "x" * 80])
def test_shares_may_have_the_names_that_people_give(value: str) -> None:
    """Spaces inside, ampersands, quotes and brackets are fine in a share's name."""
    assert value == str(ShareName(value))


@pytest.mark.parametrize("value", ["tenant-a", "6f1a5c1e-3f0c-4f5e-9a77-2f0e8f6b6c11", "a.b", "x" * 63])
def test_servers_may_have_the_ids_of_manila(value: str) -> None:
    """A UUID is a valid server name."""
    assert value == str(ServerName(value))


@pytest.mark.parametrize(
    "value",
    [
        "root",
        "ROOT",
        "Root",
        "nobody",
        "www-data",
        "shares",
        "administrator",
        "Guest",
        "Everyone",
        "global",
        "root$",
        "S-1-1-0",
        "s-1-5-21-1",
        "1000",
        "alice root",
        "alice.",
        "R&D",
        "x" * 33,
        "workgroup",
        "SHARESERVER",
        "srv0123456789ab",
        "Srv0123456789AB",
    ],
)
def test_a_user_cannot_have_a_name_with_a_meaning_to_samba_or_unix(value: str) -> None:
    """Reserved names, identifiers and numbers are refused in any case."""
    with pytest.raises(InvalidInput):
        UserName(value)


@pytest.mark.parametrize(
    "value",
    [
        "global",
        "Global",
        "HOMES",
        "printers",
        "IPC$",
        "ipc$",
        "ipc",
        "ADMIN$",
        "print$",
        " a",
        "a ",
        "a.",
        "x" * 81,
        "data$",
        "&x",
        "netlogon",
    ],
)
def test_a_share_cannot_have_a_name_with_a_meaning_to_samba(value: str) -> None:
    """Reserved sections, hidden shares and names that clients truncate are refused in any case."""
    with pytest.raises(InvalidInput):
        ShareName(value)


@pytest.mark.parametrize("value", ["a b", "a.", "x" * 64, "_a", "R&D"])
def test_a_server_has_a_plain_name(value: str) -> None:
    """A server's name has neither spaces nor signs."""
    with pytest.raises(InvalidInput):
        ServerName(value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_is_text(kind: type[Name]) -> None:
    """Anything but text is refused, and not by accident."""
    for value in (None, 7, b"alice"):
        with pytest.raises(InvalidInput):
            kind(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
@given(value=st.from_regex(re.compile(r"[A-Za-z][A-Za-z0-9]{0,20}"), fullmatch=True))
def test_names_that_differ_only_in_case_have_the_same_key(kind: type[Name], value: str) -> None:
    """The key is what SMB clients compare."""
    try:
        keys = {kind(value).key, kind(value.upper()).key, kind(value.swapcase()).key}
    except InvalidInput:
        return
    assert 1 == len(keys)
