"""Refusing TCP to a server's closed ports at once, by the host in the server's place.

Nothing of it reaches the server, which so chooses nothing in the answer. At the egress of the port's device,
on its way to the server, such a packet gets a mark; traffic control moves what has the mark to the ingress of
the bridge's own device; there the bridge's filter answers it with a reset, which leaves through the bridge.
What the host itself would open to the bridge is refused before it leaves.

A kernel without ``reject`` at an ingress, like Debian's, answers in the bridge family instead, which costs
every frame a look at each server's rules. A kernel that can do neither drops such packets in silence; nothing
is open without either.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from shares_core.adapters.network.filters import any_of, listed, render_removal_of, table_name
from shares_core.adapters.network.netlink import existing_link, ignoring, translated
from shares_core.adapters.network.tables import load_filters
from shares_core.domain.errors import BackendFailure, CommandFailed
from shares_core.domain.network import Bridge, Interface
from shares_core.domain.service import TcpPort

if TYPE_CHECKING:
    from pyroute2 import IPRoute

#: Of packets to closed ports, between the two devices. Containers can neither set nor see it: the kernel
#: takes marks off between network namespaces.
MARK = 0x5C05ED
_RESET = "reject with tcp reset"

# linux/rtnetlink.h, pkt_sched.h, pkt_cls.h and tc_act/tc_mirred.h
_NEW_FILTER, _ERROR = 44, 2
_REQUEST, _ACK, _REPLACE, _CREATE = 0x1, 0x4, 0x100, 0x400
_EGRESS = 0xFFFFFFF3
_KIND, _OPTIONS = 1, 2
_BPF_ACTIONS, _BPF_CLASS, _BPF_COUNT, _BPF_PROGRAM = 1, 3, 4, 5
_ACTION_KIND, _ACTION_OPTIONS = 1, 2
_MIRRED_SETTINGS = 2
_INGRESS_REDIRECT, _STOLEN = 3, 4
_ETH_P_ALL = 3
_SECONDS = 10
#: Loads the mark (linux/filter.h: SKF_AD_OFF + SKF_AD_MARK), and returns all ones if it is ours, or zero.
_PROGRAM = ((0x20, 0, 0, 0xFFFFF000 + 20), (0x15, 0, 1, MARK), (0x06, 0, 0, 0xFFFFFFFF), (0x06, 0, 0, 0))

_NEW_NAMESPACE = 0x40000000  # linux/sched.h: CLONE_NEWNET
_MARKED_TRIAL = """\
table netdev shares-doctor {
  chain to-host {
    type filter hook ingress device "lo" priority 0; policy accept;
    meta mark 1 reject with tcp reset
  }
  chain to-server {
    type filter hook egress device "lo" priority 0; policy accept;
    tcp dport 1 meta mark set 1
  }
}
"""
_BRIDGED_TRIAL = """\
table bridge shares-doctor {
  chain to-server {
    type filter hook prerouting priority 0; policy accept;
    tcp dport 1 reject with tcp reset
  }
}
"""
_HOST_TRIAL = """\
table inet shares-doctor {
  chain from-host {
    type filter hook output priority 0; policy accept;
    tcp dport 1 reject with tcp reset
  }
}
"""


# -- rules


def render_port_refusals(interface: Interface, ports: Sequence[TcpPort]) -> str:
    """Mark what is sent to the server's closed ports. A second chain in the table of its port."""
    return _chain(
        f"table netdev {table_name(interface.host_device)}",
        "to-server",
        f'type filter hook egress device "{interface.host_device}" priority 0; policy accept;',
        *_to_closed(interface, ports, f"meta mark set {MARK:#x}"),
    )


def render_marked_refusals(bridge: Bridge) -> str:
    """Answer what is marked. A rule in the table of the bridge."""
    return _chain(f"table netdev {table_name(str(bridge.name))}", "to-host", f"meta mark {MARK:#x} {_RESET}")


def render_bridged_refusals(interface: Interface, ports: Sequence[TcpPort], owner: str) -> str:
    """The other way, without a mark: answer it as soon as it enters any bridge.

    A second table of the server's port. Every frame on every bridge of the host meets it.
    """
    return _table(
        "bridge",
        interface.host_device,
        owner,
        "to-server",
        "type filter hook prerouting priority 0; policy accept;",
        *_to_closed(interface, ports, _RESET),
    )


