"""Bridges and interfaces by netlink."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any

from shares_core.adapters.linux.commands import run
from shares_core.adapters.network.filters import (
    render_bridge_filter,
    render_port_filter,
    render_removal,
    table_name,
)
from shares_core.adapters.network.firewall import forget_bridge, let_bridged_pass, passes
from shares_core.adapters.network.netlink import (
    UP,
    add_address,
    addresses_of,
    existing_link,
    find_link,
    gone_is_fine,
    ignoring,
    in_namespace,
    netdev_tables,
    netlink_socket,
    write_sysctl,
)
from shares_core.adapters.state.installation import Installation
from shares_core.adapters.state.layout import Layout
from shares_core.adapters.state.locks import state_lock
from shares_core.domain.addresses import BridgeName
from shares_core.domain.errors import BackendFailure, Conflict
from shares_core.domain.network import Bridge, Interface
from shares_core.domain.service import ServiceProfile
from shares_core.ports.network import Network

if TYPE_CHECKING:
    from pyroute2 import IPRoute

_MARK = "shares-core"


class LinuxNetwork(Network):
    """Devices of the host's network namespace. Each bears the installation's id in its alias."""

    def __init__(
        self, profile: ServiceProfile, layout: Layout, installation: Installation, lock_timeout: float
    ) -> None:
        self._ports = profile.ports
        self._layout = layout
        self._installation = installation
        self._lock_timeout = lock_timeout

    # -- bridges

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others from making or removing a bridge of this installation meanwhile. Raises Busy.

        Held over commands, but few and quick ones: a bridge, its filter and its rule have no transaction in
        common, and whoever removed one would else sweep away the filter with which another caller has just
        made it again, open to the host. Taken within a server's lock; no server's lock is taken within it.
        """
        with state_lock(self._layout, "bridges", self._lock_timeout, "the bridges"):
            yield

    def ensure_bridge(self, bridge: Bridge) -> None:
        with self._alone(), netlink_socket(f"making bridge {bridge.name}") as netlink:
            self._ensure_bridge(netlink, bridge, filters="")

    def _ensure_bridge(self, netlink: IPRoute, bridge: Bridge, *, filters: str) -> int:
        """The bridge's index; ``filters`` of a port are loaded with its own, in one transaction.

        The filters are loaded always: a firewall's restart may have swept them away.
        """
        name = str(bridge.name)
        link = find_link(netlink, name)
        if link is None:
            self._require_free(netlink, bridge, None)
            link = self._make_bridge(netlink, name)
        if not self._is_our_bridge(link):
            raise Conflict(
                f"a device {name} exists that is not ours",
                hint="name another bridge; to reach a network of yours, add its port to a bridge made here",
            )
        if _texts(bridge) - addresses_of(netlink, link["index"]):
            self._require_free(netlink, bridge, link["index"])
        if link.get("ifalias") != self._alias():
            netlink.link("set", index=link["index"], ifalias=self._alias())
        _load_filters(render_bridge_filter(bridge, self._ports) + filters)
        let_bridged_pass(name)
        if not link["flags"] & UP or addresses_of(netlink, link["index"]) != _texts(bridge):
            self._complete_bridge(netlink, bridge, link["index"])
        if link.get("mtu") != bridge.mtu:
            netlink.link("set", index=link["index"], mtu=bridge.mtu)
        return int(link["index"])

    def _make_bridge(self, netlink: IPRoute, name: str) -> Any:
        """The new bridge, or what somebody who is not kept out by our lock has put in its place."""
        with ignoring(errno.EEXIST):
            netlink.link(
                "add", ifname=name, kind="bridge", address=self._bridge_mac(name), br_mcast_snooping=0
            )
        return existing_link(netlink, name)

    def _complete_bridge(self, netlink: IPRoute, bridge: Bridge, index: int) -> None:
        """Addressed, then up; its filter is there already."""
        name = str(bridge.name)
        has_v6 = any(address.version == 6 for address in bridge.host_addresses)
        write_sysctl(f"ipv6/conf/{name}/disable_ipv6", "0" if has_v6 else "1")
        write_sysctl(f"ipv6/conf/{name}/accept_ra", "0")
        write_sysctl(f"ipv4/conf/{name}/arp_ignore", "1")  # not for the host's other addresses
        wanted = _texts(bridge)
        for text in addresses_of(netlink, index) - wanted:
            address = ip_interface(text)
            netlink.addr("del", index=index, address=str(address.ip), prefixlen=address.network.prefixlen)
        for text in sorted(wanted):
            add_address(netlink, index, text)
        netlink.link("set", index=index, state="up")

    def _require_free(self, netlink: IPRoute, bridge: Bridge, own: int | None) -> None:
        """A second route to a network would take the host's own traffic to it away."""
        for held in netlink.get_addr():
            if held["index"] == own:
                continue
            there = ip_interface(f"{held.get('address')}/{held['prefixlen']}")
            for address in bridge.host_addresses:
                if there.version != address.version or not there.network.overlaps(address.network):
                    continue
                with gone_is_fine():  # and its address with it
                    device = netlink.get_links(held["index"])[0].get("ifname")
                    raise Conflict(
                        f"host address {address} of bridge {bridge.name} overlaps {there} of {device}",
                        hint="choose another network; the default one is [network] subnet of the settings",
                    )

    def remove_bridge(self, name: BridgeName) -> None:
        with self._alone():
            self._remove_bridge(name)

    def _remove_bridge(self, name: BridgeName) -> bool:
        """Gives whether none of that name is there now."""
        if not self._delete_bridge(name):
            return False
        _load_filters(render_removal([str(name)]))
        forget_bridge(str(name))
        return True

    def _delete_bridge(self, name: BridgeName) -> bool:
        """Delete the bridge if it is ours and has no port; gives whether none of that name is there now."""
        with netlink_socket(f"removing bridge {name}") as netlink:
            link = find_link(netlink, str(name))
            if link is None:
                return True
            if not self._is_our_bridge(link):
                return False
            if any(port.get("master") == link["index"] for port in netlink.get_links()):
                return False
            with gone_is_fine():
                netlink.link("del", index=link["index"])
            return True

    # -- interfaces

    def plug(self, server_id: str, interface: Interface, index: int, namespace: str) -> None:
        filters = render_port_filter(interface, self._ports)
        with netlink_socket(f"plugging an interface of server {server_id}") as netlink:
            if self._is_complete(netlink, interface, namespace, f"eth{index}"):
                with self._alone():
                    self._ensure_bridge(netlink, interface.bridge_spec, filters=filters)
                return
            self._delete(netlink, interface)
            if find_link(netlink, interface.host_device) is not None:
                raise Conflict(f"a device {interface.host_device} exists that is not ours")
            self._add_pair(netlink, server_id, interface, index, namespace)
            with self._alone():  # until the port is on it, the bridge may be removed as unused
                bridge = self._ensure_bridge(netlink, interface.bridge_spec, filters=filters)
                host_end = existing_link(netlink, interface.host_device)["index"]
                netlink.link("set", index=host_end, master=bridge)
            self._complete_port(netlink, interface, index, namespace, host_end)

    def _is_complete(self, netlink: IPRoute, interface: Interface, namespace: str, device: str) -> bool:
        """Whether the interface is on its bridge; its host end is brought up last, once all else was done."""
        names = interface.host_device, str(interface.bridge)
        if not _is_port({name: find_link(netlink, name) for name in names}, interface):
            return False
        return in_namespace(namespace, lambda inside: find_link(inside, device) is not None)

    def _add_pair(
        self, netlink: IPRoute, server_id: str, interface: Interface, index: int, namespace: str
    ) -> None:
        """The pair of devices, down at both ends."""
        descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
        try:
            peer = {
                "ifname": f"eth{index}",
                "address": str(interface.mac),
                "mtu": interface.mtu,
                "net_ns_fd": descriptor,
            }
            netlink.link("add", ifname=interface.host_device, kind="veth", mtu=interface.mtu, peer=peer)
        finally:
            os.close(descriptor)
        host_end = existing_link(netlink, interface.host_device)["index"]
        netlink.link("set", index=host_end, ifalias=f"{self._alias()}:{server_id}")
        write_sysctl(f"ipv6/conf/{interface.host_device}/disable_ipv6", "1")  # the host has no address on it

    def _complete_port(
        self, netlink: IPRoute, interface: Interface, index: int, namespace: str, host_end: int
    ) -> None:
        """Configured inside, and only then up: the filters are there already."""
        netlink.brport("set", index=host_end, isolated=int(interface.isolated))
        device, metric = f"eth{index}", 100 + index
        in_namespace(namespace, lambda inside: _configure_inside(inside, device, interface, metric))
        netlink.link("set", index=host_end, state="up")

    def unplug(self, interface: Interface) -> None:
        with netlink_socket(f"unplugging {interface.host_device}") as netlink:
            self._delete(netlink, interface)
        _load_filters(render_removal([interface.host_device]))

    def _delete(self, netlink: IPRoute, interface: Interface) -> None:
        link = find_link(netlink, interface.host_device)
        if link is not None and self._may_be_ours(link):
            with gone_is_fine():
                netlink.link("del", index=link["index"])  # its other end goes with it

    def _may_be_ours(self, link: Any) -> bool:
        """Also without an alias: a killed plug may not have come to set it."""
        alias = link.get("ifalias") or ""
        if not alias:
            return bool(link.get(("linkinfo", "kind")) == "veth")
        return bool(alias.startswith(f"{self._alias()}:"))

    def unplugged(self, interfaces: Iterable[Interface]) -> tuple[Interface, ...]:
        wanted = tuple(interfaces)
        if not wanted:
            return ()
        bridges = {interface.bridge_spec for interface in wanted}
        with netlink_socket("looking at interfaces") as netlink:
            links = {link.get("ifname"): link for link in netlink.get_links()}
            whole = {
                each for each in bridges if _bridge_fits(netlink, links, each) and passes(str(each.name))
            }
        filtered = netdev_tables()
        return tuple(
            interface
            for interface in wanted
            if not (
                _is_port(links, interface)
                and interface.bridge_spec in whole
                and filtered.issuperset(map(table_name, (interface.host_device, str(interface.bridge))))
            )
        )

    def remove(self, name: str) -> None:
        with self._alone():
            with netlink_socket(f"removing {name}") as netlink:
                link = find_link(netlink, name)
                if link is None:
                    return
                if (link.get("ifalias") or "").startswith(f"{self._alias()}:"):
                    with gone_is_fine():
                        netlink.link("del", index=link["index"])
                    _load_filters(render_removal([name]))
                    return
            if self._is_our_bridge(link) and not self._remove_bridge(BridgeName(name)):
                raise BackendFailure(
                    f"bridge {name} is left: something else is on it",
                    hint=f"'ip link show master {name}' shows what; take it off first",
                )

    def list(self) -> tuple[str, ...]:
        installation = self._installation.known_id()
        if not installation:
            return ()
        mark = f"{_MARK}:{installation}"
        with netlink_socket("listing devices") as netlink:
            links = [(link.get("ifname"), link.get("ifalias") or "") for link in netlink.get_links()]
        return tuple(sorted(name for name, alias in links if alias == mark or alias.startswith(f"{mark}:")))

    def _is_our_bridge(self, link: Any) -> bool:
        """Known by its alias or, where a killed call did not come to set it, by the MAC it was made with."""
        if link.get(("linkinfo", "kind")) != "bridge":
            return False
        made_by_us = link.get("address") == self._bridge_mac(link.get("ifname"))
        return link.get("ifalias") == self._alias() or (not link.get("ifalias") and made_by_us)

    def _bridge_mac(self, name: str) -> str:
        """Fixed: else it would change with the bridge's ports, and leave clients on stale ARP entries."""
        digits = "02" + hashlib.sha256(f"{self._installation.id()} {name}".encode()).hexdigest()[:10]
        return ":".join(digits[i : i + 2] for i in range(0, 12, 2))

    def _alias(self) -> str:
        return f"{_MARK}:{self._installation.id()}"


