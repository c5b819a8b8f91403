"""Clients that knew a former server on an address reach the new one at once."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from shares_core.adapters.network.announcing import render_announcements
from shares_core.domain.server import ShareServer
from tests.integration.conftest import NewClient, NewServer
from tests.testkit.probes import Target, arrived, packets, reached, until
from tests.testkit.site import Site

ADDRESSES = ["10.77.0.10/24", "fd00:77::10/64"]
_AT_ONCE = 1.0


def _container(server_id: str) -> str:
    return f"shares-{server_id}"


def _docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], check=True, capture_output=True)


def _ports(*addresses: str) -> set[Target]:
    return {Target("tcp", address.partition("/")[0], 445) for address in addresses}


@pytest.mark.parametrize("version", [0, 1], ids=["IPv4", "IPv6"])
def test_a_new_server_on_a_deleted_ones_address_is_reached_at_once(
    site: Site, new_server: NewServer, client_on: NewClient, version: int
) -> None:
    """On a bridge that stayed, with another MAC."""
    bridge, address = site.new_bridge(), ADDRESSES[version]
    new_server("stays", bridge=bridge, addresses=["10.77.0.11/24"])
    former = new_server("former", bridge=bridge, addresses=[address])
    client = client_on(bridge, "10.77.0.20/24", "fd00:77::20/64")
    server = _ports(address)
    assert until(lambda: reached(client.name, server) == server)
    site.host.servers.delete("former", with_shares=True)
    assert reached(client.name, server) == set()
    new = new_server("new", bridge=bridge, addresses=[address])
    assert new.interfaces[0].mac != former.interfaces[0].mac
    assert reached(client.name, server, seconds=_AT_ONCE) == server


def test_the_host_reaches_a_new_server_on_a_deleted_ones_address_at_once(
    site: Site, new_server: NewServer
) -> None:
    """On the default network, where it is a client of every server."""
    new_server("stays")
    former = new_server("former")
    text = str(former.interfaces[0].addresses[0])
    server = _ports(text)
    assert until(lambda: reached(None, server) == server)
    site.host.servers.delete("former", with_shares=True)
    new = new_server("new", addresses=[text])
    assert new.interfaces[0].mac != former.interfaces[0].mac
    assert reached(None, server, seconds=_AT_ONCE) == server


def _start_again(site: Site, server: ShareServer) -> None:
    site.host.servers.stop(str(server.name))
    site.host.servers.start(str(server.name))


def _restart(site: Site, server: ShareServer) -> None:
    _docker("restart", "--time", "1", _container(server.id))
    assert all(view.problem == "" for view in site.host.fleet.reconcile().servers)


def _kill(site: Site, server: ShareServer) -> None:
    _docker("kill", _container(server.id))
    assert all(view.problem == "" for view in site.host.fleet.reconcile().servers)


@pytest.mark.parametrize("change", [_start_again, _restart, _kill])
def test_a_server_that_comes_back_announces_its_addresses(
    site: Site,
    new_server: NewServer,
    client_on: NewClient,
    change: Callable[[Site, ShareServer], None],
) -> None:
    """After a stop and a start, a restart of its container, and a kill."""
    bridge = site.new_bridge()
    new_server("stays", bridge=bridge, addresses=["10.77.0.11/24"])
    server = new_server("comes-back", bridge=bridge, addresses=ADDRESSES)
    client = client_on(bridge, "10.77.0.20/24")
    expected = set(render_announcements(server.interfaces[0]))
    with packets(client.name) as hearing:
        change(site, server)
        assert arrived(hearing, expected, seconds=5) == expected