def render_host_refusals(bridge: Bridge, ports: Sequence[TcpPort], owner: str) -> str:
    """Refuse what the host opens to closed ports, if it has an address there. A second table of the bridge.

    The host would open it in vain in any case: the bridge's filter lets no answer in.
    """
    device = str(bridge.name)
    if not bridge.host_addresses:
        return render_removal_of("inet", device)
    return _table(
        "inet",
        device,
        owner,
        "from-host",
        "type filter hook output priority 0; policy accept;",
        f'oifname "{device}" tcp flags & (syn | ack) == syn tcp dport != {any_of(ports)} {_RESET}',
    )


def _to_closed(interface: Interface, ports: Sequence[TcpPort], verdict: str) -> Iterator[str]:
    for family, version in (("ip", 4), ("ip6", 6)):
        if own := listed(address for address in interface.addresses if address.version == version):
            yield (f"ether daddr {interface.mac} {family} daddr {own} tcp dport != {any_of(ports)} {verdict}")


def _table(family: str, device: str, owner: str, chain: str, *rules: str) -> str:
    table = f"table {family} {table_name(device)}"
    named = f'{table} {{\n  comment "{owner}"\n}}\n'
    return render_removal_of(family, device) + named + _chain(table, chain, *rules)


def _chain(table: str, name: str, *rules: str) -> str:
    body = "".join(f"    {rule}\n" for rule in rules)
    return f"{table} {{\n  chain {name} {{\n{body}  }}\n}}\n"


# -- traffic control


def move_refused(netlink: IPRoute, host_end: int, bridge: int) -> bool:
    """Move what is marked from the egress of the port to the ingress of the bridge, given by their indices.

    Idempotent. What it makes goes with the port. Returns whether the kernel can do it. Raises OSError.
    """
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        with ignoring(errno.EEXIST):
            netlink.tc("add", "clsact", host_end)
        _ask(render_mover(host_end, bridge))
    except (NetlinkError, OSError) as error:
        code = error.code if isinstance(error, NetlinkError) else error.errno
        if code not in (errno.ENOENT, errno.EOPNOTSUPP):
            raise
        return False
    return True


def render_mover(host_end: int, bridge: int) -> bytes:
    """The message to the kernel: what has the mark goes to the bridge."""
    settings = struct.pack("=IIiiiiI", 0, 0, _STOLEN, 0, 0, _INGRESS_REDIRECT, bridge)
    action = _attribute(_ACTION_KIND, b"mirred\0") + _attribute(
        _ACTION_OPTIONS, _attribute(_MIRRED_SETTINGS, settings)
    )
    options = (
        _attribute(_BPF_ACTIONS, _attribute(1, action))
        + _attribute(_BPF_CLASS, struct.pack("=I", 1))
        + _attribute(_BPF_COUNT, struct.pack("=H", len(_PROGRAM)))
        + _attribute(_BPF_PROGRAM, b"".join(struct.pack("=HBBI", *step) for step in _PROGRAM))
    )
    first = 1 << 16 | socket.htons(_ETH_P_ALL)
    body = struct.pack("=BxxxiIII", socket.AF_UNSPEC, host_end, 1, _EGRESS, first)
    body += _attribute(_KIND, b"bpf\0") + _attribute(_OPTIONS, options)
    return (
        struct.pack("=IHHII", 16 + len(body), _NEW_FILTER, _REQUEST | _ACK | _REPLACE | _CREATE, 1, 0) + body
    )


def try_refusing() -> None:
    """Have the kernel do all of it, in a network namespace of its own that ends with the trial. Needs root.

    Raises CommandFailed or BackendFailure if it cannot.
    """

    def enter_and_try() -> None:
        from pyroute2 import IPRoute

        if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NAMESPACE) != 0:
            raise BackendFailure(f"making a network namespace: {os.strerror(ctypes.get_errno())}")
        load_filters(_HOST_TRIAL)  # by a command, which this thread starts inside
        try:
            load_filters(_MARKED_TRIAL)
        except CommandFailed:
            load_filters(_BRIDGED_TRIAL)
            return
        with translated("trying traffic control"), IPRoute() as inside:
            index = existing_link(inside, "lo")["index"]
            if not move_refused(inside, index, index):
                raise BackendFailure("the kernel lacks clsact, cls_bpf or act_mirred")

    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(enter_and_try).result()


def _attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def _ask(message: bytes) -> None:
    """Send a message that pyroute2 has no words for. Raises the kernel's answer as OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asking:
        asking.settimeout(_SECONDS)
        asking.bind((0, 0))
        asking.send(message)
        kind, code = struct.unpack_from("=4xH10xi", asking.recv(1 << 16))
    if kind != _ERROR or code != 0:
        raise OSError(-code, os.strerror(-code))
