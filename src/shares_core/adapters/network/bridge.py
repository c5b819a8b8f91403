"""Interfaces that are attached to Linux bridges."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any

from shares_core.adapters.network.announcing import announce
from shares_core.adapters.network.filters import render_bridge_filter
from shares_core.adapters.network.firewall import forget_bridge, let_bridged_pass, passing
from shares_core.adapters.network.netlink import (
    UP,
    add_address,
    addresses_of,
    existing_link,
    find_link,
    gone_is_fine,
    ignoring,
    netlink_socket,
    write_sysctl,
)
from shares_core.adapters.network.refusals import (
    move_refused,
    render_bridged_refusals,
    render_host_refusals,
    render_marked_refusals,
    render_port_refusals,
)
from shares_core.adapters.network.tables import load_filters, remove_filters
from shares_core.adapters.state.installation import Installation
from shares_core.adapters.state.layout import Layout
from shares_core.adapters.state.locks import state_lock
from shares_core.domain.errors import BackendFailure, CommandFailed, Conflict
from shares_core.domain.network import Bridge, Interface
from shares_core.domain.remedy import HostTool, Remedy
from shares_core.domain.service import ServiceProfile

if TYPE_CHECKING:
    from pyroute2 import IPRoute

_MARK = "shares-core"


def mark(installation_id: str) -> str:
    """The mark in the alias of an installation's devices."""
    return f"{_MARK}:{installation_id}"


