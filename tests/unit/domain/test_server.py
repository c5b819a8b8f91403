"""Share servers: every change returns a new value and leaves the rest as it is."""

from __future__ import annotations

import pytest
from attrs import evolve
from tests.unit.adapters.values import SERVER, SHARE

from shares_core.app.operations.delete_server import DeleteServer
from shares_core.domain import server
from shares_core.domain.access import AccessRule
from shares_core.domain.errors import AlreadyExists, InvalidInput, NoCapacity, NotFound
from shares_core.domain.exports import Export
from shares_core.domain.names import ServerName, ShareName, UserName
from shares_core.domain.server import FIRST_SERVER_UID, Account, DesiredState, ShareServer, free_uid
from shares_core.domain.volume import DISK_OWNER

OTHER = evolve(SHARE, id="5ccccccccccc", name=ShareName("other"))
EMPTY = evolve(SERVER, shares=(), accounts=())


def test_adding_replacing_and_removing_a_share_touches_no_other() -> None:
    """A new share goes last, a known one keeps its place, and the server is otherwise what it was."""
    both = EMPTY.with_share(SHARE).with_share(OTHER)
    assert evolve(SERVER, accounts=(), shares=(SHARE, OTHER)) == both
    renamed = evolve(SHARE, name=ShareName("renamed"))
    assert evolve(both, shares=(renamed, OTHER)) == both.with_share(renamed)
    assert evolve(both, shares=(OTHER,)) == both.without_share(SHARE.id)
    assert both == both.without_share("unknown")


def test_a_share_is_found_by_its_id_or_not() -> None:
    """An unknown id returns None."""
    assert (SHARE, None) == (SERVER.share_by_id(SHARE.id), SERVER.share_by_id("unknown"))


def test_each_account_gets_the_next_uid() -> None:
    """The first is 10000. That of a removed account is not used again, so that nobody inherits its SID."""
    three = EMPTY
    for name in ("ada", "bob", "eve"):
        three = three.with_account(UserName(name))
    assert [10_000, 10_001, 10_002] == [account.uid for account in three.accounts]
    more = three.without_account(UserName("bob")).with_account(UserName("joe"))
    expected = tuple(
        Account(UserName(name), uid) for name, uid in (("ada", 10_000), ("eve", 10_002), ("joe", 10_003))
    )
    assert evolve(EMPTY, accounts=expected, next_uid=10_004) == more
    assert three == three.with_account(UserName("ada"))
    last_again = more.without_account(UserName("joe")).with_account(UserName("joe"))
    assert [10_000, 10_002, 10_004] == [account.uid for account in last_again.accounts]


def test_an_account_is_found_in_any_case_by_people_and_exactly_by_rules() -> None:
    """``account`` accepts any case; ``find_account`` refuses a name that differs only in case."""
    assert SERVER.accounts[0] == SERVER.account("ADA") == SERVER.find_account(UserName("ada"))
    assert SERVER.find_account(UserName("eve")) is None
    with pytest.raises(AlreadyExists) as twin:
        SERVER.find_account(UserName("Ada"))
    assert ("user", "ada") == (twin.value.kind, twin.value.name)
    assert (
        "user 'ada' already exists: Ada differs from it in case only, which SMB does not tell apart"
        == str(twin.value)
    )
    with pytest.raises(NotFound) as missing:
        SERVER.account("eve")
    assert "there is no user 'eve' on server 'tenant-a'" == str(missing.value)
    assert "Host.users.list('tenant-a') lists those that are there" == missing.value.hint
    with pytest.raises(InvalidInput):
        SERVER.account("@root")


def test_a_users_exports_are_those_with_a_rule_for_the_user() -> None:
    """Exactly that user's, in any state."""
    ada, bob, eve = (AccessRule.for_user(name, "ro") for name in ("ada", "bob", "eve"))
    first, second = SHARE.with_rules((ada, bob)), OTHER.with_rules((bob, eve))
    server = evolve(SERVER, shares=(first, second))
    found = {name: server.exports_of(UserName(name)) for name in ("ada", "bob", "eve", "joe")}
    one, two = Export(first), Export(second)
    assert {"ada": (one,), "bob": (one, two), "eve": (two,), "joe": ()} == found


def test_operation_and_desired_state_are_all_that_changes() -> None:
    """The record keeps everything else."""
    deleting = DeleteServer(id="0badc0ffee00", since=1)
    assert evolve(SERVER, operation=deleting) == SERVER.performing(deleting)
    assert SERVER == SERVER.performing(deleting).performing(None)
    assert evolve(SERVER, desired=DesiredState.RUNNING) == SERVER.wanting(DesiredState.RUNNING)


def test_a_share_is_exported_at_every_address() -> None:
    """One location for each address, with the share's name as given."""
    expected = ("\\\\10.0.0.5\\R&D 2026", "\\\\fd00-a--5.ipv6-literal.net\\R&D 2026")
    assert expected == SERVER.export_locations(SHARE)


def test_server_uids_are_the_lowest_free_and_run_out_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The range has a million ids; after the last one there is none."""
    monkeypatch.setattr("shares_core.domain.server._SERVER_UIDS", 3)
    servers: list[ShareServer] = []
    for number in range(3):
        uid = free_uid(servers)
        assert FIRST_SERVER_UID + number == uid
        servers.append(ShareServer(f"{number}", ServerName(f"s{number}"), uid, ()))
    with pytest.raises(NoCapacity, match=r"^every unix user id for share servers is in use$"):
        free_uid(servers)
    assert FIRST_SERVER_UID + 1 == free_uid([servers[0], servers[2]])


def test_no_server_runs_as_the_owner_of_the_volumes() -> None:
    """Otherwise it could own files through a mount that is not mapped for it."""
    assert DISK_OWNER not in range(FIRST_SERVER_UID, FIRST_SERVER_UID + server._SERVER_UIDS)
