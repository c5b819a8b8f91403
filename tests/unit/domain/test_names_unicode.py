"""Names over all of Unicode: an accepted name has no other meaning to anything that reads it."""

from __future__ import annotations

import re
import unicodedata

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.adapters.values import SERVER, SHARE

from shares_core.adapters.samba.render import (
    render_passwd,
    render_smb_conf,
    render_smbpasswd,
    render_user_map,
)
from shares_core.domain.access import AccessRule
from shares_core.domain.errors import InvalidInput
from shares_core.domain.names import Name, ServerName, ShareName, UserName
from shares_core.domain.secret import PasswordHash
from shares_core.domain.server import Account

KINDS = (ServerName, ShareName, UserName)
NEAR = st.text(st.sampled_from("aZ0._- &'()%@+\\\"/,;:#=[]$*?<>|~`^!{}\n\r\t\0\u200b\u202e\u0301\uff21é漢🦊"))


def accepts(kind: type[Name], value: str) -> bool:
    try:
        return value == str(kind(value))
    except InvalidInput:
        return False


@pytest.mark.parametrize("kind", KINDS)
@given(name=st.one_of(st.text(), NEAR))
def test_a_name_is_written_as_it_was_checked(kind: type[Name], name: str) -> None:
    """Nothing is stripped or normalised. It is text that can be sent, printed and pasted."""
    if accepts(kind, name):
        assert name.strip() == name
        assert "".join(name.split("\u200d")).replace("\u200c", "").isprintable()
        assert name.encode("utf-16-le").decode("utf-16-le") == name
        assert name.splitlines() == [name]
        assert kind(unicodedata.normalize("NFC", name)).key == kind(name).key


# ---- where names are written


@given(name=st.one_of(st.text(max_size=12), NEAR))
@example("R&D")
@example("valid users = x")
@example("#1 {x}")
@example(";x")
def test_a_share_name_stays_within_its_sections_head(name: str) -> None:
    """smb.conf files with two names differ only in that word, and in whether clients list it."""
    if accepts(ShareName, name):
        text = render_smb_conf(evolve(SERVER, shares=(evolve(SHARE, name=ShareName(name)),)))
        plain = "hidden$" if name.endswith("$") else "placeholder"
        other = render_smb_conf(evolve(SERVER, shares=(evolve(SHARE, name=ShareName(plain)),)))
        assert other.replace(f"[{plain}]", f"[{name}]").splitlines() == text.splitlines()
        assert [f"[{name}]"] == re.findall(r"^\[.*\]$", text, re.MULTILINE)[1:]


@given(name=st.one_of(st.text(max_size=12), NEAR))
@example("max.mustermann")
@example("Ünal 漢")
@example("!x #;")
def test_a_user_name_is_one_quoted_word_of_one_line_of_the_map(name: str) -> None:
    """And stands in no other file: there the account does."""
    if accepts(UserName, name):
        user = UserName(name)
        share = SHARE.with_rules((AccessRule.for_user(user, "rw"),))
        server = evolve(SERVER, shares=(share,), accounts=(Account(user, 10_000),))
        *lines, guest = render_user_map(server).split("\n")[:-1]
        forms = {unicodedata.normalize(form, name) for form in ("NFC", "NFD")}
        assert {f'!<10000> = "{form}"' for form in forms} == set(lines)
        assert '"' not in name
        assert all(len(line.encode()) < 511 for line in lines)
        assert guest == '!<guest> = "<10000>"'
        hashed = render_smbpasswd(server.accounts, {user: PasswordHash("A" * 32, 1)})
        other = evolve(server, accounts=(Account(UserName("placeholder"), 10_000),))
        assert render_smb_conf(server) == render_smb_conf(
            other.with_share(SHARE.with_rules((AccessRule.for_user("placeholder", "rw"),)))
        )
        assert render_passwd(server) == render_passwd(other)
        assert ("<10000>", 7) == (hashed.split(":")[0], len(hashed.split(":")))


@pytest.mark.parametrize("kind", [ServerName, ShareName])
@given(name=st.one_of(st.text(max_size=12), NEAR))
def test_a_name_of_a_share_or_server_is_never_an_option_a_pattern_or_a_path(
    kind: type[Name], name: str
) -> None:
    """On a command line and below a folder, it is one word once a shell has read its quotes."""
    if accepts(kind, name):
        assert not name.startswith("-")
        assert set() == set(name) & set('/\\%*?[]"<>|;:,=\n\r\t\0')
        assert name not in (".", "..")


@given(first=st.text(min_size=1, max_size=3), second=st.text(min_size=1, max_size=3))
@example("ß", "ss")
@example("\u0131", "I")
def test_users_that_the_map_could_confuse_are_one(first: str, second: str) -> None:
    """Samba compares the names of the map without case, each character by itself."""
    if accepts(UserName, first) and accepts(UserName, second):
        alike = len(first) == len(second) and all(
            one == other or one.upper() == other.upper() or one.lower() == other.lower()
            for one, other in zip(first, second, strict=True)
        )
        if alike:
            assert UserName(first).key == UserName(second).key
