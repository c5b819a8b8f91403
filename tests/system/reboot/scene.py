"""What both halves share: the host's configuration, its servers, and what clients wrote."""

from __future__ import annotations

import json
import os
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from attrs import frozen

from shares_core import Capacity, FilePool, FileSystemKind, Host, HostConfig, LvmPool, open_host
from shares_core.config import MACHINE_SETTINGS, PoolSettings
from shares_core.domain.addresses import BridgeName
from shares_core.domain.network import DefaultNetwork
from shares_core.domain.pools import ThinPoolName, VolumeGroupName
from tests.settings import group_of
from tests.testkit.clients import ClientNamespace, SmbClient

#: On the root disk, which survives a reboot.
FOLDER = Path("/var/tmp/shares-core-reboot")
MANIFEST = FOLDER / "manifest.json"
USER, SHARE, THIN_POOL = "ada", "files", "sctest-reboot"
#: A snapshot of each share that can have one, and its name as a share of its own.
SNAPSHOT, EXPORTED = "before", "files@before"
CAPACITY = Capacity.parse("320MiB")


@frozen
class Tenant:
    """A server with one share, on thick volumes, in a thin pool or in an xfs image."""

    name: str
    kind: FileSystemKind

    @property
    def has_snapshots(self) -> bool:
        return self.name != "thick"

    @property
    def pool(self) -> PoolSettings:
        if self.name == "image":
            return FilePool(dir=FOLDER / "pool", size=Capacity.parse("1GiB"), xfs_image=True)
        thin = ThinPoolName(THIN_POOL) if self.name == "thin" else None
        return LvmPool(volume_group=VolumeGroupName(os.environ["SHARES_CORE_TEST_VG"]), thin_pool=thin)

    @property
    def config(self) -> HostConfig:
        number = 1 + [tenant.name for tenant in TENANTS].index(self.name)
        bridge, subnet = BridgeName(f"sctreboot{number}"), IPv4Network(f"10.215.{number}.0/24")
        return HostConfig(
            state_dir=FOLDER / self.name,
            network=DefaultNetwork(bridge, subnet),
            pools=(self.pool,),
        )

    @property
    def host(self) -> Host:
        return open_host(self.config)

    def client(self, password: str, namespaces: list[ClientNamespace]) -> SmbClient:
        """A client on the server's network; its namespace is added to those to remove."""
        interface = self.host.servers.show(self.name).server.interfaces[0]
        network = str(self.config.network.subnet).rpartition(".")[0]
        namespace = ClientNamespace.create(interface.attachment.device, f"{network}.200/24")
        namespaces.append(namespace)
        return SmbClient(namespace, str(interface.addresses[0].ip), USER, password, FOLDER)


def install_settings(tenant: Tenant) -> None:
    """Install them as the machine's own settings: the service reads no others."""
    config = tenant.config
    MACHINE_SETTINGS.write_text(
        f'state_dir = "{config.state_dir}"\n'
        f'[network]\nbridge = "{config.network.bridge}"\nsubnet = "{config.network.subnet}"\n'
        f'[pool]\nkind = "lvm"\nvolume_group = "{group_of(config)}"\n'
    )
    assert HostConfig.load() == config


def acknowledged_of(client: SmbClient) -> Path:
    """The file with a line for each file that the server acknowledged to be on the disk."""
    return FOLDER / f"acknowledged-{client.address}"


#: The service brings back the first by itself, ``reconcile`` the others.
TENANTS = (
    Tenant("thick", FileSystemKind.EXT4),
    Tenant("thin", FileSystemKind.XFS),
    Tenant("image", FileSystemKind.EXT4),
)


def manifest() -> dict[str, Any]:
    """What was written before the reboot, by tenant: the user's password and each file's checksum."""
    found: dict[str, Any] = json.loads(MANIFEST.read_text())
    return found
