"""Make shares, write to them with the kernel's client, and leave a client writing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from shares_core.config import MACHINE_SETTINGS
from tests.system.powercut.before.test_before import install_service
from tests.system.powercut.scene import INSTALLED_UNIT
from tests.system.reboot.scene import (
    CAPACITY,
    EXPORTED,
    FOLDER,
    MANIFEST,
    SHARE,
    SNAPSHOT,
    TENANTS,
    THIN_POOL,
    USER,
    Tenant,
    acknowledged_of,
    install_settings,
)
from tests.testkit.clients import ClientNamespace, SmbClient
from tests.testkit.kernel_client import checksums, mounted, write_synced
from tests.testkit.probes import until
from tests.testkit.volume_groups import lvm

ROOT = Path(__file__).parents[4]


def test_shares_are_made_written_to_and_left_in_use() -> None:
    """The reboot comes while a client writes, and other servers run."""
    assert os.geteuid() == 0
    for there in (FOLDER, INSTALLED_UNIT, MACHINE_SETTINGS):
        if there.exists():
            pytest.fail(f"{there} is left of a former run, or this machine's own: nothing is done")
    FOLDER.mkdir(mode=0o700)
    group = os.environ["SHARES_CORE_TEST_VG"]
    lvm("lvcreate", "--yes", "--type", "thin-pool", "--size", "1g", "--name", THIN_POOL, group)
    written, namespaces = dict[str, Any](), list[ClientNamespace]()
    for tenant in TENANTS:
        client = made(tenant, namespaces)
        with mounted(client, SHARE) as folder:
            code = ROOT / "src/shares_core/adapters"  # not all of it: in emulation each file takes long
            shutil.copytree(code, folder / "tree", ignore=shutil.ignore_patterns("__pycache__"))
            for number in range(50):
                write_synced(folder / f"synced{number}", os.urandom(64 * 1024))
            written[tenant.name] = {"password": client.password, "files": checksums(folder)}
        if tenant.has_snapshots:
            written[tenant.name]["snapshot"] = dict(written[tenant.name]["files"])
            tenant.host.snapshots.create(tenant.name, SHARE, SNAPSHOT)
            tenant.host.snapshots.export(tenant.name, SHARE, SNAPSHOT)
            tenant.host.access.allow(tenant.name, EXPORTED, USER)
            with mounted(client, SHARE) as folder:
                write_synced(folder / "synced0", b"written since")
            written[tenant.name]["files"] |= {"synced0": sha256(b"written since").hexdigest()}
        leave_writing(client)
    install_settings(TENANTS[0])
    install_service()
    MANIFEST.touch(mode=0o600)
    write_synced(MANIFEST, json.dumps(written).encode())


def made(tenant: Tenant, namespaces: list[ClientNamespace]) -> SmbClient:
    """Make the server with its share. Returns a client that may use it."""
    host = tenant.host
    host.servers.create(tenant.name)
    host.shares.create(tenant.name, SHARE, CAPACITY, tenant.kind)
    password = host.access.allow(tenant.name, SHARE, USER).password
    assert password is not None
    return tenant.client(password.reveal(), namespaces)


def leave_writing(client: SmbClient) -> None:
    """Start a client that keeps writing; wait until the server has acknowledged something."""
    told = acknowledged_of(client)
    secret, said = Path(f"{told}.secret"), Path(f"{told}.log")
    secret.touch(mode=0o600)
    secret.write_text(client.password)
    words = (client.address, client.namespace.name, USER, SHARE, str(told))
    writer = (sys.executable, "-m", "tests.system.reboot.writer", *words)
    with said.open("wb") as log:
        subprocess.run(("setsid", "--fork", *writer), cwd=ROOT, stdout=log, stderr=log, check=True)
    assert until(lambda: told.exists() and told.stat().st_size > 2000, 120), said.read_text()
