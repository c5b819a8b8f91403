"""Names as Samba understands them: its own look-up and real clients are the judges."""

from __future__ import annotations

import re
import unicodedata
from functools import partial

from attrs import evolve

from shares_core import AccessLevel, AccessRule, Capacity, Secret
from shares_core.adapters.samba.render import (
    account_name,
    render_group,
    render_passwd,
    render_smb_conf,
    render_smbpasswd,
    render_user_map,
)
from shares_core.domain.names import UserName, key_of, netbios_name
from shares_core.domain.secret import PasswordHash
from shares_core.domain.server import ShareServer
from tests.integration.conftest import Tenant
from tests.integration.oracles.box import Box
from tests.integration.oracles.strategies import examples, names
from tests.testkit.clients import SmbClient, nt_status, still_admitted
from tests.unit.adapters.values import SERVER

OK = "NT_STATUS_OK"
DENIED = "NT_STATUS_ACCESS_DENIED"
_HASH = PasswordHash("A" * 32, 0x65000000)
#: Names with a meaning to Samba, Windows, unix or a shell, and names that resemble others.
_DANGEROUS = (
    *(
        "Everyone",
        "Authenticated Users",
        "Administrator",
        "Administrators",
        "BUILTIN",
        "NT Authority",
    ),
    *(
        "root",
        "nobody",
        "shares",
        "backup",
        "games",
        "10000",
        "10001",
        "0",
        "S-1-1-0",
        "S-1-5-32-544",
    ),
    *(
        "guest",
        "a%U",
        "%U",
        "!bang",
        "#hash",
        "a!b",
        "-dash",
        "~",
        "a@",
        "x'y",
        "(a)",
        "{b}",
        "`id`",
    ),
    *(
        "creator-owner",
        "unix_user.shares",
        "0x0",
        "127.0.0.1",
        "1e3",
        "svc$",
        "srv0123456789ab",
        "global",
        "x.",
    ),
)
_PEOPLE = (
    *(
        "max.mustermann",
        "Ada-Lovelace",
        "o_brien",
        "ada@example.com",
        "Max Mustermann",
        "müller",
        "MIXEDcase",
    ),
    *("4ever", "李小龍先生", "🦊🦊🦊🦊", "домен", "x" * 255, "漢" * 150, "Ünïcödé Nâme"),
)
_SHARES = (
    *(
        "Projects 2026",
        "R&D",
        "O'Brien's files",
        "a (old) b.c-d_e",
        "2026",
        "x" * 80,
        "path",
        "Global s1",
        "Büro",
    ),
    *("株式会社", "#1 {x}", "admin", "print", "old$", "漢" * 80, "🦊" * 40, "@x", "!a `b`"),
)
#: How many of Unicode's characters with a case are tried: looking each up takes a while.
_EVERY = 7


def _password(name: str) -> str:
    return f"{name}'s own"[-200:]


def _place(box: Box, server: ShareServer) -> None:
    hashes = {account.name: _HASH for account in server.accounts}
    box.place("config/smb.conf", render_smb_conf(server))
    box.place("config/passwd", render_passwd(server))
    box.place("config/group", render_group(server))
    box.place("config/users.map", render_user_map(server))
    box.place("private/smbpasswd", render_smbpasswd(server.accounts, hashes), mode=0o600)


def test_the_look_up_finds_what_samba_knows(box: Box) -> None:
    """The positive control of the next: names of Windows' groups have a meaning, people's names have none."""
    _place(box, SERVER)
    names = ["Everyone", "LOCAL", "ADMINISTRATORS", "<10000>", "<10002>", "ada"]
    known = {name: bool(meaning) for name, meaning in box.meanings(names).items()}
    assert {name: name not in ("ada", "<10002>") for name in names} == known


def test_an_account_is_its_user_and_nothing_else_to_samba(box: Box) -> None:
    """By its uid, whatever the name of the person is."""
    server = evolve(SERVER, accounts=())
    for name in {UserName(name).key: UserName(name) for name in examples(names(UserName), 150)}.values():
        server = server.with_account(name)
    _place(box, server)
    pattern = rf"{netbios_name(SERVER.id)}\\{{}} is a User with SID S-1-5-21-\d+-\d+-\d+-{{}}"
    found = box.meanings([account_name(account) for account in server.accounts])
    wrong = {
        account.name: found[account_name(account)]
        for account in server.accounts
        if not re.fullmatch(
            pattern.format(account_name(account), 2 * account.uid + 1000), found[account_name(account)]
        )
    }
    assert (True, {}) == (len(server.accounts) > 60, wrong)


