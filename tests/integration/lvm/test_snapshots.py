"""Snapshots on a thin pool: the same with real clients, and with the kernel's."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from shares_core import Capacity, FileSystemKind, HostNotReady, SnapshotSource
from tests.integration.conftest import SPARE_GROUP, Tenant, new_tenant
from tests.integration.lvm.conftest import Pool
from tests.integration.support.previous_versions import MIB, OK, take, user, version
from tests.reliability.kills import Campaign
from tests.reliability.operations import SNAPSHOTS
from tests.testkit.kernel_client import mounted
from tests.testkit.site import Site

SEED = 20261127


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


def test_thick_volumes_have_no_snapshots() -> None:
    """By name, before anything hurts."""
    with Pool(SPARE_GROUP, thin=False).site() as site, new_tenant(site) as tenant:
        with pytest.raises(HostNotReady, match="cannot share blocks"):
            site.host.snapshots.create(tenant.server, "files", "s")
        assert site.host.fleet.reconcile().is_empty


def test_a_killed_process_leaves_nothing_half_done(thin_site: Site) -> None:
    """One kill of each operation on snapshots."""
    campaign = Campaign(thin_site.config, SNAPSHOTS)
    with campaign.begun():
        kills = campaign.kills()
        for operation in SNAPSHOTS:
            campaign.run(Random(SEED).choice([kill for kill in kills if kill.operation == operation.name]))
