"""Who tries a port that a server does not have is refused at once."""

from __future__ import annotations

import errno
import subprocess

import pytest

from shares_core.adapters.network import bridge as driver
from shares_core.adapters.network import refusals
from shares_core.adapters.network.tables import load_filters
from shares_core.domain.errors import CommandFailed
from shares_core.domain.server import ShareServer
from tests.integration.conftest import NewClient, NewServer
from tests.integration.support.wire import port
from tests.testkit.footprint import footprint, tables
from tests.testkit.probes import Target, outcome, reaches_all
from tests.testkit.site import Site

ADDRESSES = ("10.77.0.10", "fd00:77::10")
CLOSED = (22, 139, 8080)
_REFUSED, _SILENT = "ECONNREFUSED", "EAGAIN"


def outcomes(namespace: str | None, *addresses: str) -> set[str]:
    """How connections to closed ports of the addresses end within a second."""
    return {outcome(namespace, address, number) for address in addresses for number in CLOSED}


@pytest.fixture
def bridge(site: Site) -> str:
    return site.new_bridge()


@pytest.fixture
def server(new_server: NewServer, bridge: str) -> ShareServer:
    """On a tenant's bridge without a host address, by IPv4 and IPv6."""
    return _server(new_server, bridge)


def _server(new_server: NewServer, bridge: str, *hosts: str) -> ShareServer:
    addresses = [f"{ADDRESSES[0]}/24", f"{ADDRESSES[1]}/64"]
    return new_server("tenant", bridge=bridge, addresses=addresses, host_addresses=hosts)


def _client(client_on: NewClient, bridge: str) -> str:
    """A client whose own cable is in use already."""
    client = client_on(bridge, "10.77.0.20/24", "fd00:77::20/64").name
    assert reaches_all(client, {Target("tcp", address, 445) for address in ADDRESSES})
    return client


def test_a_closed_port_refuses_a_tenants_client_at_once(
    server: ShareServer, client_on: NewClient, bridge: str
) -> None:
    """By IPv4 and IPv6."""
    assert {_REFUSED} == outcomes(_client(client_on, bridge), *ADDRESSES)


def test_a_closed_port_refuses_the_host_at_once(new_server: NewServer, bridge: str) -> None:
    """On a bridge where it has an address, by IPv4 and IPv6; not what it would open elsewhere."""
    _server(new_server, bridge, "10.77.0.1/24", "fd00:77::1/64")
    assert {_REFUSED} == outcomes(None, *ADDRESSES)
    assert reaches_all(None, {Target("tcp", address, 445) for address in ADDRESSES})


def test_a_closed_port_refuses_everybody_on_the_default_network(
    site: Site, new_server: NewServer, client_on: NewClient
) -> None:
    """Also while ports are isolated from each other."""
    interface = new_server("tenant").interfaces[0]
    address = interface.addresses[0]
    client = client_on(interface.attachment.device, f"{address.network[-5]}/{address.network.prefixlen}")
    for namespace in (client.name, None):
        assert reaches_all(namespace, {Target("tcp", str(address.ip), 445)})
        assert {_REFUSED} == outcomes(namespace, str(address.ip))


def test_reconcile_lets_closed_ports_refuse_again(
    site: Site, server: ShareServer, client_on: NewClient, bridge: str
) -> None:
    """After a reload of the firewall, and after somebody removed the bridge."""
    subprocess.run(["nft", "delete", "table", "netdev", f"shares-{port(server)}"], check=True)
    assert all(view.problem == "" for view in site.host.fleet.reconcile().servers)
    client = client_on(bridge, "10.77.0.21/24").name
    assert reaches_all(client, {Target("tcp", ADDRESSES[0], 445)})
    assert {_REFUSED} == outcomes(client, ADDRESSES[0])
    subprocess.run(["ip", "link", "delete", bridge], check=True)
    assert all(view.problem == "" for view in site.host.fleet.reconcile().servers)
    assert {_REFUSED} == outcomes(_client(client_on, bridge), *ADDRESSES)


def test_what_refuses_goes_with_the_server(site: Site, new_server: NewServer, bridge: str) -> None:
    """The tables of its port and of its bridge, also what refuses the host."""
    new_server("stays")
    before = footprint(site.config)
    _server(new_server, bridge, "10.77.0.1/24")
    assert f"inet shares-{bridge}" in footprint(site.config)["filters"]
    site.host.servers.delete("tenant", with_shares=True)
    assert before == footprint(site.config)


def test_the_trial_of_refusing_succeeds_here_and_leaves_nothing() -> None:
    """So what doctor says of this host is true."""
    before = tables()
    refusals.try_refusing()
    assert before == tables()


@pytest.mark.parametrize("lacking", ["rules", "traffic control"])
def test_where_the_kernel_cannot_refuse_closed_ports_are_silent(
    new_server: NewServer, client_on: NewClient, bridge: str, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    """The server is made, and serves."""

    def without(rules: str) -> None:
        if "reject" in rules and (lacking == "rules" or "table bridge" in rules):
            raise CommandFailed(("nft",), 1, "Could not process rule: No such file or directory")
        load_filters(rules)

    def ask(_: bytes) -> None:
        raise OSError(errno.ENOENT, "Specified filter kind is unknown")

    monkeypatch.setattr(driver, "load_filters", without)
    if lacking == "traffic control":
        monkeypatch.setattr(refusals, "_ask", ask)
    server = _server(new_server, bridge)
    assert {_SILENT} == outcomes(_client(client_on, bridge), ADDRESSES[0])
    assert f"shares-{port(server)}" in tables()