def test_names_that_samba_takes_for_one_are_one_here(box: Box) -> None:
    """Over Unicode's characters that have a case: Samba finds an account that a name of the same key has."""
    cased = [
        char
        for char in map(chr, range(0x80, 0x110000))
        if unicodedata.category(char) not in ("Cn", "Cs", "Co", "Cc")
        and {char.upper(), char.lower(), char.title(), char.casefold()} != {char}
    ]
    lines = (
        f"x{c}:{20_000 + n}:{'X' * 32}:{'A' * 32}:[U          ]:LCT-65000000:\n" for n, c in enumerate(cased)
    )
    box.place("private/cased", "".join(lines), mode=0o600)
    box.place("config/cased.conf", "[global]\npassdb backend = smbpasswd:/private/cased\n")
    tried = cased[::_EVERY]
    box.place("words", "\n".join(f"x{char}" for char in tried) + "\n")
    # There are no unix accounts: what pdbedit complains of is the name that it has found.
    out = box.script(
        'while IFS= read -r word; do echo "=$word"; '
        'pdbedit --configfile=/config/cased.conf --user "$word" 2>&1 || true; done </box/words'
    )
    found = {part[0]: re.findall(r"username x(.) with uid", part) for part in out.split("=x")[1:]}
    assert set(tried) == found.keys()
    assert {} == {
        char: them for char, them in found.items() if {key_of(one) for one in them} != {key_of(char)}
    }
    assert any(them != [char] for char, them in found.items())


def _admitted(smb: SmbClient) -> list[str]:
    """What the user is told on each share, or that there is no such user.

    The proof of a password holds the name in upper case: smbprotocol's is Python's, where ß has two letters.
    """
    if any(len(char.upper()) > 1 or char in "\u0131\u017f" for char in smb.user):
        return [smb.do(share, "ls").status for share in ("files", "lobby")]
    with smb.negotiated() as connection:
        told = nt_status(partial(smb.log_in, connection))
        if told != OK:
            return [told]
        session = smb.log_in(connection)
        return [nt_status(partial(smb.tree, session, share)) for share in ("files", "lobby")]


def test_everybody_logs_in_by_their_own_name_and_is_nobody_else(tenant: Tenant) -> None:
    """Whatever it means elsewhere: every second of them has a rule on one share, the others on another."""
    host = tenant.site.host
    host.shares.create(tenant.server, "lobby", Capacity.parse("16MiB"))
    drawn = [*_DANGEROUS, *_PEOPLE, *examples(names(UserName), 40)]
    people = [str(name) for name in {UserName(name).key: UserName(name) for name in drawn}.values()]
    for number, share in enumerate(("files", "lobby")):
        mine = people[number::2]
        rules = [AccessRule.for_user(name, "ro") for name in mine]
        passwords = {name: Secret(_password(name)) for name in mine}
        host.access.replace(tenant.server, share, rules, passwords)
    said = {}
    for name in people:
        said[name] = _admitted(tenant.smb(name, _password(name)))
    expected = {name: [OK, DENIED] if number % 2 == 0 else [DENIED, OK] for number, name in enumerate(people)}
    assert len(people) > 60
    assert expected == said


def test_a_rule_for_a_dangerous_name_admits_nobody_else(tenant: Tenant) -> None:
    """Another user of the server, without a rule, is refused as long as the rule is there."""
    host = tenant.site.host
    host.shares.create(tenant.server, "lobby", Capacity.parse("16MiB"))
    outsider = tenant.smb("outsider", tenant.site.allow(tenant.server, "lobby", "outsider"))
    with still_admitted(outsider, "lobby"):
        rules = [AccessRule.for_user(name, "ro") for name in _DANGEROUS]
        host.access.replace(tenant.server, "files", rules)
        assert outsider.do("files", "ls").status == DENIED


def test_people_and_shares_have_the_names_they_have(tenant: Tenant) -> None:
    """Every share and every user is found by name: each user finds the right files."""
    host = tenant.site.host
    people = {name: _PEOPLE[number % len(_PEOPLE)] for number, name in enumerate(_SHARES)}
    users = {}
    for name, person in people.items():
        host.shares.create(tenant.server, name, Capacity.parse("16MiB"))
        host.access.allow(tenant.server, name, person, AccessLevel.READ_WRITE, Secret(_password(person)))
        users[name] = tenant.smb(person, _password(person))
        assert OK == users[name].put(name, "whose", name.encode()).status
    assert {name: name.encode() for name in _SHARES} == {n: users[n].get(n, "whose") for n in _SHARES}
    # In another case it is the same share to Samba, and a truncated name is unknown.
    assert b"R&D" == users["R&D"].get("r&d", "whose")
    assert "NT_STATUS_BAD_NETWORK_NAME" == users["R&D"].do("R&", "ls").status


def test_clients_list_the_shares_that_are_not_hidden(tenant: Tenant) -> None:
    """A hidden one is there all the same, for those who know its name."""
    shares = ("Büro 株式会社", "#1 {x}", "old$")
    for name in shares:
        tenant.site.host.shares.create(tenant.server, name, Capacity.parse("16MiB"))
        tenant.site.host.access.allow(tenant.server, name, "ada", AccessLevel.READ_ONLY, Secret("ada's own"))
    ada = tenant.smb("ada", "ada's own")
    said = ada.namespace.run(*ada.argv("IPC$", "-m", "SMB3", "-g", "-L", f"//{tenant.address}"))
    fields = [line.split("|") for line in said.stdout.splitlines()]
    assert {"Büro 株式会社", "#1 {x}"} == {each[1] for each in fields if each[0] == "Disk"}
    assert {OK} == {ada.do(name, "ls").status for name in shares}
