"""Interfaces, bridges and addresses of share servers.

Addresses are the standard library's ``IPv4Interface``/``IPv6Interface``: an address with its prefix.
"Taken" is meant for one bridge: two tenants may have the same address on two bridges.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    ip_address,
    ip_interface,
)
from typing import Any, Self

from attrs import field, frozen

from shares_core.domain.errors import AddressTaken, Conflict, InvalidInput, NoCapacity

Address = IPv4Address | IPv6Address
InterfaceAddress = IPv4Interface | IPv6Interface

_BRIDGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_LONGEST_SHOWN = 60
#: Holders of addresses that are not servers; no server can have such a name.
_HOST, _ROUTER = "the host", "a gateway"


def parse_interface_address(text: str) -> InterfaceAddress:
    """Read ``10.0.0.5/24`` or ``fd00::5/64``. Raises InvalidInput; the prefix must be written out."""
    shown = ascii(text[:_LONGEST_SHOWN])
    if "/" not in text:
        raise InvalidInput(
            f"{shown} has no prefix length", hint="write an address as 10.0.0.5/24 or fd00::5/64"
        )
    if "%" in text:
        raise InvalidInput(f"{shown} has a scope", hint="write the address without %")
    try:
        address = ip_interface(text.strip())
    except ValueError:
        raise InvalidInput(
            f"{shown} is not an IP address with a prefix",
            hint="write an address as 10.0.0.5/24 or fd00::5/64",
        ) from None
    return usable(address)


def parse_gateway(text: str) -> Address:
    """Read a gateway's address, without a prefix. Raises InvalidInput."""
    try:
        if "%" in text:
            raise ValueError(text)
        return ip_address(text.strip())
    except ValueError:
        raise InvalidInput(f"{text[:_LONGEST_SHOWN]!a} is not an IP address") from None


def usable(address: InterfaceAddress) -> InterfaceAddress:
    """The address, if a host can have it. Raises InvalidInput."""
    ip, network = address.ip, address.network
    why = None
    if ip.is_unspecified or ip.is_loopback or ip.is_multicast or ip.is_link_local:
        why = "unspecified, loopback, link-local and multicast addresses cannot be a server's"
    elif ip.version == 4 and ip.is_reserved:
        why = "the address is reserved"
    elif ip == network.network_address and network.num_addresses > 2:
        why = f"it is the address of the network {network} itself, not of a host in it"
    elif isinstance(network, IPv4Network) and ip == network.broadcast_address and network.num_addresses > 2:
        why = f"it is the broadcast address of {network}"
    if why:
        raise InvalidInput(f"{address} cannot be used: {why}")
    return address


@frozen(order=True)
class BridgeName:
    """A Linux bridge's name: at most 15 characters (the kernel's IFNAMSIZ)."""

    value: str = field()

    @value.validator
    def _check(self, _: object, value: object) -> None:
        if not isinstance(value, str) or _BRIDGE.fullmatch(value) is None:
            raise InvalidInput(
                f"bridge name {str(value)[:_LONGEST_SHOWN]!a} cannot be used",
                hint="use at most 15 letters, digits, '.', '_' and '-', beginning with a letter or a digit",
            )
        if value in ("all", "default", "lo"):
            raise InvalidInput(f"bridge name {value!r} is reserved by the kernel")

    def __str__(self) -> str:
        return self.value


def _lower(value: object) -> object:
    return value.lower().replace("-", ":") if isinstance(value, str) else value


@frozen(order=True)
class MacAddress:
    """A unicast Ethernet address, in lower case with colons."""

    value: str = field(converter=_lower)

    @value.validator
    def _check(self, _: object, value: object) -> None:
        shown = ascii(str(value)[:_LONGEST_SHOWN])
        if not isinstance(value, str) or _MAC.fullmatch(value) is None:
            raise InvalidInput(f"{shown} is not a MAC address", hint="write it as 02:00:00:aa:bb:cc")
        if int(value[:2], 16) & 1:
            raise InvalidInput(
                f"MAC address {value} is a multicast address", hint="its first byte must be even"
            )
        if value == "00:00:00:00:00:00":
            raise InvalidInput(f"MAC address {value} belongs to nobody")

    @classmethod
    def derived_from(cls, interface_id: str) -> Self:
        """The fixed, locally administered address of an interface that was given none.

        Fixed, because clients keep a former address in their ARP caches for long after it changed.
        ``interface_id`` is 12 hexadecimal digits.
        """
        digits = f"02{interface_id[2:12]}"
        return cls(":".join(digits[i : i + 2] for i in range(0, 12, 2)))

    def __str__(self) -> str:
        return self.value


