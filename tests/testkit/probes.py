"""Whether packets arrive: plain sockets and hand-made frames, sent from inside a network namespace.

A namespace is given by its name (``ip netns``) or a path (``/proc/<pid>/ns/net``).
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address, IPv6Address

from attrs import define, frozen
from pyroute2 import netns

#: How long a probe waits for what should not arrive. What does arrive takes milliseconds.
SILENCE = 0.5
BROADCAST = "ff:ff:ff:ff:ff:ff"
ETH_IPV4, ETH_ARP, ETH_VLAN, ETH_IPV6, ETH_LOCAL = 0x0800, 0x0806, 0x8100, 0x86DD, 0x88B5
SYN, ACK, RST = 0x02, 0x10, 0x04
_ALL_PROTOCOLS = 0x0003


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Inside, this thread's new sockets belong to the namespace."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        netns.setns(namespace, flags=0)
        try:
            yield
        finally:
            netns.setns(home)
    finally:
        os.close(home)


def until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Poll until the condition holds. Returns whether it did in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        select.select([], [], [], 0.01)
    return True


# -- what sockets reach


@frozen(order=True)
class Target:
    """``kind`` is tcp, udp or icmp. A UDP target counts as reached only if a Listener hears it."""

    kind: str
    address: str
    port: int = 0


@define
class Listener:
    """TCP and UDP on one port of every address of the host, IPv4 and IPv6."""

    port: int
    sockets: list[socket.socket]

    def heard(self) -> set[str]:
        """What arrived since the last call: the texts of datagrams, and ``tcp`` for a connection."""
        arrived = set()
        for listening in self.sockets:
            try:
                while True:
                    if listening.type == socket.SOCK_STREAM:
                        listening.accept()[0].close()
                        arrived.add("tcp")
                    else:
                        arrived.add(listening.recv(200).decode())
            except BlockingIOError:
                continue
        return arrived


@contextmanager
def listening(namespace: str | None = None) -> Iterator[Listener]:
    """A Listener on the host, or in a namespace."""
    with ExitStack() as stack:
        with ExitStack() as entered:
            if namespace is not None:
                entered.enter_context(inside(namespace))
            port, sockets = 0, []
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                    bound = stack.enter_context(socket.socket(family, kind))
                    if family == socket.AF_INET6:
                        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    bound.bind((anywhere, port))
                    port = bound.getsockname()[1]
                    if kind == socket.SOCK_STREAM:
                        bound.listen()
                    bound.setblocking(False)
                    sockets.append(bound)
        yield Listener(port, sockets)


def reached(
    namespace: str | None,
    targets: Iterable[Target],
    listener: Listener | None = None,
    *,
    seconds: float = SILENCE,
    source: str = "",
) -> set[Target]:
    """The targets that a process in the namespace (None: the host's) reaches, all tried at once."""
    wanted, found = set(targets), set[Target]()
    if listener is not None:
        listener.heard()
    with ExitStack() as stack:
        sockets: dict[int, tuple[Target, socket.socket]] = {}
        with ExitStack() as entered:
            if namespace is not None:
                entered.enter_context(inside(namespace))
            for target in wanted:
                opened = stack.enter_context(_try(target, source))
                sockets[opened.fileno()] = (target, opened)
        deadline = time.monotonic() + seconds
        poller = select.poll()
        for descriptor, (target, _) in sockets.items():
            poller.register(descriptor, select.POLLOUT if target.kind == "tcp" else select.POLLIN)
        while found != wanted and (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in poller.poll(min(left, 0.02) * 1000):
                target, opened = sockets[descriptor]
                if target.kind == "tcp":
                    if opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                        found.add(target)
                    poller.unregister(descriptor)
                elif target.kind == "icmp" and _is_echo_reply(opened, target):
                    found.add(target)
            heard = listener.heard() if listener is not None else set()
            found |= {target for target in wanted if target.kind == "udp" and target.address in heard}
    return found


def reaches_all(namespace: str | None, targets: Iterable[Target], listener: Listener | None = None) -> bool:
    """Whether it reaches all targets, in the time that a first packet may need."""
    wanted = set(targets)
    return reached(namespace, wanted, listener, seconds=15.0) == wanted


def outcome(namespace: str | None, address: str, port: int, *, seconds: float = 1.0) -> str:
    """The name of the error with which a connection ends: EAGAIN if nobody has answered in time."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with ExitStack() as stack:
        with ExitStack() as entered:
            if namespace is not None:
                entered.enter_context(inside(namespace))
            opened = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
        opened.settimeout(seconds)
        return errno.errorcode.get(opened.connect_ex((address, port)), "connected")


def _try(target: Target, source: str) -> socket.socket:
    version6 = ":" in target.address
    family = socket.AF_INET6 if version6 else socket.AF_INET
    kind, protocol = {
        "tcp": (socket.SOCK_STREAM, 0),
        "udp": (socket.SOCK_DGRAM, 0),
        "icmp": (socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if version6 else socket.IPPROTO_ICMP),
    }[target.kind]
    opened = socket.socket(family, kind, protocol)
    opened.setblocking(False)
    try:
        if source:
            opened.bind((source, 0))
        where = socket.getaddrinfo(target.address, target.port, family, socket.SOCK_DGRAM)[0][4]
        if target.kind == "tcp":
            opened.connect_ex(where)
        else:
            opened.sendto(_echo(version6) if target.kind == "icmp" else target.address.encode(), where)
    except OSError:
        pass  # the namespace has no route there, which is an answer too
    return opened


def _echo(version6: bool) -> bytes:
    packet = struct.pack("!BBHHH", 128 if version6 else 8, 0, 0, 0x5C5C, 1) + b"shares-core"
    return packet if version6 else packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]


def _is_echo_reply(opened: socket.socket, target: Target) -> bool:
    try:
        packet, where = opened.recvfrom(500)
    except OSError:
        return False
    icmp = packet if ":" in target.address else packet[20:]
    same = where[0].split("%")[0] == target.address.split("%")[0]
    return same and icmp[0] in (0, 129) and icmp[4:6] == b"\x5c\x5c"


# -- hand-made frames


@contextmanager
def packets(namespace: str, device: str = "eth0") -> Iterator[socket.socket]:
    """A packet socket on the device, for sending whole frames and hearing all incoming ones."""
    with inside(namespace):
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS))
    with opened:
        with inside(namespace):
            opened.bind((device, _ALL_PROTOCOLS))
        opened.setblocking(False)
        yield opened


def frames(hearing: socket.socket, *, seconds: float = 1.0) -> Iterator[bytes]:
    """The frames that come in, for some time."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([hearing], [], [], left)[0]:
            frame, where = hearing.recvfrom(4000)
            if where[2] != socket.PACKET_OUTGOING:
                yield frame


def arrived(hearing: socket.socket, marks: Iterable[bytes], *, seconds: float = SILENCE) -> set[bytes]:
    """The marks of the frames that came in; returns as soon as all have come."""
    wanted, found = set(marks), set[bytes]()
    for frame in frames(hearing, seconds=seconds) if wanted else ():
        found |= {mark for mark in wanted if mark in frame}
        if found == wanted:
            break
    return found


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total = int(sum(struct.unpack(f"!{len(data) // 2}H", data)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def ethernet(source: str, kind: int, payload: bytes, target: str = BROADCAST) -> bytes:
    return mac_bytes(target) + mac_bytes(source) + struct.pack("!H", kind) + payload


def arp(operation: int, mac: str, ip: str, asked: str, mark: bytes) -> bytes:
    """An ARP packet of ``mac`` and ``ip`` about ``asked``, with the mark as its padding."""
    head = struct.pack("!HHBBH", 1, ETH_IPV4, 6, 4, operation)
    return head + mac_bytes(mac) + IPv4Address(ip).packed + b"\0" * 6 + IPv4Address(asked).packed + mark


def ipv4(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    length = 20 + len(payload)
    packed = IPv4Address(source).packed + IPv4Address(target).packed
    head = struct.pack("!BBHHHBBH", 0x45, 0, length, 0, 0, 64, protocol, 0) + packed
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(source: str, target: str, following: int, payload: bytes) -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(payload), following, 255)
    return head + IPv6Address(source).packed + IPv6Address(target).packed + payload


def tcp(source_port: int, target_port: int, flags: int, mark: bytes) -> bytes:
    """A segment without a checksum, because no filter looks at it."""
    return struct.pack("!HHIIBBHHH", source_port, target_port, 1, 1, 0x50, flags, 1024, 0, 0) + mark


def udp(source_port: int, target_port: int, mark: bytes) -> bytes:
    return struct.pack("!HHHH", source_port, target_port, 8 + len(mark), 0) + mark


def icmp(kind: int, mark: bytes, code: int = 0) -> bytes:
    packet = struct.pack("!BBHHH", kind, code, 0, 1, 1) + mark
    return packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
