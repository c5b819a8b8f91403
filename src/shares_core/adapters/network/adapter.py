"""Interfaces by netlink: veth pairs, whose host's end the driver of its attachment attaches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from shares_core.adapters.network.bridge import BridgeDriver, mark
from shares_core.adapters.network.filters import device_of, render_port_filter, table_name
from shares_core.adapters.network.netlink import (
    add_address,
    existing_link,
    find_link,
    gone_is_fine,
    in_namespace,
    netlink_socket,
    write_sysctl,
)
from shares_core.adapters.network.tables import further_tables, netdev_tables, remove_filters
from shares_core.adapters.state.installation import Installation
from shares_core.adapters.state.layout import Layout
from shares_core.domain.attachment import Attachment, BridgeAttachment
from shares_core.domain.errors import Conflict
from shares_core.domain.network import Interface
from shares_core.domain.service import ServiceProfile
from shares_core.ports.network import Network

if TYPE_CHECKING:
    from pyroute2 import IPRoute


class LinuxNetwork(Network):
    """Devices of the host's network namespace. Each bears the installation's id in its alias."""

    def __init__(
        self, profile: ServiceProfile, layout: Layout, installation: Installation, lock_timeout: float
    ) -> None:
        self._ports = profile.ports
        self._installation = installation
        self._bridges = BridgeDriver(profile, layout, installation, lock_timeout)
        self._drivers: Mapping[type[Attachment], BridgeDriver] = {BridgeAttachment: self._bridges}

    def _driver(self, attachment: Attachment) -> BridgeDriver:
        return self._drivers[type(attachment)]

    def _by_driver(self, interfaces: Iterable[Interface]) -> dict[BridgeDriver, list[Interface]]:
        grouped: dict[BridgeDriver, list[Interface]] = {}
        for interface in interfaces:
            grouped.setdefault(self._driver(interface.attachment), []).append(interface)
        return grouped

    def plug(self, server_id: str, interface: Interface, index: int, namespace: str) -> None:
        driver, device = self._driver(interface.attachment), f"eth{index}"
        filters = render_port_filter(interface, self._ports, self._mark())
        with netlink_socket(f"plugging an interface of server {server_id}") as netlink:
            # Bring the host's end up last, after everything else.
            if driver.joined(netlink, interface) and _is_inside(namespace, device):
                driver.complete(netlink, interface, filters)
                return
            self._delete(netlink, interface)
            if find_link(netlink, interface.host_device) is not None:
                raise Conflict(f"a device {interface.host_device} exists that is not ours")
            self._add_pair(netlink, server_id, interface, device, namespace)
            host_end = driver.connect(netlink, interface, filters)
            # Configured inside, announced, and only then up: the filters exist already.
            in_namespace(namespace, lambda inside: _configure_inside(inside, device, interface, 100 + index))
            driver.announce(netlink, interface)
            netlink.link("set", index=host_end, state="up")

    def _add_pair(
        self, netlink: IPRoute, server_id: str, interface: Interface, device: str, namespace: str
    ) -> None:
        """Add the pair of devices, with both ends down."""
        descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
        try:
            peer = {
                "ifname": device,
                "address": str(interface.mac),
                "mtu": interface.mtu,
                "net_ns_fd": descriptor,
            }
            netlink.link("add", ifname=interface.host_device, kind="veth", mtu=interface.mtu, peer=peer)
        finally:
            os.close(descriptor)
        host_end = existing_link(netlink, interface.host_device)["index"]
        netlink.link("set", index=host_end, ifalias=f"{self._mark()}:{server_id}")
        write_sysctl(f"ipv6/conf/{interface.host_device}/disable_ipv6", "1")  # the host has no address here

    def unplug(self, interface: Interface) -> None:
        with netlink_socket(f"unplugging {interface.host_device}") as netlink:
            self._delete(netlink, interface)
        remove_filters(interface.host_device)

    def _delete(self, netlink: IPRoute, interface: Interface) -> None:
        link = find_link(netlink, interface.host_device)
        if link is not None and self._may_be_ours(link):
            with gone_is_fine():
                netlink.link("del", index=link["index"])  # its other end goes with it

    def _may_be_ours(self, link: Any) -> bool:
        """Also true without an alias: a killed plug may not have set it."""
        if not link.get("ifalias"):
            return bool(link.get(("linkinfo", "kind")) == "veth")
        return self._is_our_port(link)

    def _is_our_port(self, link: Any) -> bool:
        return bool((link.get("ifalias") or "").startswith(f"{self._mark()}:"))

    def release(self, interfaces: Iterable[Interface], others: Iterable[Interface]) -> tuple[str, ...]:
        kept = {interface.attachment for interface in others}
        attachments = dict.fromkeys(interface.attachment for interface in interfaces)
        return tuple(
            attachment.device
            for attachment in attachments
            if attachment not in kept and self._driver(attachment).release(attachment.device)
        )

    def unplugged(self, interfaces: Iterable[Interface]) -> tuple[Interface, ...]:
        wanted = tuple(interfaces)
        if not wanted:
            return ()
        with netlink_socket("looking at interfaces") as netlink:
            links = {link.get("ifname"): link for link in netlink.get_links()}
            plugged = {
                interface
                for driver, attached in self._by_driver(wanted).items()
                for interface in driver.whole(netlink, links, attached)
            }
        filtered = netdev_tables().keys()
        return tuple(
            interface
            for interface in wanted
            if interface not in plugged or not filtered >= set(map(table_name, interface.devices))
        )

    def remove(self, name: str) -> None:
        with netlink_socket(f"removing {name}") as netlink:
            link = find_link(netlink, name)
            if link is not None and self._is_our_port(link):
                with gone_is_fine():
                    netlink.link("del", index=link["index"])
                remove_filters(name)
                return
        # If the device is gone, its filter may be left, which names its owner unless an earlier release made
        # it.
        owners = {
            tables.get(table_name(name), "") for tables in (netdev_tables(), *further_tables().values())
        }
        if link is not None or owners <= {"", self._mark()}:
            self._bridges.remove(name)

    def list(self) -> tuple[str, ...]:
        installation = self._installation.known_id()
        if not installation:
            return ()
        ours = mark(installation)
        with netlink_socket("listing devices") as netlink:
            links = [(link.get("ifname"), link.get("ifalias") or "") for link in netlink.get_links()]
        there = {name for name, alias in links if alias == ours or alias.startswith(f"{ours}:")}
        families = (netdev_tables(), *further_tables().values())
        filtered = {device_of(table) for tables in families for table in tables if tables[table] == ours}
        return tuple(sorted(there | filtered))

    def _mark(self) -> str:
        return mark(self._installation.id())


def _is_inside(namespace: str, device: str) -> bool:
    return in_namespace(namespace, lambda inside: find_link(inside, device) is not None)


def _configure_inside(inside: IPRoute, device: str, interface: Interface, metric: int) -> None:
    """Set addresses, bring the interface up and add routes, inside the container's namespace."""
    link = existing_link(inside, device)
    for address in interface.addresses:
        add_address(inside, link["index"], str(address))
    inside.link("set", index=link["index"], state="up")
    for gateway in interface.gateways:
        family = {4: "0.0.0.0/0", 6: "::/0"}[gateway.version]
        inside.route("replace", dst=family, gateway=str(gateway), oif=link["index"], priority=metric)
