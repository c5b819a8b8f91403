"""What every network of servers does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import Any

import pytest
from attrs import evolve

from shares_core.domain.addresses import MacAddress
from shares_core.domain.attachment import BridgeAttachment
from shares_core.domain.errors import BackendFailure, Conflict
from shares_core.domain.network import Bridge, Interface
from tests.contracts.network_world import ADDRESS, NetworkWorld, Plugged

HOST, OTHER_HOST = ip_interface("10.214.0.1/24"), ip_interface("10.214.1.1/24")
ADDRESSES: tuple[IPv4Interface | IPv6Interface, ...] = (ADDRESS, ip_interface("fd14:0:0:1::5/64"))
_SECONDS = 10


class NetworkContract:
    """The suite of ``ports.network``."""

    @pytest.fixture
    def bridge(self, world: NetworkWorld) -> Bridge:
        return Bridge(world.new_name(), (HOST,), 1400)

    @pytest.fixture
    def interface(self, world: NetworkWorld, bridge: Bridge) -> Interface:
        """An interface with everything, on the bridge."""
        interface_id = world.new_id()
        mac = MacAddress.derived_from(interface_id)
        gateways = (ip_address("10.214.0.254"), ip_address("fd14:0:0:1::1"))
        attachment = BridgeAttachment(bridge.name)
        return Interface(
            interface_id, attachment, ADDRESSES, mac, bridge.mtu, gateways, bridge.host_addresses
        )

    @pytest.mark.parametrize(
        "change", [{"mtu": 1500}, {"host_addresses": ()}, {"host_addresses": (OTHER_HOST,)}]
    )
    def test_differences_of_our_bridge_are_repaired(
        self, world: NetworkWorld, bridge: Bridge, interface: Interface, change: dict[str, Any]
    ) -> None:
        """Its MTU and its host addresses, when anything is plugged into it."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        for wanted in (interface, evolve(interface, **change), interface):
            network.plug(server_id, wanted, 0, namespace)
            addresses = frozenset(map(str, wanted.host_addresses))
            assert (addresses, wanted.mtu) == world.bridge_is(bridge.name)

    @pytest.mark.parametrize("step", [1, 2])
    def test_a_half_made_bridge_is_closed_and_completed(
        self, world: NetworkWorld, bridge: Bridge, interface: Interface, step: int
    ) -> None:
        """Closed before it has addresses; the next call completes it; it is listed for removal."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        world.half_made_bridge(server_id, interface, namespace, step)
        assert not world.carries(str(bridge.name))
        assert world.is_filtered(str(bridge.name)) or not world.bridge_is(bridge.name)[0]
        assert str(bridge.name) in network.list()
        network.plug(server_id, interface, 0, namespace)
        assert (frozenset({str(HOST)}), bridge.mtu) == world.bridge_is(bridge.name)
        assert world.carries(str(bridge.name))
        assert world.is_filtered(str(bridge.name))

    @pytest.mark.parametrize("step", [1, 2])
    def test_a_half_made_bridge_is_removed(
        self, world: NetworkWorld, bridge: Bridge, interface: Interface, step: int
    ) -> None:
        """By the calls that remove a whole bridge."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        world.half_made_bridge(server_id, interface, namespace, step)
        network.unplug(interface)
        assert ((), ()) == (network.release([interface], []), network.list())
        assert not world.is_filtered(str(bridge.name))

    def test_a_device_that_is_not_ours_is_a_conflict(
        self, world: NetworkWorld, bridge: Bridge, interface: Interface
    ) -> None:
        """It stays as it is, and is neither listed nor removed."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        world.foreign_device(str(bridge.name))
        with pytest.raises(Conflict):
            network.plug(server_id, interface, 0, namespace)
        network.unplug(interface)
        assert () == network.release([interface], [])
        network.remove(str(bridge.name))
        assert world.is_there(str(bridge.name))
        assert () == network.list()

    def test_a_device_in_the_place_of_an_interface_is_a_conflict(
        self, world: NetworkWorld, interface: Interface
    ) -> None:
        """It is not removed either."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        world.foreign_device(interface.host_device)
        with pytest.raises(Conflict):
            network.plug(server_id, interface, 0, namespace)
        network.unplug(interface)
        assert world.is_there(interface.host_device)

    @pytest.mark.parametrize("held", ["10.214.0.1/24", "10.214.0.9/16"])
    def test_a_network_of_another_device_of_the_host_is_a_conflict(
        self, world: NetworkWorld, bridge: Bridge, interface: Interface, held: str
    ) -> None:
        """No bridge is made, and an existing one does not get the address."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        world.foreign_device(str(world.new_name()), held)
        with pytest.raises(Conflict):
            network.plug(server_id, interface, 0, namespace)
        assert not world.is_there(str(bridge.name))
        network.plug(server_id, evolve(interface, host_addresses=()), 0, namespace)
        with pytest.raises(Conflict):
            network.plug(server_id, interface, 0, namespace)
        assert frozenset() == world.bridge_is(bridge.name)[0]

    def test_a_released_bridge_is_gone_and_releasing_the_absent_succeeds(
        self, world: NetworkWorld, bridge: Bridge, interface: Interface
    ) -> None:
        """With its filter."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        assert () == network.release([interface], [])
        network.plug(server_id, interface, 0, namespace)
        network.unplug(interface)
        assert (str(bridge.name),) == network.list()
        for _ in range(2):
            assert () == network.release([interface, interface], [])
        assert ((), False) == (network.list(), world.is_filtered(str(bridge.name)))

    def test_a_bridge_that_another_server_is_attached_to_stays(
        self, world: NetworkWorld, bridge: Bridge, interface: Interface
    ) -> None:
        """Also while that server is stopped, with nothing plugged in."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        other = _beside(interface, world.new_id(), "10.214.0.6/24")
        elsewhere = evolve(other, attachment=BridgeAttachment(world.new_name()))
        network.plug(server_id, interface, 0, namespace)
        network.unplug(interface)
        assert () == network.release([interface], [elsewhere, other])
        assert (True, True) == (world.is_there(str(bridge.name)), world.is_filtered(str(bridge.name)))
        assert () == network.release([interface], [elsewhere])
        assert not world.is_there(str(bridge.name))

    def test_a_bridge_with_a_port_stays_and_is_returned(
        self, world: NetworkWorld, bridge: Bridge, interface: Interface
    ) -> None:
        """Until the last one is unplugged."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        network.plug(server_id, interface, 0, namespace)
        assert (str(bridge.name),) == network.release([interface], [])
        assert world.is_there(str(bridge.name))
        assert world.is_filtered(str(bridge.name))
        network.unplug(interface)
        assert () == network.release([interface], [])
        assert not world.is_there(str(bridge.name))

    def test_a_bridge_that_is_made_while_another_caller_removes_it_is_closed(
        self, world: NetworkWorld, bridge: Bridge, interface: Interface
    ) -> None:
        """The removal either sees the new port or ends before the bridge is made again."""
        network = world.ports.network

        def come_and_go(number: int, server_id: str, namespace: str) -> None:
            mine = _beside(interface, world.new_id(), f"10.214.0.{10 + number}/24")
            for _ in range(4):
                network.plug(server_id, mine, 0, namespace)
                for device in (str(bridge.name), mine.host_device):
                    assert (True, True) == (world.carries(device), world.is_filtered(device)), device
                network.unplug(mine)
                network.release([mine], [])

        servers = [world.new_namespace() for _ in range(4)]
        _at_once([partial(come_and_go, number, *server) for number, server in enumerate(servers)])
        assert ((), False) == (network.list(), world.is_filtered(str(bridge.name)))

    def test_plugging_twice_is_plugging_once(
        self, world: NetworkWorld, bridge: Bridge, interface: Interface
    ) -> None:
        """The container has the interface with its MAC, addresses and routes; its bridge is made too."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        assert (interface,) == network.unplugged([interface])
        for _ in range(2):
            network.plug(server_id, interface, 1, namespace)
            assert () == network.unplugged([interface])
            assert Plugged.of(interface) == world.inside(namespace, 1)
            assert (frozenset({str(HOST)}), bridge.mtu) == world.bridge_is(bridge.name)
            assert {str(bridge.name), interface.host_device} == set(network.list())
            for device in (str(bridge.name), interface.host_device):
                assert (True, True) == (world.carries(device), world.is_filtered(device)), device

    @pytest.mark.parametrize("step", [1, 2, 3, 4])
    def test_a_half_plugged_interface_carries_nothing_and_is_completed(
        self, world: NetworkWorld, interface: Interface, step: int
    ) -> None:
        """By the next call."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        world.half_plugged(server_id, interface, namespace, step)
        assert ((interface,), False) == (
            network.unplugged([interface]),
            world.carries(interface.host_device),
        )
        network.plug(server_id, interface, 0, namespace)
        assert ((), Plugged.of(interface)) == (network.unplugged([interface]), world.inside(namespace, 0))
        assert world.is_filtered(interface.host_device)

    def test_who_knew_a_former_interface_on_an_address_finds_the_new_one(
        self, world: NetworkWorld, interface: Interface
    ) -> None:
        """At once, by IPv4 and by IPv6: also one that a killed call has left half-plugged."""
        network = world.ports.network
        network.plug(*_plugging(world, interface))
        reaches = world.client_of(interface)
        assert reaches()
        network.unplug(interface)
        for killed_at in (0, 4):
            other_id = world.new_id()
            new = evolve(interface, id=other_id, mac=MacAddress.derived_from(other_id))
            server_id, _, _, namespace = plugging = _plugging(world, new)
            if killed_at:
                world.half_plugged(server_id, new, namespace, killed_at)
            network.plug(*plugging)
            assert reaches()
            network.unplug(new)

    @pytest.mark.parametrize("step", [1, 2, 3, 4])
    def test_a_half_plugged_interface_is_unplugged(
        self, world: NetworkWorld, interface: Interface, step: int
    ) -> None:
        """At both ends."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        world.half_plugged(server_id, interface, namespace, step)
        network.unplug(interface)
        assert (False, None) == (world.is_there(interface.host_device), world.inside(namespace, 0))

    def test_an_interface_that_a_firewall_opened_is_closed_again(
        self, world: NetworkWorld, bridge: Bridge, interface: Interface
    ) -> None:
        """And so is its bridge."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        network.plug(server_id, interface, 0, namespace)
        world.flush_filters()
        network.plug(server_id, interface, 0, namespace)
        assert world.is_filtered(interface.host_device)
        assert world.is_filtered(str(bridge.name))

    def test_an_interface_without_its_bridge_gets_it_back(
        self, world: NetworkWorld, bridge: Bridge, interface: Interface
    ) -> None:
        """Plugging makes the bridge again, whoever removed it."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        network.plug(server_id, interface, 0, namespace)
        world.lose_device(str(bridge.name))
        assert (interface,) == network.unplugged([interface])
        network.plug(server_id, interface, 0, namespace)
        assert (str(bridge.name),) == network.release([interface], [])  # the interface is its port
        assert {str(bridge.name), interface.host_device} == set(network.list())
        assert Plugged.of(interface) == world.inside(namespace, 0)

    def test_unplugging_takes_both_ends_away_and_unplugging_the_absent_succeeds(
        self, world: NetworkWorld, interface: Interface
    ) -> None:
        """The server's other interfaces stay."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        other = _beside(interface, world.new_id(), "10.214.0.6/24")
        network.unplug(interface)
        network.plug(server_id, interface, 0, namespace)
        network.plug(server_id, other, 1, namespace)
        for _ in range(2):
            network.unplug(interface)
            assert (interface,) == network.unplugged([interface, other])
        assert (None, Plugged.of(other)) == (world.inside(namespace, 0), world.inside(namespace, 1))
        assert not world.is_filtered(interface.host_device)

    def test_devices_are_removed_by_name(
        self, world: NetworkWorld, bridge: Bridge, interface: Interface
    ) -> None:
        """A bridge once it has no port; what is gone counts as removed, what is not ours is left."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        network.plug(server_id, interface, 0, namespace)
        with pytest.raises(BackendFailure):
            network.remove(str(bridge.name))
        assert () == network.unplugged([interface])
        for _ in range(2):
            network.remove(interface.host_device)
            assert (str(bridge.name),) == network.list()
        network.remove(str(bridge.name))
        assert () == network.list()
        for device in (interface.host_device, str(bridge.name)):
            assert not world.is_filtered(device)

    def test_a_filter_that_outlives_its_device_is_listed_and_removed(
        self, world: NetworkWorld, bridge: Bridge, interface: Interface
    ) -> None:
        """By its device's name: a port goes with its container, and anybody may remove a bridge."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        network.plug(server_id, interface, 0, namespace)
        for device in interface.devices:
            world.lose_device(device)
            assert (False, True) == (world.is_there(device), world.is_filtered(device))
        assert set(interface.devices) == set(network.list())
        for device in interface.devices:
            for _ in range(2):
                network.remove(device)
            assert not world.is_filtered(device)
        assert () == network.list()

    def test_unplugging_and_releasing_lost_devices_removes_their_filters(
        self, world: NetworkWorld, interface: Interface
    ) -> None:
        """As for devices that exist."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        network.plug(server_id, interface, 0, namespace)
        for device in interface.devices:
            world.lose_device(device)
        network.unplug(interface)
        assert () == network.release([interface], [])
        assert [False, False] == [world.is_filtered(device) for device in interface.devices]
        assert () == network.list()

    def test_nothing_is_plugged_into_a_namespace_that_is_gone(
        self, world: NetworkWorld, interface: Interface
    ) -> None:
        """The container ended meanwhile."""
        network = world.ports.network
        server_id, namespace = world.new_namespace()
        with pytest.raises(BackendFailure):
            network.plug(server_id, interface, 0, f"{namespace}-gone")
        assert (interface,) == network.unplugged([interface])


def _plugging(world: NetworkWorld, interface: Interface) -> tuple[str, Interface, int, str]:
    """What ``plug`` takes, for the first interface of a new server."""
    server_id, namespace = world.new_namespace()
    return server_id, interface, 0, namespace


def _beside(interface: Interface, other_id: str, address: str) -> Interface:
    """Another interface on the same bridge."""
    mac = MacAddress.derived_from(other_id)
    return evolve(interface, id=other_id, mac=mac, addresses=(ip_interface(address),), gateways=())


def _at_once(works: Iterable[Callable[[], None]]) -> None:
    """Start the works together in threads; raises what one of them raised."""
    listed = list(works)
    barrier = threading.Barrier(len(listed))

    def work(index: int) -> None:
        barrier.wait(_SECONDS)
        listed[index]()

    with ThreadPoolExecutor(len(listed)) as threads:
        list(threads.map(work, range(len(listed))))
