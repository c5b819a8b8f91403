"""A bridge has what was asked for, goes with its last server, and is never one of somebody else's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shares_core import Conflict, InterfaceSpec
from shares_core.domain.addresses import BridgeName
from shares_core.domain.server import ShareServer
from tests.integration.conftest import NewClient, NewServer, Site
from tests.integration.support.footprint import footprint, tables
from tests.integration.support.probes import Target, reaches_all
from tests.integration.support.wire import addresses, link, open_bridge, port, properties


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
    assert {a for a in addresses(six) if not a.startswith("fe80:")} == {"10.77.2.1/24", "fd00:77:2::1/64"}


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
    """A bridge that is not ours is neither used nor changed, and nothing of the server is left."""
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
    """A host address in a network that the host is in already would take its traffic away: refused."""
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
        assert create("10.79.1").interfaces[0].bridge == BridgeName(bridge)
        assert addresses(bridge) == {"10.79.1.2/26"}
