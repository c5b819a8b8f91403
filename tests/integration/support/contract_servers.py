"""A real host's containers and devices, for the contracts' suites."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import docker
from pyroute2 import netns

from shares_core import HostConfig
from shares_core.adapters.containers.events import LABEL_SERVER
from shares_core.adapters.containers.image import LABEL_RECIPE
from shares_core.adapters.containers.runtime import LABEL_INSTALLATION, container_name
from shares_core.domain.addresses import BridgeName
from shares_core.domain.network import Interface
from shares_core.ports.runtime import ServerRuntime
from tests.contracts.network_world import NetworkWorld, Plugged
from tests.contracts.runtime import RuntimeWorld
from tests.integration.support import wire
from tests.integration.support.contract_world import RealWorld
from tests.settings import with_docker, with_image
from tests.testkit.clients import ClientNamespace
from tests.testkit.footprint import tables
from tests.testkit.leftovers import BRIDGE_PREFIX, NAMESPACE_PREFIX
from tests.testkit.probes import Target, reached, reaches_all, until

_STRANGER = "0" * 12
_NETWORK = "shares_core.adapters.network"


class RealContainers(RealWorld, RuntimeWorld):
    """A real host with Docker."""

    def without_image(self) -> ServerRuntime:
        return self._runtime(with_image(self.config, "shares-core-contract-absent"))

    def with_stale_image(self) -> ServerRuntime:
        name = f"shares-core-contract-{uuid.uuid4().hex[:8]}"
        api = docker.from_env().api
        self.cleanup.callback(api.close)
        api.import_image_from_data(
            bytes(10240), repository=name, changes=[f"LABEL {LABEL_RECIPE}=old", 'CMD ["true"]']
        )
        self.cleanup.callback(api.remove_image, name, force=True)
        return self._runtime(with_image(self.config, name))

    def without_docker(self) -> ServerRuntime:
        return self._runtime(with_docker(self.config, "tcp://127.0.0.1:1"))

    def _runtime(self, config: HostConfig) -> ServerRuntime:
        return self.opened(config).runtime

    def foreign_container(self, server_id: str) -> None:
        client = docker.from_env()
        self.cleanup.callback(client.close)
        container = client.containers.create(
            self.config.docker.image,
            name=container_name(server_id),
            labels={LABEL_INSTALLATION: _STRANGER, LABEL_SERVER: server_id},
        )
        self.cleanup.callback(container.remove, force=True)

    def foreign_is_there(self, server_id: str) -> bool:
        return "created" == _docker("inspect", "--format={{.State.Status}}", container_name(server_id))

    def lives(self, namespace: str) -> bool:
        return Path(namespace).exists()

    def kill(self, server_id: str) -> None:
        _docker("kill", container_name(server_id))
        _docker("wait", container_name(server_id))

    def break_smbd(self, server_id: str) -> str:
        (self.layout.config(server_id) / "smb.conf").unlink()
        return r"smb\.conf"


class RealDevices(RealWorld, NetworkWorld):
    """A real host with bridges and namespaces."""

    def __init__(self) -> None:
        super().__init__()
        self._clients = self.cleanup.enter_context(ExitStack())

    def new_name(self) -> BridgeName:
        return BridgeName(f"{BRIDGE_PREFIX}{uuid.uuid4().hex[:8]}")

    def close(self) -> None:
        """Remove interfaces before bridges, while their names are known: a filter outlives its device."""
        self._clients.close()  # a bridge stays while a client is on it
        devices = sorted(self.ports.network.list(), key=lambda name: name.startswith(BRIDGE_PREFIX))
        for name in devices:
            if name.startswith(BRIDGE_PREFIX):
                self.ports.network.remove(name)
            else:
                # It may go meanwhile, with a killed container.
                subprocess.run(["ip", "link", "delete", name], check=False, capture_output=True)
                _remove_filter(name)
        super().close()

    def remember_filters(self) -> None:
        """Remember filters for the end: they outlive devices that go with a container."""
        for name in self.ports.network.list():
            self.cleanup.callback(_remove_filter, name)

    def new_namespace(self) -> tuple[str, str]:
        server_id = self.new_id()
        name = f"{NAMESPACE_PREFIX}{server_id}"
        netns.create(name)
        self.cleanup.callback(netns.remove, name)
        return server_id, f"/run/netns/{name}"

    def foreign_device(self, name: str, *addresses: str) -> None:
        _ip("link", "add", name, "type", "bridge")
        self.cleanup.callback(_ip, "link", "delete", name)
        for address in addresses:
            _ip("address", "add", address, "dev", name)
        _ip("link", "set", name, "up", "alias", f"shares-core:{_STRANGER}")

    def is_there(self, name: str) -> bool:
        return wire.link(name) is not None

    def bridge_is(self, name: BridgeName) -> tuple[frozenset[str], int]:
        return frozenset(wire.addresses(str(name))), wire.properties(str(name))["mtu"]

    def inside(self, namespace: str, index: int) -> Plugged | None:
        there = wire.link(f"eth{index}", namespace)
        if there is None or "UP" not in there["flags"]:
            return None
        addresses = wire.given_addresses(there["ifname"], namespace)
        routes = [
            route
            for family in ("-4", "-6")
            for route in wire.ip(family, "route", "show", "dev", there["ifname"], namespace=namespace)
        ]
        gateways = frozenset(route["gateway"] for route in routes if route["dst"] == "default")
        return Plugged(frozenset(addresses), there["address"], gateways)

    def half_made_bridge(self, server_id: str, interface: Interface, namespace: str, step: int) -> None:
        where = {1: "load_filters", 2: "add_address"}[step]
        self._killed_plugging(server_id, interface, namespace, where=f"bridge.{where}")

    def half_plugged(self, server_id: str, interface: Interface, namespace: str, step: int) -> None:
        if step == 1:  # made, and not marked as ours yet
            inside = ("peer", "name", "eth0", "netns", Path(namespace).name)
            _ip("link", "add", interface.host_device, "type", "veth", *inside)
            return
        where = {2: "adapter.write_sysctl", 3: "bridge.load_filters", 4: "adapter._configure_inside"}[step]
        self._killed_plugging(server_id, interface, namespace, where=where)

    def _killed_plugging(self, server_id: str, interface: Interface, namespace: str, *, where: str) -> None:
        self.killed_in("network.plug", server_id, interface, 0, namespace, where=f"{_NETWORK}.{where}")

    def client_of(self, interface: Interface) -> Callable[[], bool]:
        networks = [address.network for address in interface.addresses]
        addresses = [f"{network[9]}/{network.prefixlen}" for network in networks]
        client = ClientNamespace.create(interface.attachment.device, *addresses)
        self._clients.callback(client.remove)
        targets = {Target("icmp", str(address.ip)) for address in interface.addresses}
        assert reaches_all(client.name, targets)
        return lambda: until(lambda: reached(client.name, targets, seconds=0.2) == targets, seconds=1)

    def carries(self, name: str) -> bool:
        there = wire.link(name)
        return there is not None and "UP" in there["flags"]

    def is_filtered(self, name: str) -> bool:
        return f"shares-{name}" in tables()

    def flush_filters(self) -> None:
        """Flush the filters of this installation's devices only: other tests run on the same machine."""
        for name in self.ports.network.list():
            _nft(f"delete table netdev shares-{name}\n")

    def lose_device(self, name: str) -> None:
        _ip("link", "delete", name)


def _docker(*arguments: str) -> str:
    return subprocess.run(
        ["docker", *arguments], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL
    ).stdout.strip()


def _remove_filter(device: str) -> None:
    table = f"table netdev shares-{device}"
    _nft(f"{table}\ndelete {table}\n")


def _nft(rules: str) -> None:
    subprocess.run(["nft", "-f", "-"], check=True, input=rules.encode(), capture_output=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
