"""Who is connected, and what they have open, as clients of several kinds have it."""

from __future__ import annotations

import time
from contextlib import closing

from smbprotocol.connection import Dialects
from smbprotocol.open import CreateDisposition

from tests.integration.conftest import Tenant
from tests.testkit.clients import READ, nt_status, open_file
from tests.testkit.durable import DurableFile
from tests.testkit.probes import until
from tests.testkit.smb_requests import lock

OK = "NT_STATUS_OK"


def test_sessions_are_as_the_clients_have_them(tenant: Tenant) -> None:
    """User, address, since when, dialect, encryption and share."""
    host = tenant.site.host
    ada, old = tenant.user("Max Müller"), tenant.user("scanner$")
    began = int(time.time())
    with ada.connection() as session, old.negotiated(Dialects.SMB_3_0_0) as connection:
        ada.tree(session, "files")
        old.log_in(connection)
        told = host.sessions.list(tenant.server)
        assert [("Max Müller", "SMB3_11", ("files",)), ("scanner$", "SMB3_00", ())] == [
            (each.user, each.dialect, each.shares) for each in told
        ]
        assert ["AES-128-GCM", "AES-128-CCM"] == [each.encryption for each in told]
        assert {tenant.namespace.address} == {each.address for each in told}
        assert all(began - 1 <= each.since <= time.time() + 1 for each in told)
        assert ["Max Müller"] == [each.user for each in host.sessions.list(tenant.server, "files")]
    assert until(lambda: host.sessions.list(tenant.server) == ())


def test_open_files_are_told_with_who_may_do_what(tenant: Tenant) -> None:
    """Paths, access and locks; what is closed is gone from the list."""
    sessions = tenant.site.host.sessions
    ada, bob = tenant.user("ada"), tenant.user("bob", "ro")
    with ada.connection() as writing, bob.connection() as reading:
        writer = open_file(ada.tree(writing, "files"), "Übersicht 2026.txt")
        writer.write(b"x" * 100, 0)
        for start in (0, 20):
            lock(writer, start, 10)
        reader = open_file(
            bob.tree(reading, "files"), "Übersicht 2026.txt", READ, disposition=CreateDisposition.FILE_OPEN
        )
        with closing(reader):
            told = {
                (each.path, each.users, each.access, each.locks) for each in sessions.files(tenant.server)
            }
            assert told == {
                ("Übersicht 2026.txt", ("ada",), "rw", 2),
                ("Übersicht 2026.txt", ("bob",), "r", 0),
            }
        assert [("ada",)] == [each.users for each in sessions.files(tenant.server, "files")]


def test_closing_ends_the_connection_and_names_who_shares_it(tenant: Tenant) -> None:
    """Others stay; whoever was closed may come back, as the rules say."""
    sessions = tenant.site.host.sessions
    ada, bob, eve = (tenant.user(name) for name in ("ada", "bob", "eve"))
    with ada.negotiated() as shared, eve.connection() as own:
        files = [open_file(ada.tree(ada.log_in(shared), "files"), "ada's")]
        files += [open_file(bob.tree(bob.log_in(shared), "files"), "bob's")]
        files += [open_file(eve.tree(own, "files"), "eve's")]
        done = sessions.close(tenant.server, user="ADA")
        assert (["ada"], ["bob"]) == ([s.user for s in done.closed], [s.user for s in done.alongside])
        assert [False, False, True] == [nt_status(lambda f=f: f.write(b"x", 0)) == OK for f in files]  # type: ignore[misc]
        assert ada.do("files", "ls").status == OK
        (left,) = sessions.list(tenant.server)
        assert (left,) == sessions.close(tenant.server, address=left.address).closed
    assert () == sessions.close(tenant.server, id=left.id).closed


def test_a_client_that_may_come_back_keeps_nothing_from_being_told(tenant: Tenant) -> None:
    """Its durable handle and its lock are there still; it is not connected, and has nothing open."""
    host, ada, bob = tenant.site.host, tenant.user("ada"), tenant.user("bob")
    gone = DurableFile.open(ada, "document")
    lock(gone.file, 0, 10)
    with bob.connection() as session:
        open_file(bob.tree(session, "files"), "another")
        gone.lose_connection()
        assert until(lambda: [each.user for each in host.sessions.list(tenant.server)] == ["bob"])
        told = [(each.path, each.users) for each in host.sessions.files(tenant.server)]
        assert [("another", ("bob",))] == told
        assert nt_status(gone.come_back) == OK
        assert ["bob"] == [each.user for each in host.sessions.close(tenant.server, user="bob").closed]
    gone.close()


def test_many_open_files_keep_no_session_from_being_closed(tenant: Tenant) -> None:
    """A list of sessions does not look at files."""
    host, ada = tenant.site.host, tenant.user("ada")
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        opened = [open_file(tree, f"{number:04} {'n' * 200}") for number in range(500)]
        assert len(opened) == len(host.sessions.files(tenant.server))
        assert ["ada"] == [each.user for each in host.sessions.close(tenant.server, user="ada").closed]
