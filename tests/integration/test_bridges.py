"""A bridge is as requested, goes with its last server, and is never somebody else's."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from ipaddress import ip_interface
from typing import Any

import pytest
from pyroute2 import netns

from shares_core import BackendFailure, Conflict, InterfaceSpec, bootstrap
from shares_core.adapters.linux.commands import run
from shares_core.adapters.network import bridge, firewall
from shares_core.adapters.network.adapter import LinuxNetwork
from shares_core.adapters.network.bridge import BridgeDriver
from shares_core.adapters.network.netlink import netlink_socket
from shares_core.adapters.network.ruleset.values import Chain
from shares_core.adapters.network.tables import load_filters, remove_filters
from shares_core.domain.addresses import BridgeName, MacAddress
from shares_core.domain.attachment import BridgeAttachment
from shares_core.domain.network import Interface
from shares_core.domain.server import ShareServer
from tests.integration.conftest import NewClient, NewServer
from tests.integration.support.wire import addresses, given_addresses, link, open_bridge, port, properties
from tests.testkit.footprint import footprint, tables
from tests.testkit.leftovers import NAMESPACE_PREFIX
from tests.testkit.probes import Target, reaches_all
from tests.testkit.site import Site

IPTABLES = ("iptables", "ip6tables")


def test_a_bridge_without_host_address_has_no_address_at_all(site: Site, new_server: NewServer) -> None:
    """A closed bridge has no address, no IPv6 link-local one either; with --host-address it has just that."""
    closed, opened, six = site.new_bridge(), site.new_bridge(), site.new_bridge()
    new_server("closed", bridge=closed, addresses=["10.77.0.10/24", "fd00:77::10/64"])
    new_server("opened", bridge=opened, addresses=["10.77.1.10/24"], host_addresses=["10.77.1.1/24"])
    new_server(
        "six",
        bridge=six,
        addresses=["10.77.2.10/24", "fd00:77:2::10/64"],
        host_addresses=["10.77.2.1/24", "fd00:77:2::1/64"],
    )
    assert addresses(closed) == set()
    assert addresses(opened) == {"10.77.1.1/24"}
    assert given_addresses(six) == {"10.77.2.1/24", "fd00:77:2::1/64"}


def test_a_bridge_goes_with_its_last_server(site: Site, new_server: NewServer) -> None:
    """A bridge stays while a server is on it, and goes with the last one, its filter too."""
    bridge = site.new_bridge()
    first = new_server("first", bridge=bridge, addresses=["10.77.0.10/24"])
    second = new_server("second", bridge=bridge, addresses=["10.77.0.11/24"])
    site.host.servers.delete("first", with_shares=True)
    assert link(bridge) is not None
    assert f"shares-{bridge}" in tables()
    site.host.servers.delete("second", with_shares=True)
    assert link(bridge) is None
    assert {f"shares-{name}" for name in (bridge, port(first), port(second))} & set(tables()) == set()


def test_a_foreign_bridge_is_a_conflict_and_untouched(
    site: Site, client_on: NewClient, remove_after: Callable[[str], str]
) -> None:
    """Another one's bridge is neither used nor changed, and nothing of the server is left."""
    spec = {"addresses": ["10.79.0.10/24"]}
    with open_bridge(site.new_bridge(), "10.79.0.1/24", "fd00:79::1/64") as bridge:
        client = client_on(bridge, "10.79.0.20/24")
        host = {Target("icmp", "10.79.0.1")}
        assert reaches_all(client.name, host)
        as_it_was = [properties(bridge), addresses(bridge)]
        before = footprint(site.config)
        with pytest.raises(Conflict, match=f"a device {bridge} exists that is not ours") as raised:
            site.host.servers.create(
                remove_after("guest"),
                [InterfaceSpec.parse(bridge=bridge, **spec)],  # type: ignore[arg-type]
            )
        assert raised.value.hint
        assert footprint(site.config) == before
        assert [properties(bridge), addresses(bridge)] == as_it_was
        assert reaches_all(client.name, host)
    other = site.new_bridge()
    site.host.servers.create(
        "guest",
        [InterfaceSpec.parse(bridge=other, **spec)],  # type: ignore[arg-type]
    )
    assert link(other) is not None


