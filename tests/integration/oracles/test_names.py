"""Names as Samba understands them: its own look-up and real clients are the judges."""

from __future__ import annotations

import io
import re
import struct
import tarfile

from attrs import evolve

from shares_core import AccessLevel, Capacity, Secret
from shares_core.adapters.samba.render import render_group, render_passwd, render_smb_conf, render_smbpasswd
from shares_core.domain.names import UserName, netbios_name
from shares_core.domain.secret import PasswordHash
from shares_core.domain.server import ShareServer
from tests.integration.conftest import Tenant
from tests.integration.oracles.box import Box
from tests.integration.oracles.strategies import accepted, examples, names
from tests.testkit.clients import still_admitted
from tests.unit.adapters.values import SERVER

OK = "NT_STATUS_OK"
DENIED = "NT_STATUS_ACCESS_DENIED"
#: The libraries that hold Samba's tables of well-known and builtin names.
_LIBRARIES = ("libsamba-passdb.so.0", "libsamba-security-private-samba.so.0")
_HASH = PasswordHash("A" * 32, 0x65000000)
#: Accepted names that resemble those with a meaning to Samba, Windows, unix or a shell.
_DANGEROUS = (
    "Everyone1",
    "everyone.all",
    "Authenticated_Users",
    "Administrator2",
    "Guest.",
    "BA",
    "AU",
    "WD",
    "S-1",
    "s_1-1-0",
    "owner",
    "creator-owner",
    "domain_users",
    "nt-authority.system",
    "unix_user.shares",
    "shares.shares",
    "0x0",
    "127.0.0.1",
    "1e3",
    "adm",
    "staff",
    "-",
)
_PEOPLE = ("max.mustermann", "Ada-Lovelace", "o_brien", "jean-luc.p", "MIXEDcase", "4ever", "x" * 32)
_SHARES = (
    "Projects 2026",
    "R&D",
    "O'Brien's files",
    "a (old) b.c-d_e",
    "2026",
    "x" * 80,
    "path",
    "Global s1",
)


def _place(box: Box, server: ShareServer) -> None:
    hashes = {account.name: _HASH for account in server.accounts}
    box.place("config/smb.conf", render_smb_conf(server))
    box.place("config/passwd", render_passwd(server))
    box.place("config/group", render_group(server))
    box.place("private/smbpasswd", render_smbpasswd(server.accounts, hashes), mode=0o600)


def _constants(library: bytes) -> bytes:
    """The ELF section with a library's texts, without the names of its functions."""
    (table,) = struct.unpack_from("<Q", library, 0x28)
    size, count, of_names = struct.unpack_from("<HHH", library, 0x3A)
    sections = [struct.unpack_from("<IIQQQQ", library, table + number * size) for number in range(count)]
    names = sections[of_names][4]
    for name, _, _, _, start, length in sections:
        if library.startswith(b".rodata\0", names + name):
            return library[start : start + length]
    raise AssertionError("the library has no constants")


def _samba_words(box: Box) -> set[str]:
    """Every word of Samba's tables (and messages) that has the form of a user's name, without case."""
    words = set()
    for library in _LIBRARIES:
        path = box.script(f"readlink -f $(find /usr/lib -name {library})").strip()
        archive = io.BytesIO(b"".join(box.container.get_archive(path)[0]))
        with tarfile.open(fileobj=archive) as files:
            member = files.extractfile(files.getmembers()[0])
            assert member is not None
            constants = _constants(member.read())
        words |= set(re.findall(rb"(?<=\0)[A-Za-z][A-Za-z0-9.-]{1,31}(?=\0)", constants))
    return {word.decode().lower() for word in words}


def test_sambas_tables_have_no_accepted_name(box: Box) -> None:
    """Every word in the libraries with Samba's well-known names is refused, or has no meaning to Samba."""
    _place(box, SERVER.without_account(UserName("ada")).without_account(UserName("bob")))
    words = _samba_words(box)
    refused = sorted(word for word in words if not accepted(UserName, word))
    assert {"everyone", "interactive", "iusr", "local", "administrators", "none"} <= set(refused)
    plain = sorted(words - set(refused))
    assert len(plain) > 100
    assert {} == {word: meaning for word, meaning in box.meanings(plain).items() if meaning}


def test_the_look_up_finds_what_samba_knows(box: Box) -> None:
    """The positive control of the others: reserved names do have a meaning to Samba."""
    _place(box, SERVER)
    names = [
        "Everyone",
        "LOCAL",
        "iusr",
        "None",
        "ADMINISTRATORS",
        netbios_name(SERVER.id),
        "BUILTIN",
        "ada",
        "eve",
    ]
    known = {name: bool(meaning) for name, meaning in box.meanings(names).items()}
    assert {name: name != "eve" for name in names} == known


def test_a_name_means_its_own_account_and_nothing_else(box: Box) -> None:
    """To Samba, any account's name is that user, by its uid; any other accepted name is nobody."""
    mixed = {UserName(name).key: UserName(name) for name in examples(names(UserName), 400)}.values()
    server = evolve(SERVER, accounts=())
    for number, name in enumerate(mixed):
        server = server if number % 3 == 0 else server.with_account(name)
    strangers = [str(name) for number, name in enumerate(mixed) if number % 3 == 0]
    assert len(strangers) > 30
    _place(box, server)
    rids = {str(account.name): 2 * account.uid + 1000 for account in server.accounts}
    found = box.meanings([*rids, *strangers])
    pattern = rf"{netbios_name(SERVER.id)}\\{{}} is a User with SID S-1-5-21-\d+-\d+-\d+-{{}}"
    wrong = {
        name: found[name]
        for name, rid in rids.items()
        if not re.fullmatch(pattern.format(re.escape(name), rid), found[name])
    }
    assert ({}, {}) == (wrong, {name: found[name] for name in strangers if found[name]})


def test_a_rule_for_a_dangerous_name_admits_nobody_else(tenant: Tenant) -> None:
    """The user of that name is admitted; another user of the server, without a rule, is refused."""
    host = tenant.site.host
    host.shares.create(tenant.server, "lobby", Capacity.parse("64MiB"))
    outsider = tenant.smb("outsider", tenant.site.allow(tenant.server, "lobby", "outsider"))
    names = [name for name in _DANGEROUS if accepted(UserName, name)]
    said = {}
    with still_admitted(outsider, "lobby"):
        for name in names:
            named = tenant.user(name, "ro")
            said[name] = (named.do("files", "ls").status, outsider.do("files", "ls").status)
            host.access.deny(tenant.server, "files", name)
    assert len(names) > 12
    assert dict.fromkeys(names, (OK, DENIED)) == said


def test_people_and_shares_have_the_names_they_have(tenant: Tenant) -> None:
    """Every share and every user is found by name: each user finds the right files."""
    host = tenant.site.host
    people = {name: _PEOPLE[number % len(_PEOPLE)] for number, name in enumerate(_SHARES)}
    users = {}
    for name, person in people.items():
        host.shares.create(tenant.server, name, Capacity.parse("16MiB"))
        host.access.allow(tenant.server, name, person, AccessLevel.READ_WRITE, Secret(f"{person}'s own"))
        users[name] = tenant.smb(person, f"{person}'s own")
        assert OK == users[name].put(name, "whose", name.encode()).status
    assert {name: name.encode() for name in _SHARES} == {n: users[n].get(n, "whose") for n in _SHARES}
    # In another case it is the same share to Samba, and a truncated name is unknown.
    assert b"R&D" == users["R&D"].get("r&d", "whose")
    assert "NT_STATUS_BAD_NETWORK_NAME" == users["R&D"].do("R&", "ls").status