def _each_version_once(what: str, addresses: Iterable[Address]) -> None:
    versions = [address.version for address in addresses]
    if len(set(versions)) != len(versions):
        raise InvalidInput(f"an interface has at most one {what} for IPv4 and one for IPv6")


def _mtu(_: object, __: object, value: Any) -> None:
    if value is not None and (not isinstance(value, int) or not 1280 <= value <= 9216):
        raise InvalidInput(f"an MTU of {value} cannot be used", hint="give a number from 1280 to 9216")


@frozen
class InterfaceSpec:
    """An interface as a caller asks for it.

    ``bridge`` None means the host's default network, where ``addresses`` may be left empty to get the
    next free one. ``host_addresses`` are what the host itself gets on the bridge: without one the
    bridge is closed to the host. Raises InvalidInput when what is asked for contradicts itself.
    """

    bridge: BridgeName | None = None
    addresses: tuple[InterfaceAddress, ...] = ()
    mac: MacAddress | None = None
    gateways: tuple[Address, ...] = ()
    host_addresses: tuple[InterfaceAddress, ...] = ()
    mtu: int | None = field(default=None, validator=_mtu)

    def __attrs_post_init__(self) -> None:
        for address in (*self.addresses, *self.host_addresses):
            usable(address)
        if self.bridge is not None and not self.addresses:
            raise InvalidInput(
                f"an interface on bridge {self.bridge} needs an address",
                hint="give --address IP/PREFIX; only the default network hands out addresses",
            )
        if self.bridge is None and self.host_addresses:
            raise InvalidInput(
                "the default network has its host address in the configuration",
                hint="give a --bridge to go with --host-address",
            )
        _each_version_once("gateway", self.gateways)
        _each_version_once("host address", [address.ip for address in self.host_addresses])
        addresses = [address.ip for address in self.addresses]
        if len(set(addresses)) != len(addresses):
            raise InvalidInput("one address stands twice on one interface")
        if self.addresses:
            for gateway in self.gateways:
                self._within("gateway", gateway)
            for host in self.host_addresses:
                self._within("host address", host.ip)

    def _within(self, what: str, ip: Address) -> None:
        if not any(ip in address.network for address in self.addresses):
            networks = ", ".join(str(address.network) for address in self.addresses)
            raise InvalidInput(f"{what} {ip} is outside of {networks}")
        if any(ip == address.ip for address in self.addresses):
            raise InvalidInput(f"{what} {ip} is the server's own address")

    @classmethod
    def parse(
        cls,
        *,
        bridge: str | None = None,
        addresses: Iterable[str] = (),
        mac: str | None = None,
        gateways: Iterable[str] = (),
        host_addresses: Iterable[str] = (),
        mtu: int | None = None,
    ) -> Self:
        """The same from text, as people and programs write it. Raises InvalidInput."""
        return cls(
            bridge=BridgeName(bridge) if bridge is not None else None,
            addresses=tuple(parse_interface_address(text) for text in addresses),
            mac=MacAddress(mac) if mac is not None else None,
            gateways=tuple(parse_gateway(text) for text in gateways),
            host_addresses=tuple(parse_interface_address(text) for text in host_addresses),
            mtu=mtu,
        )


@frozen
class Interface:
    """An interface as it was decided: what the record holds and the host is given.

    ``id`` is 12 hexadecimal digits. ``isolated`` keeps it apart from the other servers' ports of its
    bridge. ``segment`` is room for a VLAN id.
    """

    id: str
    bridge: BridgeName
    addresses: tuple[InterfaceAddress, ...]
    mac: MacAddress
    mtu: int
    gateways: tuple[Address, ...] = ()
    host_addresses: tuple[InterfaceAddress, ...] = ()
    isolated: bool = False
    segment: int | None = None

    @property
    def host_device(self) -> str:
        """The name of the host's end of the pair: within the kernel's 15 characters."""
        return f"shc{self.id}"

    @property
    def bridge_spec(self) -> Bridge:
        return Bridge(self.bridge, self.host_addresses, self.mtu)


@frozen
class Bridge:
    """A bridge as it should be. Without ``host_addresses`` it is closed to the host."""

    name: BridgeName
    host_addresses: tuple[InterfaceAddress, ...]
    mtu: int


