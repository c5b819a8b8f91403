"""The packet filters at a bridge's edges."""

from __future__ import annotations

from ipaddress import IPv6Address

from attrs import evolve
from tests.unit.adapters.values import INTERFACE

from shares_core.adapters.network.filters import render_bridge_filter, render_port_filter, render_removal
from shares_core.adapters.samba.profile import SMB
from shares_core.domain.network import Bridge
from shares_core.domain.service import TcpPort

OWNER = "shares-core:feedfacecafe"


def test_a_bridge_without_a_host_address_passes_nothing_to_the_host() -> None:
    """Its filter drops by default and has no rule that accepts."""
    text = render_bridge_filter(Bridge.of(evolve(INTERFACE, host_addresses=())), SMB.ports, OWNER)
    assert "policy drop;" in text
    assert "accept" not in text


def test_a_bridge_with_a_host_address_passes_only_answers_to_it() -> None:
    """TCP is accepted from port 445 alone, and never the first packet of a connection."""
    text = render_bridge_filter(Bridge.of(INTERFACE), SMB.ports, OWNER)
    accepted = [line.strip() for line in text.splitlines() if "tcp" in line]
    assert ["ip daddr { 10.0.0.254 } tcp sport 445 tcp flags & (syn | ack) != syn accept"] == accepted
    assert "udp" not in text


def test_several_ports_answer_as_one_does() -> None:
    """And no port that the service does not have."""
    text = render_port_filter(INTERFACE, (TcpPort(2049), TcpPort(20049)), OWNER)
    accepted = [line.split("tcp sport ")[1] for line in text.splitlines() if "tcp" in line]
    assert ["{ 2049, 20049 } tcp flags & (syn | ack) != syn accept"] * 2 == accepted


def test_a_server_sends_only_from_its_own_addresses() -> None:
    """Every rule that accepts names the server's addresses, after what is not from its MAC was dropped."""
    lines = [line.strip() for line in render_port_filter(INTERFACE, SMB.ports, OWNER).splitlines()]
    accepting = [line for line in lines if line.endswith("accept")]
    dropping = lines[lines.index(accepting[0]) - 2 : lines.index(accepting[0])]
    assert ["ether saddr != 02:00:00:aa:bb:cc drop", "ether type { 8021q, 8021ad } drop"] == dropping
    for line in accepting:
        assert any(
            own in line for own in ("{ 10.0.0.5 }", "{ fd00:a::5 }", "{ fd00:a::5, fe80::ff:feaa:bbcc }")
        )


def test_loading_a_filter_replaces_the_former_one() -> None:
    """The table is declared, deleted and made again in one transaction, so loading it twice is once."""
    text = render_port_filter(INTERFACE, SMB.ports, OWNER)
    assert text.startswith(render_removal([INTERFACE.host_device]))
    assert "table netdev shares-x\ndelete table netdev shares-x\n" == render_removal(["x"])


def test_a_server_advertises_only_its_own_addresses() -> None:
    """An advertisement passes if the address that it tells of is the server's, link-local or given."""
    text = render_port_filter(INTERFACE, SMB.ports, OWNER)
    told = f"{{ {int(IPv6Address('fd00:a::5')):#034x}, {int(IPv6Address('fe80::ff:feaa:bbcc')):#034x} }}"
    adverts = [line.strip() for line in text.splitlines() if "advert" in line]
    assert len(adverts) == 1
    assert adverts[0].endswith(f"nd-neighbor-advert @th,64,128 {told} accept")