class BridgeDriver:
    """Makes bridges when interfaces need them, and removes them when none does."""

    def __init__(
        self, profile: ServiceProfile, layout: Layout, installation: Installation, lock_timeout: float
    ) -> None:
        self._ports = profile.ports
        self._layout = layout
        self._installation = installation
        self._lock_timeout = lock_timeout

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others from making or removing a bridge of this installation meanwhile. Raises Busy.

        Held over commands, but only a few quick ones: a bridge, its filter and its rule have no common
        transaction, so a removal could sweep away the filter of a bridge that another caller has just made
        again, and open it to the host. Taken inside a server's lock; no server's lock is taken inside it.
        """
        with state_lock(self._layout, "bridges", self._lock_timeout, "the bridges"):
            yield

    # -- bridges and their ports

    def connect(self, netlink: IPRoute, interface: Interface, filters: str) -> int:
        """Make the host's end of the interface a port of its bridge. Returns the end's index. Idempotent.

        Makes the bridge if need be, and repairs a bridge of ours that differs. Loads the ``filters`` of the
        port together with the bridge's own, in one transaction.
        """
        with self._alone():  # until the port is on it, somebody may remove the bridge as unused
            bridge = self._ensure(netlink, interface, filters)
            host_end: int = existing_link(netlink, interface.host_device)["index"]
            netlink.link("set", index=host_end, master=bridge)
            move_refused(netlink, host_end, bridge)
        netlink.brport("set", index=host_end, isolated=int(interface.isolated))
        return host_end

    def complete(self, netlink: IPRoute, interface: Interface, filters: str) -> None:
        """The same for an interface that is on its bridge."""
        with self._alone():
            bridge = self._ensure(netlink, interface, filters)
            host_end = find_link(netlink, interface.host_device)
            if host_end is not None:
                move_refused(netlink, host_end["index"], bridge)

    def announce(self, netlink: IPRoute, interface: Interface) -> None:
        """Tell everything on the interface's bridge, and the host, that its addresses have its MAC now."""
        announce(netlink, interface, existing_link(netlink, interface.attachment.device)["index"])

    def joined(self, netlink: IPRoute, interface: Interface) -> bool:
        """Whether the host's end is up, on its bridge, and isolated if it should be."""
        return _is_port({name: find_link(netlink, name) for name in interface.devices}, interface)

    def whole(
        self, netlink: IPRoute, links: Mapping[str, Any], interfaces: Collection[Interface]
    ) -> frozenset[Interface]:
        """The interfaces that are ``joined``, among the host's ``links``, to a bridge that fits."""
        bridges = {Bridge.of(interface) for interface in interfaces}
        let_through = passing({str(bridge.name) for bridge in bridges})
        fitting = {
            each for each in bridges if str(each.name) in let_through and _bridge_fits(netlink, links, each)
        }
        return frozenset(
            interface
            for interface in interfaces
            if Bridge.of(interface) in fitting and _is_port(links, interface)
        )

    # -- making bridges

    def _ensure(self, netlink: IPRoute, interface: Interface, filters: str) -> int:
        """Make or repair the interface's bridge; the caller is ``_alone``. Returns its index.

        Always loads the filters: a restart of the firewall may have removed them.
        """
        bridge = Bridge.of(interface)
        name = str(bridge.name)
        link = find_link(netlink, name)
        if link is None:
            self._require_free(netlink, bridge, None)
            link = self._make(netlink, name)
        if not self._is_ours(link):
            raise Conflict(
                f"a device {name} exists that is not ours",
                hint="name another bridge; to reach a network of yours, add its port to a bridge made here",
            )
        if _texts(bridge) - addresses_of(netlink, link["index"]):
            self._require_free(netlink, bridge, link["index"])
        if link.get("ifalias") != self._mark():
            netlink.link("set", index=link["index"], ifalias=self._mark())
        self._load(bridge, interface, filters)
        let_bridged_pass(name)
        if not link["flags"] & UP or addresses_of(netlink, link["index"]) != _texts(bridge):
            self._complete(netlink, bridge, link["index"])
        if link.get("mtu") != bridge.mtu:
            netlink.link("set", index=link["index"], mtu=bridge.mtu)
        return int(link["index"])

    def _load(self, bridge: Bridge, interface: Interface, filters: str) -> None:
        """Load the filters, and what refuses closed ports if the kernel has all that it takes."""
        needed = render_bridge_filter(bridge, self._ports, self._mark()) + filters
        host = render_host_refusals(bridge, self._ports, self._mark())
        marked, bridged = render_marked_refusals(bridge), ""
        if filters:
            marked += render_port_refusals(interface, self._ports)
            bridged = render_bridged_refusals(interface, self._ports, self._mark())
        for refusals in (host + marked, host + bridged):
            with suppress(CommandFailed):
                load_filters(needed + refusals)
                return
        load_filters(needed)  # without them closed ports are silent

    def _make(self, netlink: IPRoute, name: str) -> Any:
        """Make the bridge; returns it, or what somebody without our lock has put in its place."""
        with ignoring(errno.EEXIST):
            netlink.link("add", ifname=name, kind="bridge", address=self._mac(name), br_mcast_snooping=0)
        return existing_link(netlink, name)

    def _complete(self, netlink: IPRoute, bridge: Bridge, index: int) -> None:
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
        """Raise Conflict for a second route to a network, which would divert the host's own traffic."""
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

    # -- removing bridges

    def release(self, name: str) -> bool:
        """Remove the bridge of that name if it is ours and has no port, with its filter. Idempotent.

        Returns whether it is ours and is left because something is on it.
        """
        with self._alone():
            with netlink_socket(f"removing bridge {name}") as netlink:
                link = find_link(netlink, name)
                if link is not None:
                    if not self._is_ours(link):
                        return False
                    if any(port.get("master") == link["index"] for port in netlink.get_links()):
                        return True
                    with gone_is_fine():
                        netlink.link("del", index=link["index"])
            remove_filters(name)
            forget_bridge(name)
            return False

    def remove(self, name: str) -> None:
        """The same. Raises BackendFailure if something is on it."""
        if self.release(name):
            raise BackendFailure(
                f"bridge {name} is left: something else is on it",
                hint=Remedy.of(
                    HostTool("ip", ("link", "show", "master", name)), " shows what; take it off first"
                ),
            )

    # -- whose they are

    def _is_ours(self, link: Any) -> bool:
        """Whether the alias says so, or the MAC, if a killed call has not set the alias."""
        if link.get(("linkinfo", "kind")) != "bridge":
            return False
        made_by_us = link.get("address") == self._mac(link.get("ifname"))
        return link.get("ifalias") == self._mark() or (not link.get("ifalias") and made_by_us)

    def _mac(self, name: str) -> str:
        """A fixed MAC: otherwise it would change with the ports, and leave clients with stale ARP entries."""
        digits = "02" + hashlib.sha256(f"{self._installation.id()} {name}".encode()).hexdigest()[:10]
        return ":".join(digits[i : i + 2] for i in range(0, 12, 2))

    def _mark(self) -> str:
        return mark(self._installation.id())


def _is_port(links: Mapping[str, Any], interface: Interface) -> bool:
    host_end, bridge = (links.get(name) for name in interface.devices)
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


def _texts(bridge: Bridge) -> set[str]:
    return {str(address) for address in bridge.host_addresses}
