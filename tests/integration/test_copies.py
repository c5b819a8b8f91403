"""Snapshots, reverts and clones by copying, on a file system whose files cannot share blocks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from shares_core import (
    Cancelled,
    Capacity,
    Conflict,
    FilePool,
    FileSystemKind,
    SnapshotSource,
)
from shares_core.domain.share import ShareStatus
from shares_core.domain.volume import PoolName
from tests.integration.conftest import Tenant, new_tenant
from tests.integration.support.copies import meanwhile
from tests.integration.support.previous_versions import MIB, OK, user, version
from tests.reliability.kills import MOMENTS, Campaign
from tests.reliability.operations import COPIES
from tests.testkit.clients import open_file
from tests.testkit.sharing import sharing_folder
from tests.testkit.site import Site, opened_site

EVERY_CALL = "SHARES_CORE_TEST_EVERY_CALL" in os.environ
_READ_ONLY = ("NT_STATUS_ACCESS_DENIED", "NT_STATUS_MEDIA_WRITE_PROTECTED")
_FAST = PoolName("fast")


@pytest.fixture(scope="module")
def copying_site() -> Iterator[Site]:
    """A host whose default pool cannot share blocks, with another one that can."""
    with sharing_folder() as folder:
        pools = (
            FilePool(size=Capacity.parse("3GiB")),
            FilePool(name=_FAST, size=Capacity.parse("2GiB"), dir=folder),
        )
        with opened_site(pools=pools) as site:
            yield site


@pytest.fixture
def tenant(copying_site: Site) -> Iterator[Tenant]:
    with new_tenant(copying_site) as made:
        yield made


def _source(tenant: Tenant, name: str) -> SnapshotSource:
    return SnapshotSource.parse(f"{tenant.server}/files@{name}")


@pytest.mark.parametrize("kind", FileSystemKind)
def test_clients_read_and_cannot_write_while_a_snapshot_is_copied(
    tenant: Tenant, kind: FileSystemKind
) -> None:
    """Whoever had a file open comes back; a deny of that very share ends at once; then all is as before."""
    host = tenant.site.host
    host.shares.create(tenant.server, "kept", max(kind.smallest, Capacity(64 * MIB)), kind)
    ada, bob = user(tenant, "ada", share="kept"), user(tenant, "bob", share="kept")
    assert ada.put("kept", "file", b"then").status == OK
    found: list[object] = []

    def look() -> None:
        found.extend((ada.get("kept", "file"), ada.put("kept", "file", b"now").status))
        assert host.shares.show(tenant.server, "kept").share.status is ShareStatus.SNAPSHOTTING
        host.access.deny(tenant.server, "kept", "bob")
        found.append(bob.do("kept", "ls").status)

    with ada.connection() as session:
        held = open_file(ada.tree(session, "kept"), "held")
        held.write(b"before", 0)
        view = meanwhile(host, look).snapshots.create(tenant.server, "kept", "s", copy=True)
        with pytest.raises(Exception, match=r"STATUS|closed|reset"):
            held.write(b"after", 0)
    read, written, denied = found
    assert (b"then", True, "NT_STATUS_ACCESS_DENIED") == (read, written in _READ_ONLY, denied)
    assert ada.put("kept", "file", b"now").status == OK
    assert (b"then", b"before") == tuple(
        version(ada, view.snapshot, name, "kept") for name in ("file", "held")
    )
    with ada.connection() as session:
        open_file(ada.tree(session, "kept"), "held").write(b"again", 0)
    assert host.fleet.reconcile().is_empty


def test_a_copy_is_as_good_as_what_it_is_a_copy_of(tenant: Tenant) -> None:
    """Reverted to, cloned beside it, and cloned into another pool, larger; each is independent."""
    host, ada = tenant.site.host, user(tenant, "ada")
    data = Random(20261201).randbytes(20 * MIB)
    assert ada.put("files", "big", data).status == OK
    host.snapshots.create(tenant.server, "files", "s", copy=True)
    assert ada.put("files", "big", b"now").status == OK
    carl = user(tenant, "carl", "ro")
    for name, pool in (("beside", None), ("elsewhere", str(_FAST))):
        host.shares.clone(tenant.server, name, _source(tenant, "s"), Capacity(96 * MIB), pool=pool, copy=True)
        host.access.allow(tenant.server, name, "carl")
    assert _FAST == host.shares.show(tenant.server, "elsewhere").share.volume.pool
    host.snapshots.revert(tenant.server, "files", "s", copy=True)
    host.snapshots.delete(tenant.server, "files", "s")
    for name in ("files", "beside", "elsewhere"):
        assert data == carl.get(name, "big"), name
    assert carl.put("beside", "big", b"mine").status == OK
    assert data == carl.get("elsewhere", "big") == carl.get("files", "big")
    for name in ("beside", "elsewhere"):
        assert "" == host.shares.check(tenant.server, name).damage
    assert host.fleet.reconcile().is_empty


def test_a_clone_moves_from_a_pool_that_shares_blocks(tenant: Tenant) -> None:
    """A snapshot that was taken at once is copied into a pool that cannot share blocks."""
    host = tenant.site.host
    host.shares.create(tenant.server, "quick", Capacity(64 * MIB), pool=str(_FAST))
    ada = user(tenant, "ada", share="quick")
    assert ada.put("quick", "file", b"then").status == OK
    host.snapshots.create(tenant.server, "quick", "s")
    source = SnapshotSource.parse(f"{tenant.server}/quick@s")
    with pytest.raises(Conflict, match="in another pool, default"):
        host.shares.clone(tenant.server, "copy", source, pool="default")
    host.shares.clone(tenant.server, "copy", source, pool="default", copy=True)
    assert b"then" == user(tenant, "bob", share="copy").get("copy", "file")


@pytest.mark.parametrize("kind", ["snapshot.create", "share.revert", "share.create"])
def test_a_copy_is_cancelled_in_its_middle(tenant: Tenant, kind: str) -> None:
    """By another process; its progress is told meanwhile, and nothing of it is left."""
    host, ada = tenant.site.host, user(tenant, "ada")
    assert ada.put("files", "x", b"then").status == OK
    host.snapshots.create(tenant.server, "files", "s", copy=True)
    assert ada.put("files", "x", b"now").status == OK
    free, told = host.pool.show().free, []

    def cancel() -> None:
        (operation,) = host.operations.list()
        told.append(operation.kind)
        host.operations.cancel(operation.id)

    process, server = meanwhile(host, cancel), tenant.server
    copying: dict[str, Callable[[], object]] = {
        "snapshot.create": lambda: process.snapshots.create(server, "files", "second", copy=True),
        "share.revert": lambda: process.snapshots.revert(server, "files", "s", copy=True),
        "share.create": lambda: process.shares.clone(server, "copy", _source(tenant, "s"), copy=True),
    }
    with pytest.raises(Cancelled):
        copying[kind]()
    assert ([kind], free) == (told, host.pool.show().free)
    assert ["s"] == [str(view.snapshot.name) for view in host.snapshots.list(tenant.server)]
    assert (b"now", OK) == (ada.get("files", "x"), ada.put("files", "x", b"later").status)
    assert host.fleet.reconcile().is_empty


@pytest.mark.parametrize("operation", COPIES, ids=lambda operation: str(operation.name))
def test_a_process_that_is_killed_amid_a_copy_leaves_nothing_half_done(
    copying_site: Site, operation: Any
) -> None:
    """Three kills of each, one of them amid a call; ``SHARES_CORE_TEST_EVERY_CALL`` tries all."""
    campaign = Campaign(copying_site.config, (operation,))
    with campaign.begun():
        wanted = campaign.kills()
        for kill in wanted if EVERY_CALL else Random(20261201).sample(wanted, len(MOMENTS)):
            campaign.run(kill)
