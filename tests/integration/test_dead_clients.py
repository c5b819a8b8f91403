"""Clients that vanish without a word, and clients whose connection is lost for a moment."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest
from smbprotocol.exceptions import SMBException
from smbprotocol.open import CreateDisposition, CreateOptions, ImpersonationLevel, Open
from smbprotocol.tree import TreeConnect

from shares_core import AccessLevel, Secret
from tests.integration.conftest import Tenant
from tests.testkit.clients import READ_WRITE, ClientNamespace, SmbClient, nt_status, open_file
from tests.testkit.durable import DurableFile, set_link
from tests.testkit.probes import until
from tests.testkit.smb_requests import UNLOCK, lock

OK = "NT_STATUS_OK"
NOT_FOUND = "NT_STATUS_OBJECT_NAME_NOT_FOUND"
#: From the cut of the link until another client is let in.
FREED_SECONDS = 90
#: How long a link may be cut without a loss.
SHORT_SECONDS = 30


def _alone(tree: TreeConnect, name: str) -> Open:
    """Open, or make, a file that nobody else may open meanwhile."""
    opened = Open(tree, name)
    opened.create(
        ImpersonationLevel.Impersonation,
        READ_WRITE,
        0x80,
        0,
        CreateDisposition.FILE_OPEN_IF,
        CreateOptions.FILE_NON_DIRECTORY_FILE,
    )
    return opened


def _locked(tree: TreeConnect, name: str) -> Open:
    """The same for a file with a lock on its first bytes."""
    opened = open_file(tree, name)
    lock(opened, 0, 10)
    return opened


def _lock_and_close(tree: TreeConnect, name: str) -> None:
    opened = open_file(tree, name)
    try:
        lock(opened, 5, 1)
    finally:
        opened.close()


def _holding(
    client: SmbClient, name: str, hold: Callable[[TreeConnect, str], Open], stack: ExitStack
) -> Open:
    return hold(client.tree(stack.enter_context(client.connection()), "files"), name)


@pytest.fixture
def elsewhere(tenant: Tenant) -> Iterator[Callable[[str], SmbClient]]:
    """Makes clients, each on a machine of its own, whose cable can be cut."""
    made: list[ClientNamespace] = []
    interface = tenant.site.host.servers.show(tenant.server).server.interfaces[0]

    def make(user: str) -> SmbClient:
        made.append(ClientNamespace.beside(interface))
        return tenant.site.smb(
            made[-1], tenant.address, user, tenant.site.allow(tenant.server, tenant.share, user)
        )

    yield make
    for namespace in made:
        namespace.remove()


#: What the vanished client has, and what another one then tries.
_SCENES: dict[str, tuple[Callable[[TreeConnect, str], Open], Callable[[TreeConnect, str], object], bool]] = {
    "share-mode": (_alone, lambda tree, name: _alone(tree, name).close(), False),
    "share-mode-busy": (_alone, lambda tree, name: _alone(tree, name).close(), True),
    "lock": (_locked, _lock_and_close, False),
    "lock-busy": (_locked, _lock_and_close, True),
}


def test_what_a_vanished_client_had_is_free_within_90_seconds(
    tenant: Tenant, elsewhere: Callable[[str], SmbClient]
) -> None:
    """Idle or in the middle of writing, with a share mode, a byte-range lock or a lease, from the cut on."""
    other = tenant.user("other")
    clients = {scene: elsewhere(scene) for scene in (*_SCENES, "lease")}
    with ExitStack() as stack, other.connection() as session:
        tree = other.tree(session, "files")
        durable = DurableFile.open(clients["lease"], "lease")
        lock(durable.file, 0, 10)
        for scene, (hold, _, busy) in _SCENES.items():
            opened = _holding(clients[scene], scene, hold, stack)
            if busy:
                threading.Thread(target=_write_on, args=(opened,), daemon=True).start()
        blocked = {scene: nt_status(lambda s=scene: _SCENES[s][1](tree, s)) for scene in _SCENES}  # type: ignore[misc]
        assert OK not in blocked.values()
        for client in clients.values():
            set_link(client.namespace, "down")
        cut, freed = time.monotonic(), dict.fromkeys(clients, 0.0)
        tries = {scene: tried for scene, (_, tried, _) in _SCENES.items()} | {"lease": _lock_and_close}

        def all_free() -> bool:
            for scene, tried in tries.items():
                if not freed[scene] and nt_status(lambda: tried(tree, scene)) == OK:  # noqa: B023
                    freed[scene] = time.monotonic() - cut
            return all(freed.values())

        until(all_free, FREED_SECONDS + 60)
    late = {scene: after for scene, after in freed.items() if not 0 < after <= FREED_SECONDS}
    assert late == {}, freed


def _write_on(opened: Open) -> None:
    """Write until the connection ends."""
    with suppress(SMBException, OSError, ValueError, KeyError):
        while True:
            opened.write(os.urandom(1 << 16), 1 << 10)


def test_a_loss_of_30_seconds_loses_nothing(tenant: Tenant, elsewhere: Callable[[str], SmbClient]) -> None:
    """The connection goes on, and a client that connects anew gets its durable handle back with its lock."""
    other = tenant.user("other")
    staying, coming = elsewhere("staying"), elsewhere("coming")
    with staying.connection() as session, other.connection() as others:
        held = _locked(staying.tree(session, "files"), "held")
        durable = DurableFile.open(coming, "durable")
        durable.file.write(b"written", 0)
        lock(durable.file, 0, 10)
        for client in (staying, coming):
            set_link(client.namespace, "down")
        ended = time.monotonic() + SHORT_SECONDS
        durable.lose_connection()  # its client gives up first
        assert until(lambda: time.monotonic() >= ended, SHORT_SECONDS + 5)
        tree = other.tree(others, "files")
        assert nt_status(lambda: _lock_and_close(tree, "held")) != OK
        for client in (staying, coming):
            set_link(client.namespace, "up")
        assert until(lambda: durable.is_back(), FREED_SECONDS)
        lock(durable.file, 0, 10, UNLOCK)  # raises if it was lost
        assert durable.file.read(0, 7) == b"written"
        assert held.write(b"still here", 0) == 10
        assert nt_status(lambda: _lock_and_close(tree, "held")) != OK
        durable.close()


def test_another_clients_open_wins_over_a_handle_that_waits(tenant: Tenant) -> None:
    """While nobody else opens the file, its client gets it back; afterwards it is told that it is gone."""
    ada, bob = tenant.user("ada"), tenant.user("bob")
    with bob.connection() as session:
        tree = bob.tree(session, "files")
        kept, taken = (DurableFile.open(ada, name) for name in ("kept", "taken"))
        for durable in (kept, taken):
            lock(durable.file, 0, 10)
            durable.lose_connection()
        assert until(lambda: nt_status(lambda: _lock_and_close(tree, "taken")) == OK)
        assert nt_status(kept.come_back) == OK
        lock(kept.file, 0, 10, UNLOCK)
        assert nt_status(taken.come_back) == NOT_FOUND
        kept.close()


@pytest.mark.parametrize("before", [True, False])
def test_after_a_removal_no_durable_handle_comes_back(tenant: Tenant, *, before: bool) -> None:
    """Not even to the next account of that name, which has the same number: it may only read."""
    tenant.user("bob")
    ada = tenant.user("ada")
    durable = DurableFile.open(ada, "durable")
    if before:
        durable.lose_connection()
        assert until(lambda: nt_status(durable.come_back) == OK)  # the server has seen it
        durable.lose_connection()
    tenant.site.host.users.remove(tenant.server, "ada")
    allow = tenant.site.host.access.allow
    allow(tenant.server, "files", "ada", AccessLevel.READ_ONLY, Secret(ada.password))
    assert ada.do("files", "ls").status == OK
    assert nt_status(durable.come_back) == NOT_FOUND


@pytest.mark.parametrize("before", [True, False], ids=["lost before", "lost after"])
def test_after_a_deny_no_durable_handle_comes_back(tenant: Tenant, *, before: bool) -> None:
    """Whether its connection was lost before the deny or by it; not even if the user is let in again."""
    ada, bob = tenant.user("ada"), tenant.user("bob")
    durable = DurableFile.open(ada, "durable")
    stream = DurableFile.open(ada, "odd [name] id: 0x1")
    if before:
        for each in (durable, stream):
            each.lose_connection()
        assert until(lambda: nt_status(durable.come_back) == OK)  # the server has seen it
        durable.lose_connection()
    tenant.deny("ada")
    allowed = tenant.site.host.access
    allowed.allow(tenant.server, "files", "ada", AccessLevel.READ_WRITE, Secret(ada.password))
    assert ada.do("files", "ls").status == OK
    assert [nt_status(each.come_back) for each in (durable, stream)] == [NOT_FOUND] * 2
    assert bob.do("files", "ls").status == OK
