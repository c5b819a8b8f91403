from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from shares_core.domain.addresses import BridgeName, MacAddress
from shares_core.domain.errors import AddressTaken, Conflict, InvalidInput, NoCapacity
from shares_core.domain.network import DefaultNetwork, Interface, InterfaceSpec, decide_interface, fits

DEFAULT = DefaultNetwork(BridgeName("shares0"), IPv4Network("10.254.0.0/29"))
Holders = list[tuple[str, Interface]]


def spec(bridge: str | None = "br-a", *addresses: str, **more: Any) -> InterfaceSpec:
    return InterfaceSpec.parse(bridge=bridge, addresses=addresses, **more)


def decide(asked: InterfaceSpec, holders: Holders | None = None, number: int = 1) -> Interface:
    return decide_interface(asked, interface_id=f"{number:012x}", default=DEFAULT, holders=holders or [])


@pytest.mark.parametrize(
    "build",
    [
        lambda: spec("br-a"),
        lambda: spec(None, host_addresses=["10.0.0.1/24"]),
        lambda: spec("br-a", "10.0.0.5/24", "10.0.0.5/16"),
        lambda: spec("br-a", "10.0.0.5/24", gateways=["10.0.1.1"]),
        lambda: spec("br-a", "10.0.0.5/24", gateways=["10.0.0.5"]),
        lambda: spec("br-a", "10.0.0.5/24", gateways=["10.0.0.1", "10.0.0.2"]),
        lambda: spec("br-a", "10.0.0.5/24", host_addresses=["10.0.1.1/24"]),
        lambda: spec("br-a", "10.0.0.5/24", host_addresses=["10.0.0.5/24"]),
        lambda: spec("br-a", "10.0.0.5/24", host_addresses=["10.0.0.1/24", "10.0.0.2/24"]),
        lambda: spec("br-a", "10.0.0.5/24", mtu=1279),
        lambda: spec("br-a", "10.0.0.5/24", mtu=9217),
    ],
)
def test_an_interface_that_contradicts_itself_is_refused(build: Any) -> None:
    """It never reaches a use case."""
    with pytest.raises(InvalidInput):
        build()


def test_the_default_network_hands_out_the_lowest_free_address_until_none_is_left() -> None:
    """Never the host's own address or the broadcast address."""
    holders: Holders = []
    for number in range(5):
        holders.append((f"s{number}", decide(InterfaceSpec(), holders, number)))
    given_out = [str(address) for _, interface in holders for address in interface.addresses]
    assert [f"10.254.0.{host}/29" for host in (2, 3, 4, 5, 6)] == given_out
    assert all(interface.isolated for _, interface in holders)
    with pytest.raises(NoCapacity):
        decide(InterfaceSpec(), holders, 9)
    del holders[2]
    assert "10.254.0.4/29" == str(decide(InterfaceSpec(), holders, 9).addresses[0])


def test_an_address_is_taken_on_its_bridge_only() -> None:
    """Two tenants may have the same address on two bridges."""
    holders = [("a", decide(spec("br-a", "10.0.0.5/24")))]
    with pytest.raises(AddressTaken, match="server 'a'"):
        decide(spec("br-a", "10.0.0.5/16"), holders, 2)
    assert "br-b" == decide(spec("br-b", "10.0.0.5/24"), holders, 2).attachment.device


def test_the_hosts_address_is_taken() -> None:
    """On the default network and on a tenant's bridge."""
    with pytest.raises(AddressTaken, match="the host"):
        decide(spec(None, "10.254.0.1/29"))
    holders = [("a", decide(spec("br-a", "10.0.0.5/24", host_addresses=["10.0.0.1/24"])))]
    with pytest.raises(AddressTaken, match="the host"):
        decide(spec("br-a", "10.0.0.1/24"), holders, 2)


def test_a_mac_is_taken_on_its_bridge_only() -> None:
    """Like an address."""
    mac = "02:00:00:aa:bb:cc"
    holders = [("a", decide(spec("br-a", "10.0.0.5/24", mac=mac)))]
    with pytest.raises(AddressTaken):
        decide(spec("br-a", "10.0.0.6/24", mac=mac), holders, 2)
    assert MacAddress(mac) == decide(spec("br-b", "10.0.0.6/24", mac=mac), holders, 2).mac


