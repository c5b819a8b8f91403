"""The data is there, in the volumes that it was written to, and is served again."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from shares_core import SharesError
from shares_core.adapters.layout import Layout
from shares_core.domain.views import ReconcileOutcome
from tests.integration.support.clients import ClientNamespace
from tests.integration.support.kernel_client import checksums, mounted
from tests.integration.support.leftovers import remove_installation
from tests.integration.support.volume_groups import lvm
from tests.reboot.scene import FOLDER, SHARE, TENANTS, THIN_POOL, Tenant, acknowledged_of, manifest


@pytest.fixture
def namespaces() -> Iterator[list[ClientNamespace]]:
    """Clients' namespaces; they go at the end, and with them all that was made before the reboot."""
    made: list[ClientNamespace] = []
    try:
        yield made
    finally:
        for namespace in made:
            namespace.remove()
        for tenant in TENANTS:
            with suppress(SharesError):
                tenant.host.servers.delete(tenant.name, with_shares=True)
            remove_installation(tenant.config.state_dir)
        lvm("lvremove", "--yes", f"{os.environ['SHARES_CORE_TEST_VG']}/{THIN_POOL}")
        shutil.rmtree(FOLDER)


def test_every_byte_that_was_synced_before_the_reboot_is_there(namespaces: list[ClientNamespace]) -> None:
    """After one reconcile, to the kernel's client; of those that were still writing, what was flushed."""
    assert not any(tenant.config.state_dir.is_mount() for tenant in TENANTS)
    for tenant in TENANTS:
        reconciled = tenant.host.fleet.reconcile().servers
        assert [(tenant.name, ReconcileOutcome.OK, "")] == [
            (view.name, view.outcome, view.problem) for view in reconciled
        ]
        before = manifest()[tenant.name]
        client = tenant.client(before["password"], namespaces)
        with mounted(client, SHARE) as folder:
            found = checksums(folder)
            assert {} == {path: value for path, value in before["files"].items() if found.get(path) != value}
            flushed = acknowledged(acknowledged_of(client))
            assert {} == {name: value for name, value in flushed.items() if found.get(name) != value}
            (folder / "after").write_bytes(b"written after")
            assert hashlib.sha256(b"written after").hexdigest() == checksums(folder)["after"]
        assert served_from(tenant).startswith(f"/dev/mapper/{tenant.config.volume_group}-shares--")


def acknowledged(told: Path) -> dict[str, str]:
    """What the writer was told is on the disk; its last line may have been cut off by the reboot."""
    lines = told.read_text().splitlines()
    pairs = [line.split(" ") for line in lines]
    whole = {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and len(pair[1]) == 64}
    assert len(whole) >= len(lines) - 1 > 10
    return whole


def served_from(tenant: Tenant) -> str:
    """The device that is mounted where the server's container has the share."""
    server = tenant.host.servers.show(tenant.name).server
    target = Layout(tenant.config.state_dir).share(server.id, server.shares[0].id)
    argv = ("findmnt", "--noheadings", "--output", "SOURCE", str(target))
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()
