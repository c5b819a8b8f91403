"""Refusing closed ports: the rules, and the message to traffic control."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest
from attrs import evolve
from pyroute2.netlink.rtnl.tcmsg import tcmsg
from tests.unit.adapters.values import INTERFACE

from shares_core.adapters.doctor import examine
from shares_core.adapters.network import bridge, refusals
from shares_core.adapters.network.bridge import BridgeDriver
from shares_core.adapters.network.refusals import (
    render_bridged_refusals,
    render_host_refusals,
    render_marked_refusals,
    render_mover,
    render_port_refusals,
)
from shares_core.adapters.samba.profile import SMB
from shares_core.adapters.state.installation import Installation
from shares_core.adapters.state.layout import Layout
from shares_core.domain.errors import BackendFailure, CommandFailed
from shares_core.domain.findings import Verdict
from shares_core.domain.network import Bridge
from shares_core.domain.service import TcpPort

OWNER = "shares-core:feedfacecafe"
_PORT = """\
table netdev shares-shc0123456789ab {
  chain to-server {
    type filter hook egress device "shc0123456789ab" priority 0; policy accept;
    ether daddr 02:00:00:aa:bb:cc ip daddr { 10.0.0.5 } tcp dport != 445 meta mark set 0x5c05ed
    ether daddr 02:00:00:aa:bb:cc ip6 daddr { fd00:a::5 } tcp dport != 445 meta mark set 0x5c05ed
  }
}
"""
_BRIDGE = """\
table netdev shares-tenant-a {
  chain to-host {
    meta mark 0x5c05ed reject with tcp reset
  }
}
"""
_BRIDGED = """\
table bridge shares-shc0123456789ab
delete table bridge shares-shc0123456789ab
table bridge shares-shc0123456789ab {
  comment "shares-core:feedfacecafe"
}
table bridge shares-shc0123456789ab {
  chain to-server {
    type filter hook prerouting priority 0; policy accept;
    ether daddr 02:00:00:aa:bb:cc ip daddr { 10.0.0.5 } tcp dport != 445 reject with tcp reset
    ether daddr 02:00:00:aa:bb:cc ip6 daddr { fd00:a::5 } tcp dport != 445 reject with tcp reset
  }
}
"""
_NO_HOST = """\
table inet shares-tenant-a
delete table inet shares-tenant-a
"""
_HOST = """\
table inet shares-tenant-a {
  comment "shares-core:feedfacecafe"
}
table inet shares-tenant-a {
  chain from-host {
    type filter hook output priority 0; policy accept;
    oifname "tenant-a" tcp flags & (syn | ack) == syn tcp dport != 445 reject with tcp reset
  }
}
"""


def test_a_ports_refusals_word_for_word() -> None:
    """Of each IP version that the server has an address of; nothing is dropped there."""
    v4, v6 = INTERFACE.addresses
    rendered = {
        own: render_port_refusals(evolve(INTERFACE, addresses=own), SMB.ports)
        for own in ((v4, v6), (v4,), (v6,))
    }
    lines = _PORT.splitlines(keepends=True)
    assert {
        (v4, v6): _PORT,
        (v4,): "".join(line for line in lines if " ip6 " not in line),
        (v6,): "".join(line for line in lines if " ip " not in line),
    } == rendered


def test_what_is_marked_is_answered_at_the_bridge() -> None:
    """In the table of the bridge, which drops whatever it has no answer for."""
    assert _BRIDGE == render_marked_refusals(Bridge.of(INTERFACE))


def test_a_ports_refusals_in_the_bridge_family_word_for_word() -> None:
    """They name the server by its MAC and its addresses, for they meet every frame of any bridge."""
    assert _BRIDGED == render_bridged_refusals(INTERFACE, SMB.ports, OWNER)


def test_the_host_is_refused_only_where_it_has_an_address() -> None:
    """Otherwise a former table for that goes."""
    closed = evolve(INTERFACE, host_addresses=())
    assert _NO_HOST == render_host_refusals(Bridge.of(closed), SMB.ports, OWNER)
    assert _NO_HOST + _HOST == render_host_refusals(Bridge.of(INTERFACE), SMB.ports, OWNER)


@pytest.mark.parametrize(
    ("lacks", "chosen"),
    [
        (set(), ["inet", "netdev"]),
        ({"netdev"}, ["bridge", "inet"]),
        ({"bridge"}, ["inet", "netdev"]),
        ({"netdev", "bridge"}, []),
    ],
)
def test_a_kernel_refuses_in_a_way_that_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacks: set[str], chosen: list[str]
) -> None:
    """Best by marks, otherwise in the bridge family, otherwise not at all. The filters are loaded anyway."""
    loaded: list[str] = []

    def load(rules: str) -> None:
        if lacks.intersection(_rejecting(rules)):
            raise CommandFailed(("nft",), 1, "Could not process rule: No such file or directory")
        loaded.append(rules)

    layout = Layout(tmp_path)
    monkeypatch.setattr(bridge, "load_filters", load)
    driver = BridgeDriver(SMB, layout, Installation(layout, 0), 0)
    driver._load(Bridge.of(INTERFACE), INTERFACE, "# the filters of the port\n")
    (rules,) = loaded
    assert "# the filters of the port" in rules
    assert "policy drop" in rules
    assert chosen == _rejecting(rules)


def _rejecting(rules: str) -> list[str]:
    """The families in whose tables something is rejected."""
    blocks = [block.split(maxsplit=1) for block in f"\n{rules}".split("\ntable ")[1:]]
    return sorted(family for family, block in blocks if "reject" in block)


def test_no_port_of_the_service_is_refused() -> None:
    """If it has several."""
    ports = (TcpPort(2049), TcpPort(20049))
    texts = render_port_refusals(INTERFACE, ports), render_host_refusals(Bridge.of(INTERFACE), ports, OWNER)
    rules = [line for text in texts for line in text.splitlines() if "dport" in line]
    compared = [rule.split("tcp dport ")[1][:18] for rule in rules]
    assert ["!= { 2049, 20049 }"] * 3 == compared


def test_what_has_the_mark_is_moved_to_the_bridge() -> None:
    """Read by another: a filter at the egress of the port, with one action, under one handle."""
    data = render_mover(7, 9)
    assert len(data) == struct.unpack_from("=I", data)[0]
    message = tcmsg(data)
    message.decode()
    assert (7, 1, 0xFFFFFFF3, "bpf") == (
        *(message[name] for name in ("index", "handle", "parent")),
        message.get_attr("TCA_KIND"),
    )
    assert (1, 0x0003) == (message["info"] >> 16, socket.ntohs(message["info"] & 0xFFFF))
    options = message.get_attr("TCA_OPTIONS")
    action = options.get_attr("TCA_BPF_ACT").get_attr("TCA_ACT_PRIO_1")
    settings = action.get_attr("TCA_ACT_OPTIONS").get_attr("TCA_MIRRED_PARMS")
    assert ("mirred", 9, 3, 4) == (
        action.get_attr("TCA_ACT_KIND"),
        *(settings[name] for name in ("ifindex", "eaction", "action")),
    )


#: As ``tc`` prints it, and as ``bpf_asm`` reads ``ld mark; jeq #0x5c05ed, a, b; a: ret #-1; b: ret #0``.
PROGRAM = "32 0 0 4294963220,21 0 1 6030829,6 0 0 4294967295,6 0 0 0"


def test_the_program_looks_for_the_mark_alone() -> None:
    """Its steps, as they go to the kernel."""
    steps = [struct.pack("=HBBI", *map(int, step.split())) for step in PROGRAM.split(",")]
    assert b"".join(steps) in render_mover(7, 9)
    assert refusals.MARK == 6030829


@pytest.mark.parametrize("able", [True, False])
def test_doctor_tells_of_a_kernel_that_cannot_refuse(monkeypatch: pytest.MonkeyPatch, *, able: bool) -> None:
    """As a note: servers work without it."""

    def try_refusing() -> None:
        if not able:
            raise BackendFailure("no such thing")

    monkeypatch.setattr(examine, "try_refusing", try_refusing)
    monkeypatch.setattr(examine, "is_installed", lambda _: True)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    (finding,) = examine.closed_ports()
    assert (Verdict.OK if able else Verdict.NOTE) == finding.verdict
    assert ("no such thing" in finding.detail) is not able
