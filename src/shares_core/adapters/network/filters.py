"""Packet filters at the edges of a bridge, rendered as nftables' language by pure functions.

They are in the netdev family, each at the ingress of one device. There they see everything that the device
passes to the host, ARP and IPv6 link-local included, whatever other firewall the host has; they keep no
state; and a bridge's forwarding between its ports never meets them. ``owner`` marks them as an
installation's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address

from shares_core.domain.addresses import InterfaceAddress, MacAddress
from shares_core.domain.network import Bridge, Interface
from shares_core.domain.service import TcpPort

_ERRORS_V4 = "destination-unreachable, time-exceeded, parameter-problem"
_ERRORS_V6 = "destination-unreachable, packet-too-big, time-exceeded, parameter-problem"
#: The MAC in an advertisement (RFC 4861, 4.4): older nft has no word for it.
_ND_TARGET = "@th,64,128"
_NEIGHBOURS = "nd-neighbor-solicit, nd-neighbor-advert"


_PREFIX = "shares-"


def table_name(device: str) -> str:
    return f"{_PREFIX}{device}"


def device_of(table: str) -> str:
    """The device that a table of ours is for."""
    return table.removeprefix(_PREFIX)


def render_removal(devices: Iterable[str]) -> str:
    """Remove the devices' tables. Declares them first, so that removing a missing table is not an error."""
    return "".join(render_removal_of("netdev", device) for device in devices)


def render_removal_of(family: str, device: str) -> str:
    """The same of the device's table of another family."""
    return f"table {family} {table_name(device)}\ndelete table {family} {table_name(device)}\n"


def _answers(ports: Sequence[TcpPort]) -> str:
    """The only packets that a share server may send: answers from one of its service's ports.

    The first packet of a connection (SYN without ACK) is not an answer: a server opens no connections.
    """
    return f"tcp sport {any_of(ports)} tcp flags & (syn | ack) != syn accept"


def render_bridge_filter(bridge: Bridge, ports: Sequence[TcpPort], owner: str) -> str:
    """What a bridge may pass to the host: nothing, or answers to the host's address on it.

    Nothing for other addresses: the host would route it on, to another tenant's bridge.
    """
    rules = []
    if bridge.host_addresses:
        rules = ["ether type arp accept"]
    if v4 := listed(address for address in bridge.host_addresses if address.version == 4):
        rules += [
            f"ip daddr {v4} {_answers(ports)}",
            f"ip daddr {v4} icmp type {{ echo-request, echo-reply, {_ERRORS_V4} }} accept",
        ]
    if v6 := listed(address for address in bridge.host_addresses if address.version == 6):
        rules += [
            f"ip6 daddr {v6} {_answers(ports)}",
            f"ip6 daddr {v6} icmpv6 type {{ echo-request, echo-reply, {_ERRORS_V6} }} accept",
            f"icmpv6 type {{ {_NEIGHBOURS} }} accept",  # routers never pass these on (RFC 4861, 7.1)
        ]
    return _table(str(bridge.name), owner, "to-host", rules)


def render_port_filter(interface: Interface, ports: Sequence[TcpPort], owner: str) -> str:
    """What a server may send: only answers, from its own MAC and IP addresses."""
    rules = [f"ether saddr != {interface.mac} drop", "ether type { 8021q, 8021ad } drop"]
    v4 = listed(address for address in interface.addresses if address.version == 4)
    v6 = listed(address for address in interface.addresses if address.version == 6)
    if v4:
        rules += [
            f"arp operation {{ request, reply }} arp saddr ether {interface.mac} arp saddr ip {v4} accept",
            f"ip saddr {v4} {_answers(ports)}",
            f"ip saddr {v4} icmp type {{ echo-reply, {_ERRORS_V4} }} accept",
        ]
    if v6:
        own = [address.ip for address in interface.addresses if address.version == 6]
        own = [*own, link_local(interface.mac)]
        own_v6 = f"{{ {', '.join(str(ip) for ip in own)} }}"
        told = f"{{ {', '.join(f'{int(ip):#034x}' for ip in own)} }}"
        rules += [
            f"ip6 saddr {v6} {_answers(ports)}",
            f"ip6 saddr {v6} icmpv6 type {{ echo-reply, {_ERRORS_V6} }} accept",
            # It may also look for neighbours from the link-local address, but advertise only its own
            # addresses.
            f"ip6 saddr {own_v6} icmpv6 type nd-neighbor-solicit accept",
            f"ip6 saddr {own_v6} icmpv6 type nd-neighbor-advert {_ND_TARGET} {told} accept",
        ]
    return _table(interface.host_device, owner, "from-server", rules)


def link_local(mac: MacAddress) -> IPv6Address:
    """The link-local address that the kernel gives to a device of this MAC (RFC 4291, appendix A)."""
    octets = bytes.fromhex(str(mac).replace(":", ""))
    identifier = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return IPv6Address(b"\xfe\x80" + bytes(6) + identifier)


def any_of(ports: Sequence[TcpPort]) -> str:
    """The ports' numbers, as nftables compares with them."""
    numbers = ", ".join(str(port.number) for port in ports)
    return numbers if len(ports) == 1 else f"{{ {numbers} }}"


def listed(addresses: Iterable[InterfaceAddress]) -> str:
    """The addresses as a set of nftables', or an empty text."""
    texts = ", ".join(str(address.ip) for address in addresses)
    return f"{{ {texts} }}" if texts else ""


def _table(device: str, owner: str, chain: str, rules: Iterable[str]) -> str:
    """One table for one device, which replaces a former one in a single transaction.

    It names its owner, because it outlives the device, which goes with its container.
    """
    body = "".join(f"    {rule}\n" for rule in rules)
    return (
        f"{render_removal([device])}"
        f"table netdev {table_name(device)} {{\n"
        f'  comment "{owner}"\n'
        f"  chain {chain} {{\n"
        f'    type filter hook ingress device "{device}" priority 0; policy drop;\n'
        f"{body}  }}\n}}\n"
    )
