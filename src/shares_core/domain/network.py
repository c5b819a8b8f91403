"""Interfaces and bridges of share servers, and which interface a server gets.

An address is "taken" on one attachment: two tenants may have the same address on two bridges.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from ipaddress import IPv4Interface, IPv4Network
from types import UnionType
from typing import Any, Self

from attrs import field, frozen
from attrs.validators import optional

from shares_core.domain.addresses import (
    Address,
    BridgeName,
    InterfaceAddress,
    MacAddress,
    parse_gateway,
    parse_interface_address,
    usable,
)
from shares_core.domain.attachment import Attachment, BridgeAttachment
from shares_core.domain.checks import must_be
from shares_core.domain.errors import AddressTaken, Conflict, InvalidInput, NoCapacity
from shares_core.domain.remedy import Parameter, Remedy


def _each_version_once(what: str, addresses: Iterable[Address]) -> None:
    versions = [address.version for address in addresses]
    if len(set(versions)) != len(versions):
        raise InvalidInput(
            f"an interface has at most one {what} for IPv4 and one for IPv6",
            hint="leave one out, or give the server another interface",
        )


def _mtu(_: object, __: object, value: Any) -> None:
    if not isinstance(value, int) or not 1280 <= value <= 9216:
        raise InvalidInput(f"an MTU of {value} cannot be used", hint="give a number from 1280 to 9216")


def _is(kind: type | UnionType, what: str) -> Callable[[object, object, Any], None]:
    return must_be(kind, f"an interface's {what}", hint="InterfaceSpec.parse(...) reads everything from text")


def _texts(texts: Iterable[str], what: str) -> tuple[str, ...]:
    """Refuse a single text, which would pass for many of one letter each."""
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise InvalidInput(f"an interface's {what} must be a list", hint=f"give {what}=['10.0.0.5/24']")
    return tuple(texts)


@frozen
class InterfaceSpec:
    """An interface as a caller asks for it.

    ``bridge`` None means the host's default network, where ``addresses`` may be left empty to get the next
    free one. ``host_addresses`` are the host's own on the bridge: without them the bridge is closed to the
    host. Raises InvalidInput if the request contradicts itself.
    """

    bridge: BridgeName | None = field(default=None, validator=_is(BridgeName | None, "bridge"))
    addresses: tuple[InterfaceAddress, ...] = field(default=(), validator=_is(tuple, "addresses"))
    mac: MacAddress | None = field(default=None, validator=_is(MacAddress | None, "mac"))
    gateways: tuple[Address, ...] = field(default=(), validator=_is(tuple, "gateways"))
    host_addresses: tuple[InterfaceAddress, ...] = field(default=(), validator=_is(tuple, "host_addresses"))
    mtu: int | None = field(default=None, validator=optional(_mtu))

    def __attrs_post_init__(self) -> None:
        for address in (*self.addresses, *self.host_addresses):
            usable(address)
        if self.bridge is not None and not self.addresses:
            raise InvalidInput(
                f"an interface on bridge {self.bridge} needs an address",
                hint=Remedy.of(
                    "give ",
                    Parameter("addresses"),
                    " IP/PREFIX; only the default network hands out addresses",
                ),
            )
        if self.bridge is None and self.host_addresses:
            raise InvalidInput(
                "the default network has its host address in the configuration",
                hint=Remedy.of("give a ", Parameter("bridge"), " to go with ", Parameter("host_addresses")),
            )
        _each_version_once("gateway", self.gateways)
        _each_version_once("host address", [address.ip for address in self.host_addresses])
        addresses = [address.ip for address in self.addresses]
        if len(set(addresses)) != len(addresses):
            raise InvalidInput("one address stands twice on one interface", hint="give it once")
        if self.addresses:
            for gateway in self.gateways:
                self._within("gateway", gateway)
            for host in self.host_addresses:
                self._within("host address", host.ip)

    def _within(self, what: str, ip: Address) -> None:
        if not any(ip in address.network for address in self.addresses):
            networks = ", ".join(str(address.network) for address in self.addresses)
            raise InvalidInput(
                f"{what} {ip} is outside of {networks}", hint=f"give a {what} in a network of the server's"
            )
        if any(ip == address.ip for address in self.addresses):
            raise InvalidInput(
                f"{what} {ip} is the server's own address", hint=f"give the server or the {what} another one"
            )

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
            addresses=tuple(parse_interface_address(text) for text in _texts(addresses, "addresses")),
            mac=MacAddress(mac) if mac is not None else None,
            gateways=tuple(parse_gateway(text) for text in _texts(gateways, "gateways")),
            host_addresses=tuple(
                parse_interface_address(text) for text in _texts(host_addresses, "host_addresses")
            ),
            mtu=mtu,
        )


@frozen
class Interface:
    """An interface as decided: what the record holds and the host gets.

    ``id`` is 12 hexadecimal digits. ``isolated`` keeps it apart from other servers' interfaces on the same
    attachment.
    """

    id: str
    attachment: Attachment
    addresses: tuple[InterfaceAddress, ...]
    mac: MacAddress
    mtu: int
    gateways: tuple[Address, ...] = ()
    host_addresses: tuple[InterfaceAddress, ...] = ()
    isolated: bool = False

    @property
    def host_device(self) -> str:
        """The name of the host's end of the pair: within the kernel's 15 characters."""
        return f"shc{self.id}"

    @property
    def devices(self) -> tuple[str, str]:
        """The names of the devices that it needs on the host: its own, and that of its attachment."""
        return self.host_device, self.attachment.device


@frozen
class Bridge:
    """A bridge as it should be. Without ``host_addresses`` it is closed to the host."""

    name: BridgeName
    host_addresses: tuple[InterfaceAddress, ...]
    mtu: int

    @classmethod
    def of(cls, interface: Interface) -> Self:
        """The one that an interface needs. Raises TypeError if it is attached to something else."""
        match interface.attachment:
            case BridgeAttachment(bridge=name):
                return cls(name, interface.host_addresses, interface.mtu)
        raise TypeError(f"{interface.attachment} is not a bridge")


@frozen
class DefaultNetwork:
    """The network of servers that name no bridge: the host has ``host_address`` there, so it can mount.

    Raises InvalidInput for an MTU that no interface may have, or a subnet without room for a server.
    """

    bridge: BridgeName
    subnet: IPv4Network
    mtu: int = field(default=1500, validator=_mtu)

    def __attrs_post_init__(self) -> None:
        if self.subnet.num_addresses < 4:
            raise InvalidInput(f"the default network {self.subnet} is too small", hint="use a /30 or larger")

    @property
    def host_address(self) -> IPv4Interface:
        return IPv4Interface((self.subnet.network_address + 1, self.subnet.prefixlen))

    def candidates(self) -> Iterator[IPv4Interface]:
        """The addresses that servers may have, lowest first."""
        first, last = int(self.subnet.network_address) + 2, int(self.subnet.broadcast_address)
        return (IPv4Interface((number, self.subnet.prefixlen)) for number in range(first, last))


#: The interfaces on one bridge, each with the name of its server.
_Neighbours = Sequence[tuple[str, Interface]]


def decide_interface(
    spec: InterfaceSpec,
    *,
    interface_id: str,
    default: DefaultNetwork,
    holders: Iterable[tuple[str, Interface]],
) -> Interface:
    """The interface for ``spec``, in agreement with those that others have.

    ``holders`` are pairs of a server's name and one of its interfaces. A bridge has one set of host addresses
    and one MTU: the first server on it sets them, and a later server inherits them or has to agree; so has
    the configuration, if the bridge is the default network's. Raises AddressTaken, Conflict, NoCapacity or
    InvalidInput.
    """
    name = spec.bridge or default.bridge
    attachment = BridgeAttachment(name)
    neighbours = [(server, other) for server, other in holders if other.attachment == attachment]
    bridge = _agreed_bridge(spec, name, default, neighbours)
    addresses = _free_addresses(spec, bridge, default, neighbours)
    mac = _free_mac(spec, interface_id, neighbours)
    # The same checks again, with the chosen address: the gateway has to fit it.
    decided = InterfaceSpec(name, addresses, mac, spec.gateways, mtu=bridge.mtu)
    return Interface(
        id=interface_id,
        attachment=attachment,
        addresses=decided.addresses,
        mac=mac,
        mtu=bridge.mtu,
        gateways=decided.gateways,
        host_addresses=bridge.host_addresses,
        isolated=name == default.bridge,
    )


def _agreed_bridge(
    spec: InterfaceSpec, name: BridgeName, default: DefaultNetwork, neighbours: _Neighbours
) -> Bridge:
    """The bridge as it is or will be. Raises Conflict if ``spec`` contradicts it."""
    bridge = _bridge(spec, name, default, neighbours)
    if spec.host_addresses and set(spec.host_addresses) != set(bridge.host_addresses):
        there = ", ".join(map(str, bridge.host_addresses)) or "none"
        raise Conflict(
            f"bridge {name} has another host address: {there}", hint="leave it out, or choose another bridge"
        )
    if spec.mtu is not None and spec.mtu != bridge.mtu:
        raise Conflict(
            f"bridge {name} has another MTU: {bridge.mtu}", hint="leave it out, or choose another bridge"
        )
    return bridge


def _bridge(
    spec: InterfaceSpec, name: BridgeName, default: DefaultNetwork, neighbours: _Neighbours
) -> Bridge:
    """What the first server on it says, otherwise the configuration or ``spec``.

    Raises Conflict if the configuration of the default network has changed under its servers: plugging one
    would take the host address of the others away.
    """
    there = [Bridge.of(other) for _, other in neighbours]
    if name == default.bridge:
        configured = Bridge(name, (default.host_address,), default.mtu)
        differing = next((bridge for bridge in there if bridge != configured), None)
        if differing is not None:
            raise Conflict(
                f"the servers on bridge {name} have {_described(differing)}, "
                f"but the configuration says {_described(configured)}",
                hint="change [network] in the configuration back, or delete those servers first",
            )
        return configured
    return there[0] if there else Bridge(name, spec.host_addresses, spec.mtu or default.mtu)


def _described(bridge: Bridge) -> str:
    addresses = ", ".join(map(str, bridge.host_addresses))
    return f"{f'host address {addresses}' if addresses else 'no host address'} and MTU {bridge.mtu}"


def _free_addresses(
    spec: InterfaceSpec, bridge: Bridge, default: DefaultNetwork, neighbours: _Neighbours
) -> tuple[InterfaceAddress, ...]:
    """The addresses of ``spec``, or the next free one. Raises AddressTaken, NoCapacity or InvalidInput."""
    taken = _taken_addresses(bridge, neighbours)
    if not spec.addresses:
        return (_lowest_free(default, {*taken, *spec.gateways}),)
    on_default = bridge.name == default.bridge
    for address in spec.addresses:
        if on_default and isinstance(address, IPv4Interface) and address.network != default.subnet:
            raise InvalidInput(
                f"{address} is outside of the default network {default.subnet}",
                hint=Remedy.of(
                    "give a ", Parameter("bridge"), " to go with it, or an address of the default network"
                ),
            )
        if address.ip in taken:
            raise AddressTaken(str(address.ip), str(bridge.name), taken[address.ip])
    return spec.addresses


def _taken_addresses(bridge: Bridge, neighbours: _Neighbours) -> dict[Address, str]:
    """The addresses in use on the bridge, each with its holder, in words for people."""
    servers = {address.ip: _server(name) for name, interface in neighbours for address in interface.addresses}
    routers = {gateway: "a gateway" for _, interface in neighbours for gateway in interface.gateways}
    host = {address.ip: "the host" for address in bridge.host_addresses}
    return {**servers, **routers, **host}


def _lowest_free(default: DefaultNetwork, taken: Collection[Address]) -> IPv4Interface:
    for candidate in default.candidates():
        if candidate.ip not in taken:
            return candidate
    raise NoCapacity(
        f"the default network {default.subnet} has no free address",
        hint=Remedy.of(
            "give the server ",
            Parameter("bridge"),
            " and ",
            Parameter("addresses"),
            ", or configure a larger subnet",
        ),
    )


def _free_mac(spec: InterfaceSpec, interface_id: str, neighbours: _Neighbours) -> MacAddress:
    """The MAC of ``spec``, or the interface's own. Raises AddressTaken."""
    mac = spec.mac or MacAddress.derived_from(interface_id)
    for name, interface in neighbours:
        if interface.mac == mac:
            raise AddressTaken(str(mac), interface.attachment.device, _server(name))
    return mac


def _server(name: str) -> str:
    return f"server {name!r}"


def fits(spec: InterfaceSpec, interface: Interface, default: DefaultNetwork) -> bool:
    """Whether an existing interface is what ``spec`` asks for; what ``spec`` leaves open fits anything."""
    return (
        interface.attachment == BridgeAttachment(spec.bridge or default.bridge)
        and (not spec.addresses or set(spec.addresses) == set(interface.addresses))
        and (spec.mac is None or spec.mac == interface.mac)
        and set(spec.gateways) == set(interface.gateways)
        and (not spec.host_addresses or set(spec.host_addresses) == set(interface.host_addresses))
        and (spec.mtu is None or spec.mtu == interface.mtu)
    )
