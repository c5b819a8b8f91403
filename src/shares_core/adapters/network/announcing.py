"""Telling a network which MAC an address has now, so that clients of a former server find the new one.

A client asks again for an address that it knows only after half a minute or more. The host sends these
frames in the server's name and lets nothing more out of the server for them.
"""

from __future__ import annotations

import socket
import struct
import threading
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from shares_core.adapters.network.netlink import absent_is_fine
from shares_core.domain.addresses import Address, MacAddress
from shares_core.domain.network import Interface

if TYPE_CHECKING:
    from pyroute2 import IPRoute

_ARP, _IPV6 = 0x0806, 0x86DD
_ICMPV6, _ADVERT = 58, 136
_OVERRIDE = 0x20 << 24  # RFC 4861, 4.4: replaces what a client has
_ALL_NODES = IPv6Address("ff02::1")
_ALL_NODES_MAC = bytes.fromhex("333300000001")  # RFC 2464, 7
_STALE = 0x04  # linux/neighbour.h: NUD_STALE, to be confirmed by the next use


def announce(netlink: IPRoute, interface: Interface, bridge: int) -> None:
    """Announce the interface's addresses to all that is on the bridge, and to the host itself.

    Before its port is up: so the server does not hear its own addresses claimed. Best effort: who is not
    reached asks by itself, later.
    """
    device = interface.attachment.device
    sending = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        for frame in render_announcements(interface):
            sending.sendto(frame, (device, int.from_bytes(frame[12:14], "big")))
    except OSError:
        pass  # it only spares clients a wait
    finally:
        # The kernel closes such a socket only when all processors have let go of it: 8 ms and more.
        threading.Thread(target=sending.close).start()
    spoken = {address.version for address in interface.host_addresses}  # the host knows nobody otherwise
    for ip in (address.ip for address in interface.addresses if address.version in spoken):
        with absent_is_fine():
            netlink.neigh("change", dst=str(ip), lladdr=str(interface.mac), ifindex=bridge, state=_STALE)


def render_announcements(interface: Interface) -> tuple[bytes, ...]:
    """One frame for each of the interface's addresses, from its own MAC."""
    return tuple(_frame(address.ip, interface.mac) for address in interface.addresses)


def _frame(ip: Address, mac: MacAddress) -> bytes:
    own = bytes.fromhex(str(mac).replace(":", ""))
    if isinstance(ip, IPv4Address):
        return b"\xff" * 6 + own + struct.pack("!H", _ARP) + _announcement(ip, own)
    return _ALL_NODES_MAC + own + struct.pack("!H", _IPV6) + _advertisement(ip, own)


def _announcement(ip: IPv4Address, mac: bytes) -> bytes:
    """A request for the address by itself (RFC 5227, 2.3)."""
    return struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, ip.packed, bytes(6), ip.packed)


def _advertisement(ip: IPv6Address, mac: bytes) -> bytes:
    """An unsolicited neighbour advertisement (RFC 4861, 7.2.6)."""
    told = struct.pack("!I16sBB6s", _OVERRIDE, ip.packed, 2, 1, mac)
    addresses = ip.packed + _ALL_NODES.packed
    length = 4 + len(told)
    pseudo = addresses + struct.pack("!II", length, _ICMPV6)
    body = struct.pack("!BBH", _ADVERT, 0, _checksum(pseudo + bytes([_ADVERT, 0, 0, 0]) + told)) + told
    return struct.pack("!IHBB", 6 << 28, length, _ICMPV6, 255) + addresses + body


def _checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071) of an even number of bytes."""
    total = int(sum(struct.unpack(f"!{len(data) // 2}H", data)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
