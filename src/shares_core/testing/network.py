"""Bridges and interfaces in memory."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_interface

from shares_core.domain.errors import BackendFailure, Conflict
from shares_core.domain.network import Bridge, Interface
from shares_core.ports.network import Network
from shares_core.testing.faults import halfway
from shares_core.testing.host import MemoryHost
from shares_core.testing.state import Link, MemoryBridge


class MemoryNetwork(Network):
    """The devices in ``MemoryHost.bridges`` and ``links``; they share their names with ``foreign_devices``.

    Half-done: a bridge without its addresses, an interface that is not up, a filter without its device.
    """

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def _ensure_bridge(self, bridge: Bridge) -> None:
        name = str(bridge.name)
        if name in self._host.foreign_devices or name in self._host.links:
            raise Conflict(f"a device {name} exists that is not ours", hint="choose another bridge")
        self._check_free(bridge)
        found = self._host.bridges.setdefault(name, MemoryBridge(bridge))
        self._host.filters.add(name)
        if (found.spec, found.complete) == (bridge, True):
            return
        found.complete = False
        halfway()
        found.spec, found.complete = bridge, True

    def _check_free(self, bridge: Bridge) -> None:
        held = {name: map(ip_interface, given) for name, given in self._host.foreign_devices.items()}
        for name, other in self._host.bridges.items():
            if name != str(bridge.name):
                held[name] = map(ip_interface, other.spec.host_addresses)
        for name, addresses in held.items():
            for there in addresses:
                for wanted in bridge.host_addresses:
                    if there.version == wanted.version and there.network.overlaps(wanted.network):
                        raise Conflict(f"host address {wanted} overlaps {there} of {name}")

    def plug(self, server_id: str, interface: Interface, index: int, namespace: str) -> None:
        container = self._host.containers.get(server_id)
        if container is None or not container.running or container.namespace != namespace:
            raise BackendFailure(f"there is no network namespace {namespace}")
        self._ensure_bridge(Bridge.of(interface))
        device = interface.host_device
        if device in self._host.foreign_devices or device in self._host.bridges:
            raise Conflict(f"a device {device} exists that is not ours")
        wanted = Link(server_id, interface, index, namespace, up=True)
        for name, link in self._host.links.items():
            if name != device and (link.namespace, link.index) == (namespace, index):
                raise BackendFailure(f"eth{index} exists in {namespace} already")
        self._host.filters.add(device)
        if self._host.links.get(device) != wanted:
            self._host.links[device] = Link(server_id, interface, index, namespace)
            halfway()
            for address in interface.addresses:
                self._host.neighbours[interface.attachment.device, address.ip] = interface.mac
            self._host.links[device] = wanted

    def unplug(self, interface: Interface) -> None:
        self._host.links.pop(interface.host_device, None)
        self._host.filters.discard(interface.host_device)

    def release(self, interfaces: Iterable[Interface], others: Iterable[Interface]) -> tuple[str, ...]:
        kept = {interface.attachment for interface in others}
        names = dict.fromkeys(each.attachment.device for each in interfaces if each.attachment not in kept)
        left = []
        for name in names:
            if self._is_in_use(name):
                left.append(name)
            else:
                self._host.bridges.pop(name, None)
                self._host.filters.discard(name)
            halfway()
        return tuple(left)

    def _is_in_use(self, name: str) -> bool:
        return any(link.interface.attachment.device == name for link in self._host.links.values())

    def unplugged(self, interfaces: Iterable[Interface]) -> tuple[Interface, ...]:
        return tuple(interface for interface in interfaces if not self._plugged(interface))

    def _plugged(self, interface: Interface) -> bool:
        link = self._host.links.get(interface.host_device)
        bridge = self._host.bridges.get(interface.attachment.device)
        return (
            link is not None
            and link.up
            and bridge is not None
            and bridge.complete
            and bridge.spec == Bridge.of(interface)
            and self._host.filters.issuperset(interface.devices)
        )

    def remove(self, name: str) -> None:
        if name in self._host.foreign_devices:
            return
        if name in self._host.bridges and self._is_in_use(name):
            raise BackendFailure(f"bridge {name} is left: something else is on it")
        self._host.links.pop(name, None)
        self._host.bridges.pop(name, None)
        halfway()
        self._host.filters.discard(name)

    def list(self) -> tuple[str, ...]:
        return tuple(sorted({*self._host.bridges, *self._host.links, *self._host.filters}))