def _is_port(links: Mapping[str, Any], interface: Interface) -> bool:
    """Whether the host's end is up, on its bridge, and kept apart from other ports or not as it should be."""
    host_end, bridge = links.get(interface.host_device), links.get(str(interface.bridge))
    if host_end is None or bridge is None or not host_end["flags"] & bridge["flags"] & UP:
        return False
    isolated = bool(host_end.get(("linkinfo", "slave_data", "isolated")))
    return host_end.get("master") == bridge["index"] and isolated == interface.isolated


def _bridge_fits(netlink: IPRoute, links: Mapping[str, Any], bridge: Bridge) -> bool:
    """Whether the bridge has its host addresses and its MTU."""
    link = links.get(str(bridge.name))
    if link is None or link.get("mtu") != bridge.mtu:
        return False
    return addresses_of(netlink, link["index"]) == _texts(bridge)


def _load_filters(rules: str) -> None:
    # A late one would sweep away what the next caller has loaded; it is done at once or not at all.
    run(("nft", "-f", "-"), stdin=rules.encode(), outlives=False)


def _configure_inside(inside: IPRoute, device: str, interface: Interface, metric: int) -> None:
    """Addresses, up and routes, inside the container's namespace."""
    link = existing_link(inside, device)
    for address in interface.addresses:
        add_address(inside, link["index"], str(address))
    inside.link("set", index=link["index"], state="up")
    for gateway in interface.gateways:
        family = {4: "0.0.0.0/0", 6: "::/0"}[gateway.version]
        inside.route("replace", dst=family, gateway=str(gateway), oif=link["index"], priority=metric)


def _texts(bridge: Bridge) -> set[str]:
    return {str(address) for address in bridge.host_addresses}
