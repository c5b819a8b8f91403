"""Tenants on separate bridges reach neither each other nor the host, however they try."""

from __future__ import annotations

import pytest
from attrs import frozen

from tests.integration.conftest import NewClient, NewServer
from tests.integration.support.wire import ip, link, link_local, open_bridge
from tests.testkit.clients import ClientNamespace, SmbClient
from tests.testkit.probes import (
    ACK,
    ETH_IPV4,
    Listener,
    Target,
    arrived,
    ethernet,
    ipv4,
    listening,
    packets,
    reached,
    reaches_all,
    tcp,
)
from tests.testkit.site import Site

OK = "NT_STATUS_OK"
LOGON_FAILURE = "NT_STATUS_LOGON_FAILURE"
#: The addresses of both tenants: which network, which host in it.
V4, V6 = "10.78.{}.{}/24", "fd00:78:{}::{}/64"


@frozen
class Reader:
    """A client with one user on one server."""

    namespace: ClientNamespace
    smb: SmbClient

    def serves(self, content: bytes) -> bool:
        """Whether the server serves this user, with that content."""
        return self.smb.get("files", "who.txt") == content


def test_two_servers_with_the_same_address_serve_their_own_tenants(
    site: Site, new_server: NewServer, client_on: NewClient
) -> None:
    """Two tenants may have the same address on two bridges; each client gets only its own server's data."""
    readers = {}
    for name, user in (("twin-a", "ada"), ("twin-b", "bob")):
        bridge = site.new_bridge()
        new_server(name, bridge=bridge, addresses=["10.77.0.10/24"])
        namespace = client_on(bridge, "10.77.0.20/24")
        smb = site.smb(namespace, "10.77.0.10", user, site.allow(name, "files", user))
        assert smb.put("files", "who.txt", name.encode()).status == OK
        readers[name] = Reader(namespace, smb)
    a, b = readers["twin-a"], readers["twin-b"]
    assert a.serves(b"twin-a")
    assert b.serves(b"twin-b")
    stranger = site.smb(b.namespace, "10.77.0.10", "ada", a.smb.password)
    assert stranger.do("files", "ls").status == LOGON_FAILURE
    assert a.serves(b"twin-a")
    assert b.serves(b"twin-b")
    site.host.servers.delete("twin-a", with_shares=True)
    assert not a.namespace.reaches("10.77.0.10", seconds=1)
    assert b.serves(b"twin-b")


def _serve_two_tenants(new_server: NewServer, a: str, b: str, with_host: bool) -> None:
    """A server on each bridge; the host's addresses on them, if it has any, are the gateways."""
    for name, bridge, net in (("mine", a, 1), ("other", b, 2)):
        hosts = [V4.format(net, 1), V6.format(net, 1)] if with_host else []
        gateways = [host.split("/")[0] for host in hosts]
        given = [V4.format(net, 10), V6.format(net, 10)]
        new_server(name, bridge=bridge, addresses=given, host_addresses=hosts, gateways=gateways)


def _addresses_of_the_host() -> set[str]:
    """The host's addresses, those that it would have on the two bridges, and one beyond the host."""
    own = {each["local"] for shown in ip("address") for each in shown["addr_info"]} - {"127.0.0.1"}
    host = {address for address in own if not address.startswith(("fe80:", "::1"))}
    return host | {"10.78.1.1", "10.78.2.1", "fd00:78:1::1", "fd00:78:2::1", "198.51.100.1"}


def _send_straight_to(client: ClientNamespace, mac: str, routed: set[str], local: str) -> None:
    """Let a client send to these addresses by its bridge's MAC, without ARP."""
    crafted = [f"route replace {address} dev eth0" for address in routed]
    for address in routed | {local}:
        crafted.append(f"neigh replace {address} lladdr {mac} dev eth0 nud permanent")
    done = client.run("ip", "-force", "-batch", "-", stdin="\n".join(crafted))
    assert done.returncode == 0, done.stderr


def _forbidden(host: set[str], others: set[str], local: str, port: int, with_host: bool) -> set[Target]:
    """The targets that a tenant must not reach: the host by any protocol, and the other tenant's server."""
    forbidden = {Target("icmp", address) for address in host | others | {local}}
    if with_host:  # a tenant may ask whether its bridge's own host address is there
        forbidden -= {Target("icmp", "10.78.1.1"), Target("icmp", "fd00:78:1::1")}
    for address in host | {local}:
        forbidden |= {Target(kind, address, port) for kind in ("tcp", "udp")}
    return forbidden | {Target("tcp", address, 445) for address in others}