def test_an_overlapping_host_address_is_a_conflict(site: Site, remove_after: Callable[[str], str]) -> None:
    """A host address in one of the host's other networks would divert its traffic, so it is refused."""
    with open_bridge(site.new_bridge(), "10.79.0.1/24"):
        bridge = site.new_bridge()

        def create(network: str) -> ShareServer:
            spec = InterfaceSpec.parse(
                bridge=bridge, addresses=[f"{network}.10/26"], host_addresses=[f"{network}.2/26"]
            )
            return site.host.servers.create(remove_after("overlap"), [spec]).server

        before = footprint(site.config)
        with pytest.raises(Conflict, match=r"host address 10\.79\.0\.2/26 .* overlaps 10\.79\.0\.1/24"):
            create("10.79.0")
        assert footprint(site.config) == before
        assert link(bridge) is None
        assert create("10.79.1").interfaces[0].attachment.device == bridge
        assert addresses(bridge) == {"10.79.1.2/26"}


# -- callers who meet on one bridge


def _network(site: Site) -> LinuxNetwork:
    """As another process has it."""
    network = bootstrap.ports(site.config).network
    assert isinstance(network, LinuxNetwork)
    return network


def _driver(site: Site) -> BridgeDriver:
    return _network(site)._bridges


def _make(driver: BridgeDriver, interface: Interface) -> None:
    """Have the interface's bridge, as plugging it does on the way."""
    with netlink_socket("making a bridge") as netlink:
        driver.complete(netlink, interface, filters="")


@pytest.fixture
def interface(site: Site) -> Iterator[Interface]:
    """One on a bridge to be made; that is removed after the test."""
    interface_id, bridge = uuid.uuid4().hex[:12], BridgeAttachment(BridgeName(site.new_bridge()))
    address, mac = ip_interface("10.77.5.10/24"), MacAddress.derived_from(interface_id)
    yield Interface(interface_id, bridge, (address,), mac, 1500, (), (ip_interface("10.77.5.1/24"),))
    _driver(site).remove(bridge.device)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], list[int]]]:
    """Counts a bridge's rules, on a host whose firewall sees bridged frames; the test leaves none."""
    counted: set[str] = set()

    def in_forward(chains: Sequence[Chain], name: str) -> str | None:
        texts = [rule.text for chain in chains if chain.name == "FORWARD" for rule in chain.rules]
        return None if " ".join(firewall.rule(name)) in texts else "FORWARD"

    def count(name: str) -> list[int]:
        counted.add(name)
        listings = [(tool, run((tool, "--wait", "10", "-S", "FORWARD"))) for tool in IPTABLES]
        return [firewall.count_copies(listing, "FORWARD", name) for _, listing in listings]

    monkeypatch.setattr(firewall, "is_asked", lambda *_: True)
    monkeypatch.setattr(firewall, "place", in_forward)
    yield count
    for name in counted:
        for tool, copies in zip(IPTABLES, count(name), strict=True):
            for _ in range(copies):
                run((tool, "--wait", "10", "-D", "FORWARD", *firewall.rule(name)))