def test_a_bridge_has_one_host_address_and_one_mtu() -> None:
    """They come from the first server on it; a later one inherits them or is refused."""
    holders = [("a", decide(spec("br-a", "10.0.0.5/24", host_addresses=["10.0.0.1/24"], mtu=9000)))]
    later = decide(spec("br-a", "10.0.0.6/24"), holders, 2)
    assert (holders[0][1].host_addresses, 9000) == (later.host_addresses, later.mtu)
    with pytest.raises(Conflict):
        decide(spec("br-a", "10.0.0.6/24", host_addresses=["10.0.0.2/24"]), holders, 2)
    with pytest.raises(Conflict):
        decide(spec("br-a", "10.0.0.6/24", mtu=1500), holders, 2)


@pytest.mark.parametrize(
    "configured",
    [evolve(DEFAULT, subnet=IPv4Network("10.253.0.0/29")), evolve(DEFAULT, mtu=1400)],
    ids=["another subnet", "another MTU"],
)
def test_a_default_network_is_not_changed_under_its_servers(configured: DefaultNetwork) -> None:
    """Otherwise a bridge would change with every server that is plugged in; other bridges may differ."""
    holders = [("a", decide(InterfaceSpec()))]
    with pytest.raises(Conflict, match="shares0"):
        decide_interface(InterfaceSpec(), interface_id="000000000002", default=configured, holders=holders)
    for holding in ([], [("a", decide(spec("br-a", "10.0.0.5/24")))]):
        made = decide_interface(
            InterfaceSpec(), interface_id="000000000002", default=configured, holders=holding
        )
        assert ((configured.host_address,), configured.mtu) == (made.host_addresses, made.mtu)
    assert DEFAULT.host_address in decide(InterfaceSpec(), holders, 2).host_addresses


@pytest.mark.parametrize("mtu", [None, True, 5, 1279, 9217, "1500"])
def test_a_default_network_has_an_mtu_that_interfaces_may_have(mtu: Any) -> None:
    """Within the same bounds."""
    with pytest.raises(InvalidInput, match="MTU"):
        evolve(DEFAULT, mtu=mtu)
    assert [1280, 9216] == [evolve(DEFAULT, mtu=good).mtu for good in (1280, 9216)]


def test_an_address_outside_of_the_default_network_is_refused() -> None:
    """Also with another prefix; a gateway outside the chosen address's network is refused too."""
    for address in ("10.0.0.5/24", "10.254.0.5/24"):
        with pytest.raises(InvalidInput):
            decide(spec(None, address))
    with pytest.raises(InvalidInput):
        decide(spec(None, gateways=["192.168.0.1"]))


def test_a_decided_interface_fits_what_was_asked_for() -> None:
    """The same request fits again, another one does not."""
    for asked in (
        InterfaceSpec(),
        spec("br-a", "10.0.0.5/24", "fd00::5/64", gateways=["10.0.0.1"], mtu=1400),
    ):
        assert fits(asked, decide(asked), DEFAULT)
    interface = decide(spec("br-a", "10.0.0.5/24"))
    assert fits(spec("br-a", "10.0.0.5/24", mac=str(interface.mac)), interface, DEFAULT)
    for other in (
        InterfaceSpec(),
        spec("br-a", "10.0.0.6/24"),
        spec("br-a", "10.0.0.5/24", mac="02:00:00:aa:bb:cc"),
        spec("br-a", "10.0.0.5/24", gateways=["10.0.0.1"]),
        spec("br-a", "10.0.0.5/24", mtu=1400),
        spec("br-a", "10.0.0.5/24", host_addresses=["10.0.0.1/24"]),
    ):
        assert not fits(other, interface, DEFAULT)


@given(st.integers(0, 2**48 - 1))
def test_a_host_device_fits_into_the_kernels_names(number: int) -> None:
    """It has at most 15 characters, and differs for each interface."""
    device = decide(InterfaceSpec(), number=number).host_device
    assert len(device) <= 15
    assert device.endswith(f"{number:012x}")


def test_a_default_network_has_room_for_servers() -> None:
    """A /31 has no room beside the host, a /30 has room for one server."""
    with pytest.raises(InvalidInput):
        DefaultNetwork(BridgeName("shares0"), IPv4Network("10.254.0.0/31"))
    smallest = DefaultNetwork(BridgeName("shares0"), IPv4Network("10.254.0.0/30"))
    assert ["10.254.0.2/30"] == [str(address) for address in smallest.candidates()]


def test_a_neighbours_gateway_is_taken() -> None:
    """A server with the router's address would cut off its whole bridge."""
    holders = [("a", decide(spec("br-a", "10.0.0.5/24", gateways=["10.0.0.1"])))]
    with pytest.raises(AddressTaken, match="a gateway"):
        decide(spec("br-a", "10.0.0.1/24"), holders, 2)
