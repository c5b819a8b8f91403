"""What a rule allows, and what changing the rules changes."""

from __future__ import annotations

from functools import partial

import pytest
from attrs import evolve
from smbprotocol.open import CreateDisposition, CreateOptions, FilePipePrinterAccessMask

from shares_core import AccessLevel, AccessRule, InvalidInput, NotFound, RecordUnreadable, Secret
from shares_core.adapters.state.layout import Layout
from shares_core.domain.names import UserName
from shares_core.domain.views import PasswordOutcome
from tests.integration.conftest import Tenant
from tests.integration.support.held import SHARE_CLOSED
from tests.testkit.clients import (
    READ,
    READ_WRITE,
    SmbClient,
    anonymous,
    nt_status,
    open_file,
    still_admitted,
)

OK = "NT_STATUS_OK"
DENIED = "NT_STATUS_ACCESS_DENIED"
NO_SHARE = "NT_STATUS_BAD_NETWORK_NAME"
LOGON_FAILURE = "NT_STATUS_LOGON_FAILURE"
#: What only a writer may do, in smbclient's words; ``old`` and ``folder`` are there before.
_CHANGES = (
    'put "/etc/hostname" new',
    'put "/etc/hostname" old',
    "setmode old +h",
    "hardlink old link",
    "rename old renamed",
    "rm renamed",
    "mkdir made",
    "rmdir folder",
)
_CHANGES_REFUSED = tuple(change.replace("rm renamed", "rm old") for change in _CHANGES)
#: Access masks that a reader must not be given. WRITE_OWNER and WRITE_DAC are, and change nothing: see
#: test_full_access.
_WRITING = {
    name: getattr(FilePipePrinterAccessMask, name)
    for name in (
        "GENERIC_WRITE",
        "GENERIC_ALL",
        "FILE_WRITE_DATA",
        "FILE_APPEND_DATA",
        "FILE_WRITE_EA",
        "FILE_WRITE_ATTRIBUTES",
        "DELETE",
    )
}
_INJECTIONS = (
    "@games",
    "+games",
    "&games",
    'ada", "eve',
    'ada"',
    "<10000>",
    "<guest>",
    "ada\r",
    "ada\x00",
    "ada\u2028eve",
    "ada=eve",
    "ada,eve",
    "ada\\",
    "ada\nguest ok = yes",
    "ada:0",
    "../ada",
    "ada ",
    "",
    "*",
    "a" * 256,
    "漢" * 151,
)


def _statuses(client: SmbClient, commands: tuple[str, ...], share: str = "files") -> dict[str, str]:
    return {command: client.do(share, command).status for command in commands}


def _config_files(tenant: Tenant) -> dict[str, bytes]:
    folder = Layout(tenant.site.config.state_dir).config(tenant.server_id)
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- what the two levels let one do


def test_a_read_write_user_writes_and_reads_back(tenant: Tenant) -> None:
    """A user reads what the same user has written."""
    ada = tenant.user("ada")
    assert ada.put("files", "hello.txt", b"hello").status == OK
    assert ada.get("files", "hello.txt") == b"hello"


def test_a_read_only_user_reads_and_cannot_write(tenant: Tenant) -> None:
    """A read-only user reads, and gets ACCESS_DENIED when writing."""
    ada, bob = tenant.user("ada"), tenant.user("bob", "ro")
    assert ada.put("files", "hello.txt", b"hello").status == OK
    assert bob.get("files", "hello.txt") == b"hello"
    assert bob.put("files", "bob.txt", b"bob").status == DENIED
    assert bob.get("files", "hello.txt") == b"hello"
    assert ada.put("files", "again.txt", b"again").status == OK


def test_what_one_client_writes_the_other_reads(tenant: Tenant) -> None:
    """smbprotocol reads what smbclient wrote, and the other way round."""
    ada = tenant.user("ada")
    assert ada.put("files", "by-smbclient", b"one").status == OK
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        assert open_file(tree, "by-smbclient").read(0, 3) == b"one"
        with_smbprotocol = open_file(tree, "by-smbprotocol")
        assert with_smbprotocol.write(b"two", 0) == 3
        assert with_smbprotocol.read(0, 3) == b"two"
    assert ada.get("files", "by-smbprotocol") == b"two"


def test_a_read_only_user_changes_nothing_by_smbclient(tenant: Tenant) -> None:
    """Each change is refused to a reader, and granted to a writer just after, in the share's root folder."""
    ada, bob = tenant.user("ada"), tenant.user("bob", "ro")
    assert ada.put("files", "old", b"old").status == OK
    assert ada.do("files", "mkdir folder").status == OK
    assert _statuses(bob, _CHANGES_REFUSED) == dict.fromkeys(_CHANGES_REFUSED, DENIED)
    assert bob.get("files", "old") == b"old"
    assert _statuses(ada, _CHANGES) == dict.fromkeys(_CHANGES, OK)


