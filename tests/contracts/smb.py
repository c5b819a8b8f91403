"""What every Samba does: what it serves, to whom, and whose connections end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest
from attrs import evolve

from shares_core.adapters.linux.polling import wait_until
from shares_core.domain.access import AccessLevel
from shares_core.domain.audit import AuditAction, AuditEntry
from shares_core.domain.errors import BackendFailure
from shares_core.domain.names import ShareName, UserName
from shares_core.domain.options import ShareOptions
from shares_core.domain.secret import Secret
from shares_core.domain.server import Account, ShareServer
from shares_core.domain.share import ShareStatus
from shares_core.domain.views import RecycledFiles, RunState
from shares_core.ports.smb import SmbSessions
from tests.contracts.operations import SERVED, in_status
from tests.contracts.smb_world import (
    ADA,
    BOB,
    EVE,
    FILES,
    OTHER,
    PASSWORD,
    RO,
    RW,
    Serving,
    SmbContract,
    SmbWorld,
    Written,
)
from tests.contracts.values import UID, new_server, with_rules

_ENDING: dict[str, Callable[[SmbSessions, ShareServer], None]] = {
    "close_share": lambda sessions, server: sessions.close_share(server, FILES),
    "close_user": lambda sessions, server: sessions.close_user(server, FILES, (ADA,)),
    "end_user": lambda sessions, server: sessions.end_user(server, ADA),
    "end_connections": lambda sessions, server: sessions.end_connections(server, (1,)),
}


class SmbConfigContract(SmbContract):
    """The suite of ``ports.smb.SmbConfig``."""

    def test_exactly_the_applied_configuration_is_served(self, world: SmbWorld, serving: Serving) -> None:
        """To the users with a rule, at their level; applying twice is applying once."""
        smb_config = world.ports.smb_config
        wanted = with_rules(with_rules(serving.server, "files", ada="rw", bob="ro"), "other", bob="rw")
        assert not smb_config.applied(wanted, serving.hashes)
        for _ in range(2):
            smb_config.apply(wanted, serving.hashes)
            assert smb_config.applied(wanted, serving.hashes)
            assert not smb_config.applied(serving.server, serving.hashes)
            assert not smb_config.applied(wanted, {ADA: serving.hashes[ADA]})
            ada, bob = serving.connect(ADA), serving.connect(BOB)
            assert (RW, None) == (ada.level(FILES), ada.level(OTHER))
            assert (RO, RW) == (bob.level(FILES), bob.level(OTHER))

    def test_nobody_else_gets_in(self, world: SmbWorld, serving: Serving) -> None:
        """Neither without an account, nor with a wrong password, nor with an account but no hash."""
        smb_config = world.ports.smb_config
        assert world.log_in(serving.server, EVE, PASSWORD) is None
        assert world.log_in(serving.server, ADA, Secret("wrong horse")) is None
        smb_config.apply(serving.server, {BOB: serving.hashes[BOB]})
        assert world.log_in(serving.server, ADA, PASSWORD) is None
        assert RW == serving.connect(BOB).level(FILES)

    @pytest.mark.parametrize("status", [each for each in ShareStatus if each not in SERVED])
    def test_only_ready_shares_are_served(
        self, world: SmbWorld, serving: Serving, status: ShareStatus
    ) -> None:
        """None without a rule."""
        smb_config = world.ports.smb_config
        share = in_status(serving.server.share(FILES), status)
        smb_config.apply(serving.server.with_share(share), serving.hashes)
        ada = serving.connect(ADA)
        assert (None, RW) == (ada.level(FILES), ada.level(OTHER))
        serving.rules(OTHER)
        assert serving.connect(ADA).level(OTHER) is None

    def test_applying_closes_no_connection(self, world: SmbWorld, serving: Serving) -> None:
        """Not even of a user who loses a right: ending those is for the verbs of sessions."""
        held = serving.connect(ADA).hold(FILES)
        serving.rules(bob="rw")
        assert held.usable()

    def test_a_stopped_server_serves_the_applied_configuration_when_it_starts(
        self, world: SmbWorld, resting: Serving
    ) -> None:
        """There is no smbd to tell meanwhile."""
        resting.rules(ada="ro")
        resting.start()
        assert RO == resting.connect(ADA).level(FILES)

    def test_accounts_are_written_before_shares(self, world: SmbWorld, serving: Serving) -> None:
        """Killed in between, it leaves the former shares to their users; the next apply serves the new."""
        smb_config = world.ports.smb_config
        wider = _for_eve(serving.server)
        world.half_applied(wider, serving.hashes, Written.ACCOUNTS)
        assert not smb_config.applied(wider, serving.hashes)
        eve = serving.connect(EVE)
        assert (None, None) == (eve.level(FILES), eve.level(OTHER))
        assert RW == serving.connect(BOB).level(FILES)
        smb_config.apply(wider, serving.hashes)
        assert RW == serving.connect(EVE).level(FILES)
        assert serving.connect(BOB).level(FILES) is None

    def test_a_half_done_apply_serves_the_former_or_the_new_shares(
        self, world: SmbWorld, serving: Serving
    ) -> None:
        """If it is killed before telling smbd, no connection gets a mixture."""
        smb_config = world.ports.smb_config
        wider = _for_eve(serving.server)
        world.half_applied(wider, serving.hashes, Written.SHARES)
        assert not smb_config.applied(wider, serving.hashes)
        for user, former, new in ((ADA, RW, None), (EVE, None, RW)):
            client = serving.connect(user)
            assert (client.level(FILES), client.level(OTHER)) in {(former, former), (new, new)}
        smb_config.apply(wider, serving.hashes)
        assert RW == serving.connect(EVE).level(OTHER)

    def test_what_smbd_says_of_accounts_is_told_of_users(self, world: SmbWorld, serving: Serving) -> None:
        """Whatever it calls them; the rest of the text stays."""
        smb_config = world.ports.smb_config
        assert "nothing of theirs" == smb_config.explained(serving.server, "nothing of theirs")

    def test_smbd_logs_what_is_done_on_audited_shares(self, world: SmbWorld, serving: Serving) -> None:
        """What is opened for writing, and no more; of the shares that are named."""
        smb_config, runtime = world.ports.smb_config, world.ports.runtime
        server = serving.server
        audited = server.share(FILES).with_options(ShareOptions(audit=True))
        server = serving.publish(server.with_share(audited))
        serving.connect(ADA).hold(FILES, write=False)
        serving.connect(ADA).hold(OTHER)
        serving.connect(BOB).hold(FILES)

        def said() -> Mapping[str, Sequence[AuditEntry]]:
            return smb_config.audited(server, [each.id for each in server.shares], runtime.log(server.id))

        assert wait_until(lambda: bool(said()), 10)
        assert [audited.id] == [*said()]
        (entry,) = said()[audited.id]
        assert (AuditAction.OPENED, ("bob",), "file") == (entry.action, entry.users, entry.path)
        assert entry.address
        assert {} == smb_config.audited(server, (), runtime.log(server.id))
        assert any(smb_config.is_audit(line.text) for line in runtime.log(server.id))
        assert not smb_config.is_audit("smbd version 4 started.")

    def test_a_server_without_folders_cannot_be_configured(self, world: SmbWorld) -> None:
        """None are made on the way."""
        smb_config = world.ports.smb_config
        with pytest.raises(BackendFailure):
            smb_config.apply(new_server(world.new_id()), {})
        assert not smb_config.applied(new_server(world.new_id()), {})
        assert () == world.ports.folders.list()

    def test_a_server_that_ends_during_apply_is_configured_for_its_next_start(
        self, world: SmbWorld, serving: Serving
    ) -> None:
        """A missing smbd is not a failure."""
        server = with_rules(serving.server, "files", ada="ro")
        with world.ending(server.id, 1) as ports:
            ports.smb_config.apply(server, serving.hashes)
        assert RunState.STOPPED is world.ports.runtime.inspect(server.id).state
        serving.start()
        assert RO == serving.connect(ADA).level(FILES)


class SmbSessionsContract(SmbContract):
    """The suite of ``ports.smb.SmbSessions``."""

    def test_nothing_is_done_if_the_server_does_not_run(self, world: SmbWorld, resting: Serving) -> None:
        """Neither stopped nor absent servers have connections."""
        smb_sessions = world.ports.smb_sessions
        server = resting.rules(ada="rw")
        for stopped in (False, True):
            if stopped:
                world.ports.runtime.ensure(server.id, UID)
            smb_sessions.close_share(server, FILES)
            smb_sessions.close_user(server, FILES, (ADA,))
            smb_sessions.end_user(server, ADA)
            smb_sessions.end_connections(server, (1,))
            assert {ADA: 0} == smb_sessions.connections(server, FILES, (ADA,))
            assert ((), ()) == (smb_sessions.sessions(server), smb_sessions.files(server))

    @pytest.mark.parametrize("verb", _ENDING)
    @pytest.mark.parametrize("step", [1, 2, 3])
    def test_a_server_that_ends_meanwhile_has_no_connections_to_end(
        self, world: SmbWorld, serving: Serving, verb: str, step: int
    ) -> None:
        """Its connections end with it."""
        ada = serving.connect(ADA)
        held = ada.hold(FILES)
        with world.ending(serving.server.id, step) as ports:
            _ENDING[verb](ports.smb_sessions, serving.server)
        assert RunState.STOPPED is world.ports.runtime.inspect(serving.server.id).state
        assert (False, False) == (held.usable(), ada.connected())

    def test_a_closed_share_is_closed_for_everyone(self, world: SmbWorld, serving: Serving) -> None:
        """With its open files; the connections stay, with what they have open on other shares."""
        smb_sessions = world.ports.smb_sessions
        ada, bob = serving.connect(ADA), serving.connect(BOB)
        closed, elsewhere = (ada.hold(FILES), bob.hold(FILES)), ada.hold(OTHER)
        for _ in range(2):
            smb_sessions.close_share(serving.server, FILES)
            assert [False, False, True] == [each.usable() for each in (*closed, elsewhere)]
        assert (RW, RW) == (ada.level(OTHER), bob.level(FILES))

    def test_an_unpublished_share_stays_closed(self, world: SmbWorld, serving: Serving) -> None:
        """No earlier connection keeps the former configuration."""
        smb_sessions = world.ports.smb_sessions
        ada = serving.connect(ADA)
        held = ada.hold(FILES)
        gone = serving.publish(
            serving.server.with_share(in_status(serving.server.share(FILES), ShareStatus.DELETING))
        )
        smb_sessions.close_share(gone, FILES)
        assert (False, None, RW) == (held.usable(), ada.level(FILES), ada.level(OTHER))

    @pytest.mark.parametrize(("given", "left"), [({"bob": "rw"}, None), ({"ada": "ro", "bob": "rw"}, RO)])
    def test_a_restricted_user_keeps_nothing_open(
        self, world: SmbWorld, serving: Serving, given: dict[str, str], left: AccessLevel | None
    ) -> None:
        """Users on other connections notice nothing; twice is once."""
        smb_sessions = world.ports.smb_sessions
        ada, again, bob = serving.connect(ADA), serving.connect(ADA), serving.connect(BOB)
        closed = (ada.hold(FILES), again.hold(FILES, write=False))
        kept = bob.hold(FILES)
        server = serving.rules(FILES, **given)
        for _ in range(2):
            smb_sessions.close_user(server, FILES, (ADA,))
            assert [False, False, True] == [each.usable() for each in (*closed, kept)]
        assert [left, left, RW] == [each.level(FILES) for each in (ada, again, bob)]

    def test_a_share_is_closed_for_several_users_at_once(self, world: SmbWorld, serving: Serving) -> None:
        """Naming no users closes nothing."""
        smb_sessions = world.ports.smb_sessions
        held = [serving.connect(user).hold(FILES) for user in (ADA, BOB)]
        smb_sessions.close_user(serving.server, FILES, ())
        assert [True, True] == [each.usable() for each in held]
        smb_sessions.close_user(serving.rules(), FILES, (ADA, BOB))
        assert [False, False] == [each.usable() for each in held]

    def test_connections_that_use_a_share_are_counted(self, world: SmbWorld, serving: Serving) -> None:
        """By user; those that use only other shares, or ended, do not count."""
        smb_sessions = world.ports.smb_sessions
        ada, again, bob = serving.connect(ADA), serving.connect(ADA), serving.connect(BOB)
        for client, share in ((ada, FILES), (ada, OTHER), (again, FILES), (bob, FILES)):
            client.hold(share)

        def counted(share: ShareName) -> dict[UserName, int]:
            return dict(smb_sessions.connections(serving.server, share, (ADA, BOB, EVE)))

        assert {ADA: 2, BOB: 1, EVE: 0} == counted(FILES)
        assert {ADA: 1, BOB: 0, EVE: 0} == counted(OTHER)
        smb_sessions.close_user(serving.server, FILES, (ADA,))
        assert {ADA: 0, BOB: 1, EVE: 0} == counted(FILES)

    def test_the_sessions_and_files_are_those_of_connected_clients(
        self, world: SmbWorld, serving: Serving
    ) -> None:
        """By user and share, with what each may do with the file; nothing of those who are gone."""
        smb_sessions = world.ports.smb_sessions
        assert ((), ()) == (smb_sessions.sessions(serving.server), smb_sessions.files(serving.server))
        ada, bob = serving.connect(ADA), serving.connect(BOB)
        ada.hold(FILES)
        ada.hold(OTHER)
        bob.hold(FILES, write=False)
        told = {each.user: each for each in smb_sessions.sessions(serving.server)}
        assert {"ada": ("files", "other"), "bob": ("files",)} == {user: told[user].shares for user in told}
        assert 2 == len({each.id for each in told.values()}) == len({s.connection for s in told.values()})
        assert {("SMB3_11", True)} == {(each.dialect, bool(each.encryption)) for each in told.values()}
        files = smb_sessions.files(serving.server)
        assert {(each.share, each.users, each.access, each.connection) for each in files} == {
            ("files", ("ada",), "rw", told["ada"].connection),
            ("other", ("ada",), "rw", told["ada"].connection),
            ("files", ("bob",), "r", told["bob"].connection),
        }
        smb_sessions.end_user(serving.server, ADA)
        assert ["bob"] == [each.user for each in smb_sessions.sessions(serving.server)]

    def test_connections_end_by_their_numbers(self, world: SmbWorld, serving: Serving) -> None:
        """With all that is open there; others stay, and twice is once."""
        smb_sessions = world.ports.smb_sessions
        ended, kept = serving.connect(ADA), serving.connect(BOB)
        numbers = tuple(
            each.connection for each in smb_sessions.sessions(serving.server) if each.user == str(ADA)
        )
        for _ in range(2):
            smb_sessions.end_connections(serving.server, numbers)
            assert [False, True] == [ended.connected(), kept.connected()]

    def test_a_users_connections_end(self, world: SmbWorld, serving: Serving) -> None:
        """All of them, on every share; those of others stay; twice is once."""
        smb_sessions = world.ports.smb_sessions
        ended, kept = [serving.connect(ADA), serving.connect(ADA)], serving.connect(BOB)
        held = kept.hold(FILES)
        for _ in range(2):
            smb_sessions.end_user(serving.server, ADA)
            assert [False, False, True] == [each.connected() for each in (*ended, kept)]
        assert (True, RW) == (held.usable(), serving.connect(ADA).level(FILES))

    def test_a_removed_user_is_disconnected(self, world: SmbWorld, serving: Serving) -> None:
        """And cannot come back."""
        smb_sessions = world.ports.smb_sessions
        ada = serving.connect(ADA)
        server = serving.publish(with_rules(serving.server, "files", bob="rw").without_account(ADA))
        smb_sessions.end_user(server, ADA)
        assert not ada.connected()
        assert world.log_in(server, ADA, PASSWORD) is None


def _for_eve(server: ShareServer) -> ShareServer:
    """The server with both shares for EVE only, who has no account yet."""
    wider = evolve(server, accounts=(*server.accounts, Account(EVE, 10_009)))
    return with_rules(with_rules(wider, "files", eve="rw"), "other", eve="rw")


class SmbFilesContract(SmbContract):
    """The suite of ``ports.smb.SmbFiles``."""

    def test_files_of_former_releases_get_their_execute_bit(self, world: SmbWorld, serving: Serving) -> None:
        """Those of the share alone, while a client has one open; twice is once."""
        smb_files, server = world.ports.smb_files, serving.server
        held = serving.connect(ADA).hold(FILES)
        for share in (FILES, OTHER):
            world.take_execute_bits(server, share)
        for _ in range(2):
            while not smb_files.make_executable(server, server.share(FILES)):
                assert held.usable()
            assert (True, False) == (world.executable(server, FILES), world.executable(server, OTHER))
        assert held.usable()

    def test_what_a_recycle_bin_holds_is_counted(self, world: SmbWorld, serving: Serving) -> None:
        """Of the share alone; a bin that is not there holds nothing."""
        smb_files, server = world.ports.smb_files, serving.server
        files, other = (server.share(name) for name in (FILES, OTHER))
        assert RecycledFiles(0, 0) == smb_files.recycled(server, files)
        world.put_recycled(server, FILES)
        held = smb_files.recycled(server, files)
        assert (1, True) == (held.files, 0 < held.bytes <= 4096)
        assert RecycledFiles(0, 0) == smb_files.recycled(server, other)

    def test_nothing_is_done_in_a_server_that_does_not_run(self, world: SmbWorld, resting: Serving) -> None:
        """It is an error, and the files stay as they are."""
        world.take_execute_bits(resting.server, FILES)
        with pytest.raises(BackendFailure, match="does not run"):
            world.ports.smb_files.make_executable(resting.server, resting.server.share(FILES))
        assert not world.executable(resting.server, FILES)
        with pytest.raises(BackendFailure, match="does not run"):
            world.ports.smb_files.recycled(resting.server, resting.server.share(FILES))
