"""What both halves share: the host's configuration, its servers, and what clients wrote."""

from __future__ import annotations

import json
import os
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from attrs import frozen

from shares_core import Capacity, FileSystemKind, Host, HostConfig, LvmPool, open_host
from shares_core.config import MACHINE_SETTINGS
from shares_core.domain.addresses import BridgeName
from shares_core.domain.network import DefaultNetwork
from shares_core.domain.pools import ThinPoolName, VolumeGroupName
from tests.settings import group_of
from tests.testkit.clients import ClientNamespace, SmbClient

#: On the root disk, which survives a reboot.
FOLDER = Path("/var/tmp/shares-core-reboot")
MANIFEST = FOLDER / "manifest.json"
USER, SHARE, THIN_POOL = "ada", "files", "sctest-reboot"
CAPACITY = Capacity.parse("320MiB")


@frozen
class Tenant:
    """A server with one share, on thick volumes or in a thin pool."""

    name: str
    kind: FileSystemKind
    thin: bool

    @property
    def config(self) -> HostConfig:
        number = 1 + self.thin
        bridge, subnet = BridgeName(f"sctreboot{number}"), IPv4Network(f"10.215.{number}.0/24")
        return HostConfig(
            state_dir=FOLDER / self.name,
            network=DefaultNetwork(bridge, subnet),
            pools=(
                LvmPool(
                    volume_group=VolumeGroupName(os.environ["SHARES_CORE_TEST_VG"]),
                    thin_pool=ThinPoolName(THIN_POOL) if self.thin else None,
                ),
            ),
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


#: The service brings back the first by itself, ``reconcile`` the other.
TENANTS = (Tenant("thick", FileSystemKind.EXT4, thin=False), Tenant("thin", FileSystemKind.XFS, thin=True))


def manifest() -> dict[str, Any]:
    """What was written before the reboot, by tenant: the user's password and each file's checksum."""
    found: dict[str, Any] = json.loads(MANIFEST.read_text())
    return found
