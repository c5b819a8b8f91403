"""The data exists, in its volumes, and is served again."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from shares_core import LvmPool, SharesError
from shares_core.adapters.state.layout import Layout
from shares_core.config import MACHINE_SETTINGS
from shares_core.domain.pools import volume_name
from shares_core.domain.views import ReconcileOutcome
from tests.settings import group_of
from tests.system.acknowledged import acknowledged
from tests.system.powercut.scene import INSTALLED_UNIT, UNIT
from tests.system.reboot.scene import (
    EXPORTED,
    FOLDER,
    SHARE,
    SNAPSHOT,
    TENANTS,
    THIN_POOL,
    Tenant,
    acknowledged_of,
    manifest,
)
from tests.testkit.clients import ClientNamespace, SmbClient
from tests.testkit.kernel_client import checksums, mounted
from tests.testkit.leftovers import remove_installation
from tests.testkit.probes import until
from tests.testkit.volume_groups import lvm

_SECONDS = 240


@pytest.fixture
def namespaces() -> Iterator[list[ClientNamespace]]:
    """Clients' namespaces; removed at the end, with all that was made before the reboot."""
    made: list[ClientNamespace] = []
    try:
        yield made
    finally:
        for namespace in made:
            namespace.remove()
        subprocess.run(("systemctl", "disable", "--now", UNIT), check=True)
        for path in (INSTALLED_UNIT, MACHINE_SETTINGS):
            path.unlink()
        for tenant in TENANTS:
            with suppress(SharesError):
                tenant.host.servers.delete(tenant.name, with_shares=True)
            remove_installation(tenant.config.state_dir)
        lvm("lvremove", "--yes", f"{os.environ['SHARES_CORE_TEST_VG']}/{THIN_POOL}")
        remove_installation(FOLDER)


def test_every_synced_byte_survives_the_reboot(namespaces: list[ClientNamespace]) -> None:
    """For the kernel's client; for clients that were still writing, what they had flushed.

    The service has brought back what the machine's settings name, and one reconcile does the rest.
    """
    by_itself, *by_hand = TENANTS
    assert not any((tenant.config.state_dir / "servers").is_mount() for tenant in by_hand)
    assert until(lambda: by_itself.host.fleet.reconcile(dry_run=True).is_empty, _SECONDS), journal()
    for tenant in by_hand:
        assert [(tenant.name, ReconcileOutcome.OK, "")] == [
            (view.name, view.outcome, view.problem) for view in tenant.host.fleet.reconcile().servers
        ]
    for tenant in TENANTS:
        before = manifest()[tenant.name]
        client = tenant.client(before["password"], namespaces)
        with mounted(client, SHARE) as folder:
            found = checksums(folder)
            assert {} == {path: value for path, value in before["files"].items() if found.get(path) != value}
            flushed = acknowledged(acknowledged_of(client))
            assert {} == {name: value for name, value in flushed.items() if found.get(name) != value}
            (folder / "after").write_bytes(b"written after")
            assert hashlib.sha256(b"written after").hexdigest() == checksums(folder)["after"]
        if isinstance(tenant.pool, LvmPool):
            assert mounted_device(tenant) == device_of_the_volume(tenant)
        if tenant.has_snapshots:
            assert_snapshot_is_there(tenant, client, before["snapshot"])


def assert_snapshot_is_there(tenant: Tenant, client: SmbClient, files: dict[str, str]) -> None:
    """Both as a share of its own and as a Previous Version, and the share goes back to it."""
    token = tenant.host.snapshots.show(tenant.name, SHARE, SNAPSHOT).snapshot.token
    with mounted(client, EXPORTED) as folder:
        assert files == checksums(folder)
    with mounted(client, SHARE, f"snapshot={token}") as folder:
        assert files["synced0"] == hashlib.sha256((folder / "synced0").read_bytes()).hexdigest()
    tenant.host.snapshots.revert(tenant.name, SHARE, SNAPSHOT)
    with mounted(client, SHARE) as folder:
        assert files == checksums(folder)


def mounted_device(tenant: Tenant) -> int:
    """The number of the device that is mounted where the server's container has the share."""
    server = tenant.host.servers.show(tenant.name).server
    return Layout(tenant.config.state_dir).share(server.id, server.shares[0].id).stat().st_dev


def device_of_the_volume(tenant: Tenant) -> int:
    """The number of the logical volume that the record names."""
    share = tenant.host.shares.show(tenant.name, SHARE).share
    return Path(f"/dev/{group_of(tenant.config)}/{volume_name(share.volume.id)}").stat().st_rdev


def journal() -> str:
    """The service's output since the boot."""
    argv = ("journalctl", "--unit", UNIT, "--boot", "--no-pager")
    return subprocess.run(argv, check=False, capture_output=True, text=True).stdout[-4000:]