def test_a_read_only_user_changes_nothing_by_smbprotocol(tenant: Tenant) -> None:
    """A reader gets no handle that can change a file, make a folder or truncate."""
    ada, bob = tenant.user("ada"), tenant.user("bob", "ro")
    assert ada.put("files", "old", b"old").status == OK
    existing = CreateDisposition.FILE_OPEN
    with bob.connection() as session:
        tree = bob.tree(session, "files")
        assert open_file(tree, "old", READ).read(0, 3) == b"old"
        said = {
            name: nt_status(partial(open_file, tree, "old", mask, disposition=existing))
            for name, mask in _WRITING.items()
        }
        assert said == dict.fromkeys(_WRITING, DENIED)
        most = open_file(tree, "old", FilePipePrinterAccessMask.MAXIMUM_ALLOWED, disposition=existing)
        assert nt_status(lambda: most.write(b"new", 0)) == DENIED
        truncating = CreateDisposition.FILE_OVERWRITE_IF
        assert nt_status(lambda: open_file(tree, "old", READ, disposition=truncating)) == DENIED
        folder = CreateOptions.FILE_DIRECTORY_FILE
        assert nt_status(lambda: open_file(tree, "made", options=folder)) == DENIED
        assert open_file(tree, "old", READ).read(0, 3) == b"old"
    with ada.connection() as session:
        assert open_file(ada.tree(session, "files"), "old").write(b"new", 0) == 3


def test_the_servers_own_files_stay_outside(tenant: Tenant) -> None:
    """A share begins as an empty folder, and only shows what a writer puts there."""
    ada = tenant.user("ada")
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        assert open_file(tree, "first", READ_WRITE).write(b"1", 0) == 1
    listed = ada.do("files", "recurse; ls").output
    assert [line.split()[0] for line in listed.splitlines() if line.startswith("  ")] == [".", "..", "first"]


# ---- changing rules


def test_the_last_allow_sets_the_level(tenant: Tenant) -> None:
    """Read-only to read-write and back: each new connection has the latest level."""
    ada, bob = tenant.user("ada", "ro"), tenant.user("bob")
    with still_admitted(bob):
        said = [ada.put("files", "x", b"x").status]
        for level in (AccessLevel.READ_WRITE, AccessLevel.READ_ONLY, AccessLevel.READ_WRITE):
            allowed = tenant.site.host.access.allow(tenant.server, "files", "ada", level)
            assert (allowed.rule.level, allowed.outcome) == (level, PasswordOutcome.KEPT)
            said.append(ada.put("files", "x", b"x").status)
        assert said == [DENIED, OK, DENIED, OK]


def test_a_raised_level_reaches_a_connected_client_when_it_uses_the_share_anew(tenant: Tenant) -> None:
    """The result counts the connections that keep the former one, and ``reconnect`` ends their use."""
    access = tenant.site.host.access
    ada, bob = tenant.user("ada", "ro"), tenant.user("bob", "ro")
    assert access.allow(tenant.server, "files", "ada", AccessLevel.READ_ONLY).stale_connections == 0
    with still_admitted(bob), ada.connection() as session:
        former = ada.tree(session, "files")
        made = partial(open_file, former, "new", READ_WRITE)
        assert nt_status(made) == DENIED
        assert access.allow(tenant.server, "files", "ada").stale_connections == 1
        assert nt_status(made) == DENIED
        assert nt_status(partial(open_file, ada.tree(session, "files"), "new", READ_WRITE)) == OK
        again = access.allow(tenant.server, "files", "ada", reconnect=True)
        assert (again.stale_connections, nt_status(made)) == (0, SHARE_CLOSED)
        assert nt_status(partial(open_file, ada.tree(session, "files"), "new", READ_WRITE)) == OK


def test_replace_makes_exactly_these_rules(tenant: Tenant) -> None:
    """After a replacement, users without a rule have no access, and the others have their new level."""
    ada, bob, eve = tenant.user("ada"), tenant.user("bob", "ro"), tenant.user("eve")
    wanted = [
        AccessRule.for_user(name, level) for name, level in (("bob", "rw"), ("eve", "ro"), ("new", "rw"))
    ]
    made = tenant.site.host.access.replace(
        tenant.server, "files", wanted, passwords={UserName("new"): Secret("new's own")}
    )
    assert [view.rule for view in made] == wanted
    kept = PasswordOutcome.KEPT
    assert [view.outcome for view in made] == [kept, kept, PasswordOutcome.SET]
    new = tenant.smb("new", "new's own")
    clients = (ada, bob, eve, new)
    assert [client.do("files", "ls").status for client in clients] == [DENIED, OK, OK, OK]
    assert [client.put("files", "x", b"x").status for client in clients] == [DENIED, OK, DENIED, OK]
    assert tenant.site.host.access.replace(tenant.server, "files", []) == ()
    assert [client.do("files", "ls").status for client in clients] == [NO_SHARE] * 4


