"""Snapshots on a thin pool: the same with real clients, and with the kernel's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random

import pytest

from shares_core import Capacity, Conflict, FileSystemKind, NoCapacity, SnapshotSource
from tests.integration.conftest import SPARE_GROUP, Tenant, new_tenant
from tests.integration.lvm.conftest import Pool
from tests.integration.support.copies import meanwhile
from tests.integration.support.previous_versions import MIB, OK, take, user, version
from tests.reliability.kills import Campaign
from tests.reliability.operations import COPIES, SNAPSHOTS
from tests.testkit.clients import open_file
from tests.testkit.kernel_client import mounted
from tests.testkit.site import Site
from tests.testkit.volume_groups import lvm

SEED = 20261127
_OF_VOLUMES = ("create a snapshot", "delete a snapshot", "clone", "revert")


@pytest.fixture(scope="module")
def thin_site() -> Iterator[Site]:
    with Pool(SPARE_GROUP, thin=True).site() as site:
        yield site


@pytest.fixture
def tenant(thin_site: Site) -> Iterator[Tenant]:
    with new_tenant(thin_site) as made:
        yield made


@pytest.mark.parametrize("kind", FileSystemKind)
def test_versions_clones_and_going_back(tenant: Tenant, kind: FileSystemKind) -> None:
    """Each version is read back; a clone is its own; a revert brings the former content and size."""
    host = tenant.site.host
    size = kind.smallest if kind is FileSystemKind.XFS else Capacity(32 * MIB)
    host.shares.create(tenant.server, "kept", size, kind)
    ada = user(tenant, "ada", share="kept")
    taken = []
    for number in range(2):
        assert ada.put("kept", "x", f"{number}".encode()).status == OK
        taken.append(take(tenant, f"s{number}", "kept"))
    assert ada.put("kept", "x", b"now").status == OK
    assert [version(ada, snapshot, "x", "kept") for snapshot in taken] == [b"0", b"1"]
    source = SnapshotSource.parse(f"{tenant.server}/kept@s0")
    host.shares.clone(tenant.server, "copy", source, Capacity(size.bytes + 64 * MIB))
    host.access.allow(tenant.server, "copy", "ada")
    assert (ada.get("copy", "x"), ada.put("copy", "x", b"copied").status) == (b"0", OK)
    host.snapshots.revert(tenant.server, "kept", "s1")
    assert (ada.get("kept", "x"), ada.get("copy", "x")) == (b"1", b"copied")
    host.servers.stop(tenant.server)
    host.servers.start(tenant.server)
    assert [version(ada, snapshot, "x", "kept") for snapshot in taken] == [b"0", b"1"]
    host.shares.delete(tenant.server, "kept", with_snapshots=True)
    assert ada.get("copy", "x") == b"copied"
    report = host.fleet.reconcile()
    assert (report.is_empty, report.orphans) == (True, ())


def test_the_kernels_client_mounts_a_snapshot(tenant: Tenant) -> None:
    """Read-only, and as it was."""
    ada = user(tenant, "ada")
    assert ada.put("files", "x", b"then").status == OK
    snapshot = take(tenant, "s")
    assert ada.put("files", "x", b"now").status == OK
    with mounted(ada, "files", f"snapshot={snapshot.token}") as folder:
        assert (folder / "x").read_bytes() == b"then"
        with pytest.raises(OSError, match=r"Read-only|Permission"):
            (folder / "new").write_bytes(b"x")
    tenant.site.host.snapshots.export(tenant.server, "files", "s")
    tenant.site.host.access.allow(tenant.server, "files@s", "ada")
    with mounted(ada, "files@s") as folder:
        assert (folder / "x").read_bytes() == b"then"
        with pytest.raises(OSError, match=r"Read-only|Permission"):
            (folder / "new").write_bytes(b"x")


@pytest.fixture(scope="module")
def thick_site() -> Iterator[Site]:
    with Pool(SPARE_GROUP, thin=False).site() as site:
        yield site


def test_a_thick_volume_is_copied_while_its_clients_write(thick_site: Site) -> None:
    """The copy is of one moment, nobody is disconnected, and it serves for all that snapshots serve for."""
    host = thick_site.host
    with new_tenant(thick_site) as tenant:
        ada, server = user(tenant, "ada"), tenant.server
        assert ada.put("files", "x", b"then").status == OK
        with pytest.raises(Conflict, match="cannot share blocks"):
            host.snapshots.create(server, "files", "s")
        with ada.connection() as session:
            held = open_file(ada.tree(session, "files"), "held")
            held.write(b"before", 0)

            def write() -> None:
                held.write(b"meanwhile", 0)
                assert ada.put("files", "x", b"now").status == OK

            snapshot = meanwhile(host, write).snapshots.create(server, "files", "s", copy=True).snapshot
            held.write(b"later", 0)
        assert (b"then", b"before") == (version(ada, snapshot, "x"), version(ada, snapshot, "held"))
        source = SnapshotSource.parse(f"{server}/files@s")
        host.shares.clone(server, "copy", source, copy=True)
        host.access.allow(server, "copy", "ada")
        host.snapshots.revert(server, "files", "s", copy=True)
        host.snapshots.delete(server, "files", "s")
        assert (b"then", b"then") == (ada.get("files", "x"), ada.get("copy", "x"))
        assert 2 * 64 * MIB == host.pool.show().provisioned
        assert host.fleet.reconcile().is_empty


def test_clients_that_outrun_a_copy_end_it(thick_site: Site) -> None:
    """What cannot keep its moment is no snapshot: it is refused, and nothing of it is left."""
    host = thick_site.host
    with new_tenant(thick_site) as tenant:
        ada = user(tenant, "ada")
        filler = "sctest-filler"
        room = host.pool.show().free - (64 + 20) * MIB
        lvm("lvcreate", "--yes", "--size", f"{room}b", "--name", filler, SPARE_GROUP)
        try:
            free = host.pool.show().free

            def write() -> None:
                assert ada.put("files", "big", os.urandom(16 * MIB)).status == OK
                os.sync()

            outrun = meanwhile(host, write)
            with pytest.raises(NoCapacity, match="clients changed more than"):
                outrun.snapshots.create(tenant.server, "files", "s", copy=True)
            assert (free, ()) == (host.pool.show().free, host.snapshots.list(tenant.server))
            assert (OK, True) == (ada.put("files", "x", b"x").status, host.fleet.reconcile().is_empty)
        finally:
            lvm("lvremove", "--yes", f"{SPARE_GROUP}/{filler}")


def test_a_process_that_is_killed_amid_a_copy_leaves_nothing_half_done(thick_site: Site) -> None:
    """One kill, while a snapshot is copied; the others are tried on files."""
    campaign = Campaign(thick_site.config, COPIES[:1])
    with campaign.begun():
        calls = [kill for kill in campaign.kills() if kill.moment == "in"]
        campaign.run(Random(SEED).choice(calls))


def test_a_killed_process_leaves_nothing_half_done(thin_site: Site) -> None:
    """One kill of each operation that makes a volume or removes one; the others are tried on files."""
    changing = [each for each in SNAPSHOTS if each.name in _OF_VOLUMES]
    campaign = Campaign(thin_site.config, tuple(changing))
    with campaign.begun():
        kills = campaign.kills()
        for operation in changing:
            campaign.run(Random(SEED).choice([kill for kill in kills if kill.operation == operation.name]))
