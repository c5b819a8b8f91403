"""Addresses of interfaces, gateways and Ethernet cards; and the names of bridges.

IP addresses are the standard library's: ``IPv4Interface``/``IPv6Interface`` is an address with its prefix.
"""

from __future__ import annotations

import re
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    ip_address,
    ip_interface,
)
from typing import Self

from attrs import field, frozen

from shares_core.domain.checks import require
from shares_core.domain.errors import InvalidInput

Address = IPv4Address | IPv6Address
InterfaceAddress = IPv4Interface | IPv6Interface

_BRIDGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_LONGEST_SHOWN = 60
_ADDRESS = "write an address as 10.0.0.5/24 or fd00::5/64"
_GATEWAY = "write a gateway as 10.0.0.1 or fd00::1, without a prefix"
_READ = "InterfaceSpec.parse(bridge='tenant-b', addresses=['10.0.0.5/24']) reads text"
_MAC_HINT = "write it as 02:00:00:aa:bb:cc"


def parse_interface_address(text: str) -> InterfaceAddress:
    """Read ``10.0.0.5/24`` or ``fd00::5/64``. Raises InvalidInput; the prefix must be written out."""
    require(text, str, "an address", hint=_ADDRESS)
    shown = ascii(text[:_LONGEST_SHOWN])
    if "/" not in text:
        raise InvalidInput(f"{shown} has no prefix length", hint=_ADDRESS)
    if "%" in text:
        raise InvalidInput(f"{shown} has a scope", hint="write the address without %")
    try:
        address = ip_interface(text.strip())
    except ValueError:
        raise InvalidInput(f"{shown} is not an IP address with a prefix", hint=_ADDRESS) from None
    return usable(address)


def parse_gateway(text: str) -> Address:
    """Read a gateway's address, without a prefix. Raises InvalidInput."""
    require(text, str, "a gateway", hint=_GATEWAY)
    try:
        if "%" in text:
            raise ValueError(text)
        return ip_address(text.strip())
    except ValueError:
        raise InvalidInput(f"{text[:_LONGEST_SHOWN]!a} is not an IP address", hint=_GATEWAY) from None


def usable(address: InterfaceAddress) -> InterfaceAddress:
    """The address, if a host can have it. Otherwise raises InvalidInput."""
    require(address, InterfaceAddress, "an interface's address", hint=_READ)
    ip, network = address.ip, address.network
    why, hint = None, "give the address of a host, like 10.0.0.5/24"
    if ip.is_unspecified or ip.is_loopback or ip.is_multicast or ip.is_link_local:
        why = "unspecified, loopback, link-local and multicast addresses cannot be a server's"
        hint = "give a unicast address of the server's network, like 10.0.0.5/24 or fd00::5/64"
    elif ip.version == 4 and ip.is_reserved:
        why = "the address is reserved"
        hint = "give one below 224.0.0.0, like 10.0.0.5/24"
    elif ip == network.network_address and network.num_addresses > 2:
        why = f"it is the address of the network {network} itself, not of a host in it"
    elif isinstance(network, IPv4Network) and ip == network.broadcast_address and network.num_addresses > 2:
        why = f"it is the broadcast address of {network}"
    if why:
        raise InvalidInput(f"{address} cannot be used: {why}", hint=hint)
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
            raise InvalidInput(f"bridge name {value!r} is reserved by the kernel", hint="choose another name")

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
            raise InvalidInput(f"{shown} is not a MAC address", hint=_MAC_HINT)
        if int(value[:2], 16) & 1:
            raise InvalidInput(
                f"MAC address {value} is a multicast address", hint="its first byte must be even"
            )
        if value == "00:00:00:00:00:00":
            raise InvalidInput(f"MAC address {value} belongs to nobody", hint=_MAC_HINT)

    @classmethod
    def derived_from(cls, interface_id: str) -> Self:
        """The fixed, locally administered address of an interface whose caller gave none.

        Fixed, because clients keep a former address in their ARP caches long after a change.
        ``interface_id`` is 12 hexadecimal digits.
        """
        digits = f"02{interface_id[2:12]}"
        return cls(":".join(digits[i : i + 2] for i in range(0, 12, 2)))

    def __str__(self) -> str:
        return self.value