def test_a_contradictory_set_changes_nothing(tenant: Tenant) -> None:
    """A set with two rules for a user is refused as a whole."""
    ada = tenant.user("ada")
    rules = [
        AccessRule.for_user(name, level) for name, level in (("eve", "rw"), ("bob", "ro"), ("bob", "rw"))
    ]
    with still_admitted(ada), pytest.raises(InvalidInput):
        tenant.site.host.access.replace(tenant.server, "files", rules)
    assert tenant.site.host.access.list(tenant.server, "files") == (AccessRule.for_user("ada", "rw"),)
    assert [str(account.name) for account in tenant.site.host.users.list(tenant.server)] == ["ada"]


def test_an_account_outlives_its_last_rule(tenant: Tenant) -> None:
    """A user who is denied and allowed again keeps the password, and the result says so."""
    ada = tenant.user("ada")
    assert ada.do("files", "ls").status == OK
    tenant.site.host.access.deny(tenant.server, "files", "ada")
    assert ada.do("files", "ls").status == NO_SHARE
    assert [str(account.name) for account in tenant.site.host.users.list(tenant.server)] == ["ada"]
    again = tenant.site.host.access.allow(tenant.server, "files", "ada", AccessLevel.READ_ONLY)
    assert (again.outcome, again.password) == (PasswordOutcome.KEPT, None)
    assert ada.do("files", "ls").status == OK
    assert ada.put("files", "x", b"x").status == DENIED


def test_allow_with_a_password_sets_it(tenant: Tenant) -> None:
    """A password given with the rule is valid from then on, also with odd characters."""
    ada = tenant.user("ada")
    password = 'p%U ä€ "quoted" \\ #;\' =x'
    allowed = tenant.site.host.access.allow(
        tenant.server, "files", "ada", AccessLevel.READ_WRITE, Secret(password)
    )
    assert (allowed.outcome, allowed.password) == (PasswordOutcome.SET, None)
    assert ada.do("files", "ls").status == LOGON_FAILURE
    with evolve(ada, password=password).connection() as session:
        assert nt_status(lambda: ada.tree(session, "files")) == OK


# ---- what must change nothing


def test_names_with_injections_are_refused_and_change_nothing(tenant: Tenant) -> None:
    """No name that Samba would read as more than one user gets into its configuration."""
    ada = tenant.user("ada")
    access, config = tenant.site.host.access, _config_files(tenant)
    with still_admitted(ada):
        for name in _INJECTIONS:
            with pytest.raises(InvalidInput):
                access.allow(tenant.server, "files", name)
            with pytest.raises(InvalidInput):
                access.deny(tenant.server, "files", name)
        assert tenant.smb("mallory", "").do("files", "ls").status == LOGON_FAILURE
        assert anonymous(tenant.namespace, tenant.address, "files").status == DENIED
    assert _config_files(tenant) == config
    assert access.list(tenant.server, "files") == (AccessRule.for_user("ada", "rw"),)


def test_denying_an_unknown_user_is_an_error_and_changes_nothing(tenant: Tenant) -> None:
    """A deny that denies nobody does not pass for one that did."""
    ada, bob = tenant.user("ada"), tenant.user("bob")
    with still_admitted(ada):
        with pytest.raises(NotFound):
            tenant.site.host.access.deny(tenant.server, "files", "mallory")
        assert tenant.site.host.access.deny(tenant.server, "files", "bob") is True
        assert tenant.site.host.access.deny(tenant.server, "files", "bob") is False
        assert bob.do("files", "ls").status == DENIED


@pytest.mark.parametrize("which", ["record", "passwords"])
def test_a_failed_read_does_not_mean_that_there_are_no_users(tenant: Tenant, which: str) -> None:
    """If a server's record cannot be read, the call says so, and nothing changes or is overwritten."""
    ada, bob = tenant.user("ada"), tenant.user("bob")
    layout = Layout(tenant.site.config.state_dir)
    server_id = tenant.server_id
    path = (layout.records if which == "record" else layout.secrets) / f"{server_id}.json"
    content = path.read_bytes()
    access = tenant.site.host.access
    with still_admitted(bob):
        try:
            path.write_bytes(content[: len(content) // 2])
            with pytest.raises(RecordUnreadable):
                access.deny(tenant.server, "files", "ada")
            with pytest.raises(RecordUnreadable):
                access.allow(tenant.server, "files", "eve")
            assert path.read_bytes() == content[: len(content) // 2]
            assert ada.do("files", "ls").status == OK
        finally:
            path.write_bytes(content)
        access.deny(tenant.server, "files", "ada")
        assert ada.do("files", "ls").status == DENIED
