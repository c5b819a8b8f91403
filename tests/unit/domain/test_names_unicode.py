"""Names over all of Unicode: an accepted name has no other meaning to anything that reads it."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.adapters.values import SERVER, SHARE

from shares_core.adapters.samba.render import render_passwd, render_smb_conf, render_smbpasswd
from shares_core.domain.access import AccessRule
from shares_core.domain.errors import InvalidInput
from shares_core.domain.names import Name, ServerName, ShareName, UserName
from shares_core.domain.secret import PasswordHash
from shares_core.domain.server import Account

ALNUM = set(string.ascii_letters + string.digits)
#: What may be first, in the middle and last.
PLACES: dict[type[Name], tuple[set[str], set[str], set[str]]] = {
    ServerName: (ALNUM, ALNUM | set("._-"), ALNUM | set("_-")),
    UserName: (ALNUM | {"_"}, ALNUM | set("._-"), ALNUM | set("_-")),
    ShareName: (ALNUM | {"_"}, ALNUM | set("._-& '()"), ALNUM | set("_-&'()")),
}
KINDS = tuple(PLACES)
WELL_KNOWN = """
Everyone, Authenticated Users, Authenticated, Anonymous Logon, Anonymous, Administrators, Administrator,
Users, Guests, Guest, Creator Owner, Creator Group, Owner Rights, Network, Interactive, Service, Batch,
Dialup, Proxy, Self, Restricted, System, Local Service, Network Service, LocalSystem, This Organization,
Local, IUSR, None, BUILTIN, NT Authority, Unix User, Unix Group, SHARESERVER, SHARES, Domain Users,
Replicator, krbtgt, root, nobody, nogroup, shares, S-1-1-0, s-1-5-32-544, S-1-22-1-0
"""
NEAR = st.text(st.sampled_from("aZ0._- &'()%@+\\\"/,;:#=[]$*?<>|~`^!{}\n\r\t\0\u200b\u202e\u0301\uff21é"))


def accepts(kind: type[Name], value: str) -> bool:
    try:
        return value == str(kind(value))
    except InvalidInput:
        return False


@pytest.mark.parametrize("kind", KINDS)
def test_each_character_is_accepted_in_its_places_only(kind: type[Name]) -> None:
    """Every character of the BMP, and one of each plane above it, first, in the middle and last."""
    first, middle, last = set(), set(), set()
    for code in [*range(0x10000), *range(0x10000, 0x110000, 0x1001)]:
        char = chr(code)
        if accepts(kind, f"{char}qb"):
            first.add(char)
        if accepts(kind, f"q{char}b"):
            middle.add(char)
        if accepts(kind, f"qb{char}"):
            last.add(char)
    assert PLACES[kind] == (first, middle, last)


@pytest.mark.parametrize("kind", KINDS)
@given(name=st.one_of(st.text(), NEAR))
def test_no_other_form_of_a_name_is_accepted_in_its_place(kind: type[Name], name: str) -> None:
    """Nothing is stripped or normalised, so the checked name is the written one."""
    if accepts(kind, name):
        assert (
            unicodedata.normalize("NFKC", name) == unicodedata.normalize("NFD", name) == name.strip() == name
        )
        assert name.isascii()
        assert name.isprintable()


@pytest.mark.parametrize("change", [str, str.lower, str.upper, str.swapcase, str.title])
@pytest.mark.parametrize("name", [name.strip() for name in WELL_KNOWN.split(",")])
def test_a_user_cannot_have_a_well_known_name_in_any_case(name: str, change: Callable[[str], str]) -> None:
    """Names with a meaning to Samba or the container are refused: by the list, or for their space."""
    assert not accepts(UserName, change(name))


@pytest.mark.parametrize("value", ["Globals", "glo bal", "GLOBAL S", "hom es", "a  b", "a   b", "Pri nters"])
def test_a_share_name_that_samba_confuses_with_another_section_is_refused(value: str) -> None:
    """Samba takes [Globals] and [glo bal] for [global], and [a  b] for [a b] (seen by testparm)."""
    assert not accepts(ShareName, value)


@pytest.mark.parametrize("value", ["local", "Local", "IUSR", "iusr"])
def test_a_user_cannot_have_the_name_of_a_well_known_group(value: str) -> None:
    """Samba's look-up of LOCAL and IUSR finds groups (seen by ``net sam show``)."""
    assert not accepts(UserName, value)


# ---- where names are written


@given(name=st.one_of(st.text(max_size=12), NEAR))
@example("R&D")
@example("valid users = x")
def test_a_share_name_stays_within_its_sections_head(name: str) -> None:
    """smb.conf files with two names differ only in that word."""
    if accepts(ShareName, name):
        text = render_smb_conf(evolve(SERVER, shares=(evolve(SHARE, name=ShareName(name)),)))
        other = render_smb_conf(evolve(SERVER, shares=(evolve(SHARE, name=ShareName("placeholder")),)))
        assert other.replace("[placeholder]", f"[{name}]").splitlines() == text.splitlines()
        assert [f"[{name}]"] == re.findall(r"^\[.*\]$", text, re.MULTILINE)[1:]


@given(name=st.one_of(st.text(max_size=12), NEAR))
@example("max.mustermann")
def test_a_user_name_stays_within_its_word_and_its_field(name: str) -> None:
    """It is one quoted word in a list of users, and the first of the usual fields in passwd and smbpasswd."""
    if accepts(UserName, name):
        user = UserName(name)
        share = SHARE.with_rules((AccessRule.for_user(user, "rw"),))
        server = evolve(SERVER, shares=(share,), accounts=(Account(user, 10_000),))
        lines = render_smb_conf(server).splitlines()
        for parameter in ("valid users", "write list"):
            assert [f'\t{parameter} = "{name}"'] == [line for line in lines if parameter in line]
        assert [name, "x", "10000"] == render_passwd(server).splitlines()[-1].split(":")[:3]
        (line,) = render_smbpasswd(server.accounts, {user: PasswordHash("A" * 32, 1)}).splitlines()
        assert (name, 7) == (line.split(":")[0], len(line.split(":")))


@pytest.mark.parametrize("kind", KINDS)
@given(name=st.one_of(st.text(max_size=12), NEAR))
def test_a_name_is_never_an_option_a_pattern_or_a_path(kind: type[Name], name: str) -> None:
    """On a command line and below a folder, an accepted name is one plain word."""
    if accepts(kind, name):
        assert not name.startswith(("-", ".", "~", "@", "+", "&", "%"))
        assert set() == set(name) & set('/\\%*?[]{}$`"<>|;:,=#!^~\n\r\t\0')
        assert name not in (".", "..")