@frozen
class DefaultNetwork:
    """Where servers go that name no bridge: the host has ``host_address`` there, so it can mount."""

    bridge: BridgeName
    subnet: IPv4Network
    mtu: int = 1500

    def __attrs_post_init__(self) -> None:
        if self.subnet.num_addresses < 4:
            raise InvalidInput(f"the default network {self.subnet} is too small", hint="use a /29 or larger")

    @property
    def host_address(self) -> IPv4Interface:
        return IPv4Interface((self.subnet.network_address + 1, self.subnet.prefixlen))

    def candidates(self) -> Iterator[IPv4Interface]:
        """The addresses that servers may have, lowest first."""
        first, last = int(self.subnet.network_address) + 2, int(self.subnet.broadcast_address)
        return (IPv4Interface((number, self.subnet.prefixlen)) for number in range(first, last))


def decide_interface(
    spec: InterfaceSpec,
    *,
    interface_id: str,
    default: DefaultNetwork,
    holders: Iterable[tuple[str, Interface]],
) -> Interface:
    """The interface that answers ``spec`` beside those that others hold.

    ``holders`` are pairs of a server's name and one of its interfaces. A bridge has one set of host
    addresses and one MTU: they come from the first server on it, and a later one inherits them or
    agrees with them. Raises AddressTaken, Conflict, NoCapacity or InvalidInput.
    """
    bridge = spec.bridge or default.bridge
    on_default = bridge == default.bridge
    neighbours = [(name, other) for name, other in holders if other.bridge == bridge]
    taken = {str(address.ip): name for name, other in neighbours for address in other.addresses}
    if on_default:
        host_addresses: tuple[InterfaceAddress, ...] = (default.host_address,)
        mtu = default.mtu
    elif neighbours:
        host_addresses, mtu = neighbours[0][1].host_addresses, neighbours[0][1].mtu
    else:
        host_addresses, mtu = spec.host_addresses, spec.mtu or default.mtu
    if spec.host_addresses and set(spec.host_addresses) != set(host_addresses):
        there = ", ".join(map(str, host_addresses)) or "none"
        raise Conflict(f"bridge {bridge} has another host address: {there}")
    if spec.mtu is not None and spec.mtu != mtu:
        raise Conflict(f"bridge {bridge} has another MTU: {mtu}")
    taken |= {str(gateway): _ROUTER for _, other in neighbours for gateway in other.gateways}
    taken |= {str(address.ip): _HOST for address in host_addresses}

    addresses = spec.addresses
    if not addresses:
        free = (a for a in default.candidates() if str(a.ip) not in taken and a.ip not in spec.gateways)
        chosen = next(free, None)
        if chosen is None:
            raise NoCapacity(
                f"the default network {default.subnet} has no free address",
                hint="give the server a --bridge and an --address, or configure a larger subnet",
            )
        addresses = (chosen,)
    for address in addresses:
        if on_default and isinstance(address, IPv4Interface) and address.network != default.subnet:
            raise InvalidInput(f"{address} is outside of the default network {default.subnet}")
        if str(address.ip) in taken:
            raise AddressTaken(str(address.ip), str(bridge), _who(taken[str(address.ip)]))
    mac = spec.mac or MacAddress.derived_from(interface_id)
    for name, other in neighbours:
        if other.mac == mac:
            raise AddressTaken(str(mac), str(bridge), _who(name))
    decided = InterfaceSpec(
        bridge, addresses, mac, spec.gateways, mtu=mtu
    )  # the gateway fits the chosen address
    return Interface(
        id=interface_id,
        bridge=bridge,
        addresses=decided.addresses,
        mac=mac,
        mtu=mtu,
        gateways=decided.gateways,
        host_addresses=host_addresses,
        isolated=on_default,
    )


def _who(name: str) -> str:
    return name if name in (_HOST, _ROUTER) else f"server {name!r}"


def fits(spec: InterfaceSpec, interface: Interface, default: DefaultNetwork) -> bool:
    """Whether an interface that exists is what ``spec`` asks for; what is left open fits anything."""
    return (
        interface.bridge == (spec.bridge or default.bridge)
        and (not spec.addresses or set(spec.addresses) == set(interface.addresses))
        and (spec.mac is None or spec.mac == interface.mac)
        and set(spec.gateways) == set(interface.gateways)
        and (not spec.host_addresses or set(spec.host_addresses) == set(interface.host_addresses))
        and (spec.mtu is None or spec.mtu == interface.mtu)
    )
