"""Accounts as Samba reads them: pdbedit judges the files, and logins judge the hashes."""

from __future__ import annotations

import re
import unicodedata

from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st
from spnego._ntlm_raw.crypto import ntowfv1

from shares_core import AccessLevel, Secret
from shares_core.adapters.samba.render import (
    account_name,
    render_group,
    render_passwd,
    render_smb_conf,
    render_smbpasswd,
)
from shares_core.adapters.state.secrets import nt_hash
from shares_core.domain.names import UserName
from shares_core.domain.secret import PasswordHash
from shares_core.domain.server import ShareServer
from tests.integration.conftest import Tenant
from tests.integration.oracles.box import Box
from tests.integration.oracles.strategies import HASHES, examples, servers
from tests.testkit.clients import SmbClient, nt_status

Hashes = dict[UserName, PasswordHash]

OK = "NT_STATUS_OK"
LOGON_FAILURE = "NT_STATUS_LOGON_FAILURE"
#: pdbedit reads the files at fixed places, so each server's are put there from one input.
_PDBEDIT = (
    r"sed '1,/^====$/d' $f >/private/smbpasswd; sed '/^====$/,$d' $f >/config/passwd;"
    " pdbedit --configfile=/config/smb.conf -L -w"
)
_LINE = re.compile(r"([^:]+):(\d+):(X{32}):([0-9A-F]{32}):\[U {10}\]:LCT-([0-9A-F]{8}):")
_PASSWORDS = {
    "umlauts": "Größenwahn äöüß",
    "decomposed": unicodedata.normalize("NFD", "Größenwahn äöü"),
    "CJK": "秘密のパスワード",
    "cyrillic": "Очень секретно",
    "right to left": "סיסמה-كلمة",
    "emoji": "🔑🐘👩‍👩‍👧 key",
    "outside of the BMP": "\U0010fffd\U00020000",
    "spaces inside": "two  spaces and more",
    "quotes": "\"double\" 'single' `back`",
    "signs": "%U %% \\ # ; = : $HOME $(id) * ? ~ & | < > [x] {y} @z",
    "127": "x" * 127,
    "128": "ä" * 128,
    "256": "🔑" * 128 + "y" * 128,
    "one character": "x",
}
#: Only smbprotocol uses passwords that smbclient's file of credentials would truncate.
_EDGED = {
    "spaces around": "  x  ",
    "no-break spaces": "\u00a0x\u00a0",
    "only a space": " ",
    "zero width": "\u200bx",
}


@st.composite
def _secured(draw: st.DrawFn) -> tuple[ShareServer, Hashes]:
    """A server, and hashes for some of its accounts."""
    server = draw(servers(accounts=12, shares=0))
    names = [account.name for account in server.accounts]
    return server, draw(st.dictionaries(st.sampled_from(names), HASHES))


def test_pdbedit_reads_the_accounts_as_meant(box: Box) -> None:
    """Exactly the accounts that have a hash, each with its own name, uid, hash and time; no complaint."""
    many = examples(_secured(), 200)
    assert sum(len(hashes) for _, hashes in many) > 100
    box.place("private/smbpasswd", "", mode=0o600)
    box.place("config/smb.conf", render_smb_conf(many[0][0]))
    box.place("config/group", render_group(many[0][0]))
    inputs = [
        render_passwd(server) + "====\n" + render_smbpasswd(server.accounts, hashes)
        for server, hashes in many
    ]
    for (server, hashes), (out, err) in zip(many, box.for_each(inputs, _PDBEDIT), strict=True):
        expected = {
            (account_name(account), account.uid, hashed.nt, hashed.changed)
            for account in server.accounts
            if (hashed := hashes.get(account.name)) is not None
        }
        lines = [_LINE.fullmatch(line) for line in out.splitlines()]
        read = [(line[1], int(line[2]), line[4], int(line[5], 16)) for line in lines if line is not None]
        assert (expected, len(expected), len(lines), "") == (set(read), len(read), len(expected), err)


@given(password=st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=256))
@example("🔑")
def test_a_hash_is_that_of_another_implementation(password: str) -> None:
    """For any accepted password, pyspnego computes the same NT hash."""
    assert ntowfv1(password).hex().upper() == nt_hash(Secret(password))


def _set_password(tenant: Tenant, password: str) -> SmbClient:
    tenant.site.host.access.allow(
        tenant.server, "files", "max.mustermann", AccessLevel.READ_WRITE, Secret(password)
    )
    return tenant.smb("max.mustermann", password)


def _logs_in(client: SmbClient) -> str:
    """The answer to smbprotocol, which uses a password as it is."""
    with client.negotiated() as connection:
        return nt_status(lambda: client.log_in(connection))


def test_any_password_logs_in(tenant: Tenant) -> None:
    """People log in with whatever they typed, with two clients of other projects."""
    said = {}
    for what, password in _PASSWORDS.items():
        client = _set_password(tenant, password)
        said[what] = (_logs_in(client), client.do("files", "ls").status)
    assert dict.fromkeys(_PASSWORDS, (OK, OK)) == said


def test_a_password_is_taken_to_the_letter(tenant: Tenant) -> None:
    """Spaces at the ends and invisible characters count; a password that only looks the same is refused."""
    said = {}
    for what, password in _EDGED.items():
        client = _set_password(tenant, password)
        said[what] = (_logs_in(client), _logs_in(evolve(client, password=f"{password.strip()}y")))
    assert dict.fromkeys(_EDGED, (OK, LOGON_FAILURE)) == said
    composed = _set_password(tenant, "Büro")
    decomposed = evolve(composed, password=unicodedata.normalize("NFD", "Büro"))
    assert (OK, LOGON_FAILURE) == (_logs_in(composed), _logs_in(decomposed))
    assert LOGON_FAILURE == _logs_in(evolve(composed, password="büro"))