def _get_through_where_nothing_is_closed(site: Site, client_on: NewClient, listener: Listener) -> None:
    """Check that the same probes get through on an unfiltered bridge."""
    with open_bridge(site.new_bridge(), "10.79.0.1/24", "fd00:79::1/64") as bridge:
        free = client_on(bridge, "10.79.0.20/24", "fd00:79::20/64")
        opened = {Target("icmp", address) for address in ("10.79.0.1", "fd00:79::1")}
        for address in ("10.79.0.1", "fd00:79::1"):
            opened |= {Target(kind, address, listener.port) for kind in ("tcp", "udp")}
        assert reaches_all(free.name, opened, listener)


@pytest.mark.parametrize("with_host", [False, True], ids=["closed bridges", "bridges with host addresses"])
def test_a_tenant_reaches_neither_another_server_nor_the_host(
    site: Site, new_server: NewServer, client_on: NewClient, with_host: bool
) -> None:
    """Not even through its bridge's MAC or IPv6 link-local address does a tenant get off its own bridge."""
    a, b = site.new_bridge(), site.new_bridge()
    _serve_two_tenants(new_server, a, b, with_host)
    client = client_on(a, V4.format(1, 20), V6.format(1, 20))
    found = link(a)
    assert found is not None
    mac, local = found["address"], link_local(found["address"])
    own = {
        Target("tcp", "10.78.1.10", 445),
        Target("tcp", "fd00:78:1::10", 445),
        Target("icmp", "10.78.1.10"),
    }

    with listening() as listener:
        host, others = _addresses_of_the_host(), {"10.78.2.10", "fd00:78:2::10", "10.78.2.255"}
        _send_straight_to(client, mac, host | others, local)
        forbidden = _forbidden(host, others, f"{local}%eth0", listener.port, with_host)

        assert reaches_all(client.name, own)
        assert reached(client.name, forbidden, listener) == set()
        assert listener.heard() == set()
        assert reaches_all(client.name, own)

        # The same probes get through without filters, and the other tenant's server is up.
        _get_through_where_nothing_is_closed(site, client_on, listener)
        neighbour = client_on(b, V4.format(2, 20), V6.format(2, 20))
        there = {Target("tcp", "10.78.2.10", 445), Target("tcp", "fd00:78:2::10", 445)}
        assert reaches_all(neighbour.name, there)


def test_forged_answers_of_a_tenant_are_not_routed_to_another(
    site: Site, new_server: NewServer, client_on: NewClient
) -> None:
    """What looks like an SMB answer gets at most to the host, never through it to another bridge."""
    a, b = site.new_bridge(), site.new_bridge()
    for name, bridge, net in (("forger", a, 1), ("victim", b, 2)):
        new_server(
            name, bridge=bridge, addresses=[f"10.78.{net}.10/24"], host_addresses=[f"10.78.{net}.1/24"]
        )
    client, victim = client_on(a, "10.78.1.20/24"), client_on(b, "10.78.2.20/24")
    found = link(a)
    assert found is not None
    own_mac = ip("link", "show", "eth0", namespace=f"/run/netns/{client.name}")[0]["address"]
    forged = b"forged-segment"
    segment = ipv4("10.78.1.20", "10.78.2.20", 6, tcp(445, 50000, ACK, forged))
    with packets(client.name) as sending, packets(victim.name) as hearing:
        sending.send(ethernet(own_mac, ETH_IPV4, segment, found["address"]))
        assert arrived(hearing, {forged}) == set()
    # The host would forward it: without filters it arrives.
    with open_bridge(site.new_bridge(), "10.79.0.1/24") as bridge:
        free = client_on(bridge, "10.79.0.20/24")
        mac = link(bridge)
        free_mac = ip("link", "show", "eth0", namespace=f"/run/netns/{free.name}")[0]["address"]
        assert mac is not None
        segment = ipv4("10.79.0.20", "10.78.2.20", 6, tcp(445, 50000, ACK, b"routed-segment"))
        with packets(free.name) as sending, packets(victim.name) as hearing:
            sending.send(ethernet(free_mac, ETH_IPV4, segment, mac["address"]))
            assert arrived(hearing, {b"routed-segment"}, seconds=5) == {b"routed-segment"}