def test_a_bridge_made_again_during_its_removal_is_closed(
    site: Site, interface: Interface, asked: Callable[[str], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A removal never removes the filter or the rule with which another caller makes the bridge again."""
    name = interface.attachment.device
    remover, maker = _driver(site), _driver(site)
    _make(remover, interface)
    assert asked(name) == [1, 1]
    with ThreadPoolExecutor(max_workers=1) as threads:
        making: list[Future[None]] = []

        def remove_later(device: str) -> None:
            """Removes filters once the other caller has finished, or waits for this one."""
            making.append(threads.submit(_make, maker, interface))
            wait(making, timeout=1)
            remove_filters(device)

        monkeypatch.setattr(bridge, "remove_filters", remove_later)
        remover.remove(name)
        making[0].result(timeout=20)
    there = link(name)
    assert there is not None
    assert "UP" in there["flags"]
    assert (f"shares-{name}" in tables(), asked(name)) == (True, [1, 1])


def test_a_removed_bridge_leaves_no_rule(
    site: Site, interface: Interface, asked: Callable[[str], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if it was made twice, or the firewall no longer sees bridged frames; other rules stay."""
    driver, name, other = _driver(site), interface.attachment.device, site.new_bridge()
    _make(driver, interface)
    for tool in IPTABLES:
        for each in (name, other):
            run((tool, "--wait", "10", "-I", "FORWARD", *firewall.rule(each)))
    assert (asked(name), asked(other)) == ([2, 2], [1, 1])
    monkeypatch.setattr(firewall, "is_asked", lambda *_: False)
    for _ in range(2):
        driver.remove(name)
        assert (asked(name), asked(other)) == ([0, 0], [1, 1])


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "a stranger's"])
def test_a_bridge_that_another_makes_first_is_completed_or_a_conflict(
    site: Site, interface: Interface, monkeypatch: pytest.MonkeyPatch, *, ours: bool
) -> None:
    """Between looking and making: ours is completed, another one's is a conflict and stays."""
    driver, name = _driver(site), interface.attachment.device
    mac = driver._mac(name) if ours else "02:00:00:00:00:07"
    require_free = BridgeDriver._require_free

    def be_late(self: BridgeDriver, *given: Any) -> None:
        require_free(self, *given)
        if link(name) is None:
            run(("ip", "link", "add", name, "address", mac, "type", "bridge"))

    monkeypatch.setattr(BridgeDriver, "_require_free", be_late)
    if ours:
        _make(driver, interface)
        assert (addresses(name), f"shares-{name}" in tables()) == ({"10.77.5.1/24"}, True)
        return
    try:
        with pytest.raises(Conflict, match="not ours"):
            _make(driver, interface)
        assert (addresses(name), f"shares-{name}" in tables()) == (set(), False)
        assert properties(name)["address"] == mac
    finally:
        run(("ip", "link", "delete", name))


@pytest.mark.parametrize("owner", ["", "shares-core:000000000000"], ids=["nobody's", "a stranger's"])
def test_a_filter_without_a_device_is_identified_by_its_mark(
    site: Site, interface: Interface, owner: str
) -> None:
    """Only one with our mark is listed; another installation's is left. Earlier releases left no mark."""
    network, table = _network(site), f"shares-{interface.host_device}"
    comment = f'comment "{owner}"' if owner else ""
    run(("nft", "-f", "-"), stdin=f"table netdev {table} {{\n{comment}\n}}\n".encode())
    try:
        assert interface.host_device not in network.list()
        network.remove(interface.host_device)
        assert (table in tables()) == bool(owner)
    finally:
        network.unplug(interface)
    assert table not in tables()


def test_plugging_into_an_ending_container_fails_with_an_error(
    site: Site, interface: Interface, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container that ends meanwhile takes its devices along; a later container can be plugged in."""
    network, namespace = _network(site), f"{NAMESPACE_PREFIX}{interface.id}"

    def load_and_end(rules: str) -> None:
        load_filters(rules)
        run(("ip", "link", "delete", interface.host_device))

    netns.create(namespace)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(bridge, "load_filters", load_and_end)
            with pytest.raises(BackendFailure, match=f"{interface.host_device} vanished"):
                network.plug("0" * 12, interface, 0, f"/run/netns/{namespace}")
        assert (interface,) == network.unplugged([interface])
        network.plug("0" * 12, interface, 0, f"/run/netns/{namespace}")
        assert () == network.unplugged([interface])
    finally:
        network.unplug(interface)
        netns.remove(namespace)
