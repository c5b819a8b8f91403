"""Who reaches whom: tenants, servers and the host, with real clients and hand-made frames."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest
from attrs import frozen

from shares_core import AlreadyExists, Capacity, Conflict, InterfaceSpec
from shares_core.domain.network import BridgeName
from shares_core.domain.server import ShareServer
from tests.integration.conftest import Site
from tests.integration.support.clients import ClientNamespace, HostSide, SmbClient
from tests.integration.support.footprint import footprint, tables
from tests.integration.support.probes import (
    ACK,
    ETH_ARP,
    ETH_IPV4,
    ETH_IPV6,
    ETH_LOCAL,
    ETH_VLAN,
    RST,
    SYN,
    Target,
    arp,
    arrived,
    ethernet,
    icmp,
    ipv4,
    ipv6,
    listening,
    packets,
    reached,
    reaches_all,
    tcp,
    udp,
    until,
)
from tests.integration.support.wire import (
    addresses,
    ip,
    link,
    link_local,
    namespace_of,
    open_bridge,
    port,
    properties,
)
from tests.integration.support.writing import open_file

OK = "NT_STATUS_OK"
LOGON_FAILURE = "NT_STATUS_LOGON_FAILURE"

Server = Callable[..., ShareServer]


@pytest.fixture
def new_server(site: Site, remove_after: Callable[[str], str]) -> Server:
    """Makes a server with one interface and the share ``files``; it is removed after the test."""

    def make(name: str, **interface: object) -> ShareServer:
        remove_after(name)
        specs = (InterfaceSpec.parse(**interface),)  # type: ignore[arg-type]
        site.host.servers.create(name, specs)
        return site.host.shares.create(name, "files", Capacity.parse("32MiB")).server

    return make


@pytest.fixture
def client_on(site: Site) -> Iterator[Callable[..., ClientNamespace]]:
    """Makes clients that are gone after the test."""
    made: list[ClientNamespace] = []

    def make(bridge: str, *given: str) -> ClientNamespace:
        made.append(site.client_on(bridge, *given))
        return made[-1]

    yield make
    for namespace in made:
        site.namespaces.remove(namespace)
        namespace.remove()


@frozen
class Reader:
    """A client with one user on one server."""

    namespace: ClientNamespace
    smb: SmbClient

    def serves(self, content: bytes) -> bool:
        """Whether the server serves this user, with that content."""
        return self.smb.get("files", "who.txt") == content


# -- one address, two tenants


def test_two_servers_with_one_address_serve_their_own_tenants(
    site: Site, new_server: Server, client_on: Callable[..., ClientNamespace]
) -> None:
    """Two tenants may have one address on two bridges; each client gets its own server's data alone."""
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


@pytest.mark.parametrize("with_host", [False, True], ids=["closed bridges", "bridges with host addresses"])
def test_a_tenant_reaches_neither_another_server_nor_the_host(
    site: Site, new_server: Server, client_on: Callable[..., ClientNamespace], with_host: bool
) -> None:
    """Not even through its bridge's MAC or IPv6 link-local address does a tenant get off its own bridge."""
    a, b = site.new_bridge(), site.new_bridge()
    v4, v6 = "10.78.{}.{}/24", "fd00:78:{}::{}/64"
    for name, bridge, net in (("mine", a, 1), ("other", b, 2)):
        hosts = [v4.format(net, 1), v6.format(net, 1)] if with_host else []
        gateways = [host.split("/")[0] for host in hosts]
        given = [v4.format(net, 10), v6.format(net, 10)]
        new_server(name, bridge=bridge, addresses=given, host_addresses=hosts, gateways=gateways)
    client = client_on(a, v4.format(1, 20), v6.format(1, 20))
    found = link(a)
    assert found is not None
    mac, local = found["address"], link_local(found["address"])
    own = {
        Target("tcp", "10.78.1.10", 445),
        Target("tcp", "fd00:78:1::10", 445),
        Target("icmp", "10.78.1.10"),
    }

    with listening() as listener:
        hosts_own = {each["local"] for shown in ip("address") for each in shown["addr_info"]} - {"127.0.0.1"}
        host = {address for address in hosts_own if not address.startswith(("fe80:", "::1"))}
        host |= {"10.78.1.1", "10.78.2.1", "fd00:78:1::1", "fd00:78:2::1", "198.51.100.1"}
        others = {"10.78.2.10", "fd00:78:2::10", "10.78.2.255"}
        crafted = [f"route replace {address} dev eth0" for address in host | others]
        for address in host | others | {local}:
            crafted.append(f"neigh replace {address} lladdr {mac} dev eth0 nud permanent")
        done = client.run("ip", "-force", "-batch", "-", stdin="\n".join(crafted))
        assert done.returncode == 0, done.stderr
        forbidden = {Target("icmp", address) for address in host | others | {f"{local}%eth0"}}
        if with_host:  # a tenant may ask whether its bridge's own host address is there
            forbidden -= {Target("icmp", "10.78.1.1"), Target("icmp", "fd00:78:1::1")}
        for address in host | {f"{local}%eth0"}:
            forbidden |= {Target(kind, address, listener.port) for kind in ("tcp", "udp")}
        forbidden |= {Target("tcp", address, 445) for address in others}

        assert reaches_all(client.name, own)
        assert reached(client.name, forbidden, listener) == set()
        assert listener.heard() == set()
        assert reaches_all(client.name, own)

        # The same probes get through where nothing is closed, and the other tenant's server is up.
        with open_bridge(site.new_bridge(), "10.79.0.1/24", "fd00:79::1/64") as bridge:
            free = client_on(bridge, "10.79.0.20/24", "fd00:79::20/64")
            opened = {Target("icmp", address) for address in ("10.79.0.1", "fd00:79::1")}
            for address in ("10.79.0.1", "fd00:79::1"):
                opened |= {Target(kind, address, listener.port) for kind in ("tcp", "udp")}
            assert reaches_all(free.name, opened, listener)
        neighbour = client_on(b, v4.format(2, 20), v6.format(2, 20))
        there = {Target("tcp", "10.78.2.10", 445), Target("tcp", "fd00:78:2::10", 445)}
        assert reaches_all(neighbour.name, there)


def test_forged_answers_of_a_tenant_are_not_routed_to_another(
    site: Site, new_server: Server, client_on: Callable[..., ClientNamespace]
) -> None:
    """What looks like an SMB answer goes to the host at most, and never through it to another bridge."""
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
    # The host would forward it: where nothing is closed it arrives.
    with open_bridge(site.new_bridge(), "10.79.0.1/24") as bridge:
        free = client_on(bridge, "10.79.0.20/24")
        mac = link(bridge)
        free_mac = ip("link", "show", "eth0", namespace=f"/run/netns/{free.name}")[0]["address"]
        assert mac is not None
        segment = ipv4("10.79.0.20", "10.78.2.20", 6, tcp(445, 50000, ACK, b"routed-segment"))
        with packets(free.name) as sending, packets(victim.name) as hearing:
            sending.send(ethernet(free_mac, ETH_IPV4, segment, mac["address"]))
            assert arrived(hearing, {b"routed-segment"}, seconds=5) == {b"routed-segment"}


def test_a_bridge_without_host_address_has_no_address_at_all(site: Site, new_server: Server) -> None:
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


# -- the default network


@frozen
class Pair:
    """Two servers on the default network, and a client beside them with a user on each."""

    a: ShareServer
    b: ShareServer
    namespace: ClientNamespace
    ada: SmbClient
    bob: SmbClient

    def both_serve(self) -> bool:
        return all(each.do("files", "ls").status == OK for each in (self.ada, self.bob))


def address_of(server: ShareServer) -> str:
    return str(server.interfaces[0].addresses[0].ip)


@pytest.fixture
def pair(site: Site, new_server: Server, client_on: Callable[..., ClientNamespace]) -> Pair:
    a, b = new_server("pair-a"), new_server("pair-b")
    namespace = client_on(str(site.config.network.bridge), "10.213.0.200/24")
    ada = site.smb(namespace, address_of(a), "ada", site.allow("pair-a", "files", "ada"))
    bob = site.smb(namespace, address_of(b), "bob", site.allow("pair-b", "files", "bob"))
    return Pair(a, b, namespace, ada, bob)


def test_the_host_mounts_from_the_default_network(site: Site, pair: Pair) -> None:
    """On the default network the host itself is a client of every server."""
    host = SmbClient(HostSide(), pair.ada.address, "ada", pair.ada.password, site.folder)
    assert host.put("files", "host.txt", b"from the host").status == OK
    assert pair.ada.get("files", "host.txt") == b"from the host"
    assert addresses(str(site.config.network.bridge)) == {"10.213.0.1/24"}


def test_a_server_opens_no_connection(site: Site, pair: Pair) -> None:
    """A server reaches neither the host, nor another server, nor a client: it only answers."""
    inside = namespace_of(site, "pair-a")
    assert pair.both_serve()
    with listening() as on_host, listening(pair.namespace.name) as on_client:
        assert reaches_all(None, {Target("tcp", "10.213.0.1", on_host.port)})
        to_client = Target("tcp", "10.213.0.200", on_client.port)
        assert reached(None, {to_client}) == set()  # answers of SMB alone come back from a client
        kinds = ("tcp", "udp")
        for source in ("", address_of(pair.a)):
            host = {Target(kind, "10.213.0.1", on_host.port) for kind in kinds} | {
                Target("icmp", "10.213.0.1")
            }
            client = {Target(kind, "10.213.0.200", on_client.port) for kind in kinds}
            other = {Target("tcp", address_of(pair.b), 445), Target("icmp", address_of(pair.b))}
            assert reached(inside, host, on_host, source=source) == set()
            assert (
                reached(inside, client | {Target("icmp", "10.213.0.200")}, on_client, source=source) == set()
            )
            assert reached(inside, other, source=source) == set()
        assert on_host.heard() | on_client.heard() == set()
    assert pair.both_serve()


def test_servers_of_the_default_network_are_isolated_from_each_other(site: Site, pair: Pair) -> None:
    """Even without its filter a server does not reach another one's port, for the bridge keeps them apart."""
    inside = namespace_of(site, "pair-a")
    other = {Target("tcp", address_of(pair.b), 445), Target("icmp", address_of(pair.b))}
    for server in (pair.a, pair.b):
        shown = link(port(server))
        assert shown is not None
        assert shown["linkinfo"]["info_slave_data"]["isolated"] is True
    subprocess.run(["nft", "delete", "table", "netdev", f"shares-{port(pair.a)}"], check=True)
    subprocess.run(["nft", "delete", "table", "netdev", f"shares-{port(pair.b)}"], check=True)
    assert reaches_all(inside, {Target("icmp", "10.213.0.200")})
    assert reached(inside, other) == set()
    assert pair.both_serve()


def test_reconcile_puts_lost_filters_back(site: Site, pair: Pair) -> None:
    """A firewall that is reloaded flushes every filter; reconcile closes ports and bridges again."""
    inside, client = namespace_of(site, "pair-a"), Target("icmp", "10.213.0.200")
    bridge = str(site.config.network.bridge)
    assert reached(inside, {client}) == set()
    lost = {f"shares-{name}" for name in (bridge, port(pair.a), port(pair.b))}
    assert lost <= set(tables())
    for table in lost:
        subprocess.run(["nft", "delete", "table", "netdev", table], check=True)
    with listening() as listener:
        to_host = {Target(kind, "10.213.0.1", listener.port) for kind in ("tcp", "udp")}
        assert reaches_all(inside, {client})
        assert reaches_all(pair.namespace.name, to_host, listener)
        assert all(view.problem == "" for view in site.host.servers.reconcile())
        assert lost <= set(tables())
        assert reached(inside, {client}) == set()
        assert reached(pair.namespace.name, to_host, listener) == set()
    assert pair.both_serve()


def test_a_server_cannot_speak_as_another(site: Site, pair: Pair) -> None:
    """No frame leaves a server with another MAC or IP address, nor of a protocol that it has no part in."""
    inside, victim = namespace_of(site, "pair-a"), "10.213.0.200"
    mac, mine, theirs = str(pair.a.interfaces[0].mac), address_of(pair.a), address_of(pair.b)
    other_mac = str(pair.b.interfaces[0].mac)

    def legal(mark: bytes) -> list[bytes]:
        answer = tcp(445, 50000, SYN | ACK, mark + b"-tcp")
        return [
            ethernet(mac, ETH_ARP, arp(1, mac, mine, victim, mark + b"-arp")),
            ethernet(mac, ETH_IPV4, ipv4(mine, victim, 6, answer)),
            ethernet(mac, ETH_IPV4, ipv4(mine, victim, 1, icmp(0, mark + b"-icmp"))),
        ]

    heard_of_legal = {b"-arp", b"-tcp", b"-icmp"}
    forged = {
        "another MAC": ethernet(other_mac, ETH_ARP, arp(1, mac, mine, victim, b"forged-00")),
        "ARP of another MAC": ethernet(mac, ETH_ARP, arp(2, other_mac, mine, victim, b"forged-01")),
        "ARP of another address": ethernet(mac, ETH_ARP, arp(2, mac, theirs, victim, b"forged-02")),
        "ARP of the host": ethernet(mac, ETH_ARP, arp(2, mac, "10.213.0.1", victim, b"forged-03")),
        "answer of another": ethernet(mac, ETH_IPV4, ipv4(theirs, victim, 6, tcp(445, 9, ACK, b"forged-04"))),
        "first packet": ethernet(mac, ETH_IPV4, ipv4(mine, victim, 6, tcp(445, 9, SYN, b"forged-05"))),
        "other port": ethernet(mac, ETH_IPV4, ipv4(mine, victim, 6, tcp(446, 9, ACK, b"forged-06"))),
        "first packet with RST": ethernet(
            mac, ETH_IPV4, ipv4(mine, victim, 6, tcp(445, 9, SYN | RST, b"forged-07"))
        ),
        "UDP": ethernet(mac, ETH_IPV4, ipv4(mine, victim, 17, udp(445, 9, b"forged-08"))),
        "DHCP offer": ethernet(mac, ETH_IPV4, ipv4(mine, "255.255.255.255", 17, udp(67, 68, b"forged-09"))),
        "echo request": ethernet(mac, ETH_IPV4, ipv4(mine, victim, 1, icmp(8, b"forged-10"))),
        "redirect": ethernet(mac, ETH_IPV4, ipv4(mine, victim, 1, icmp(5, b"forged-11", code=1))),
        "router advertisement": ethernet(
            mac, ETH_IPV6, ipv6("fe80::1", "ff02::1", 58, icmp(134, b"forged-12"))
        ),
        "neighbour over IPv6": ethernet(
            mac, ETH_IPV6, ipv6("fd00::9", "ff02::1", 58, icmp(136, b"forged-13"))
        ),
        "VLAN": ethernet(
            mac, ETH_VLAN, b"\x00\x05\x08\x00" + ipv4(mine, victim, 6, tcp(445, 9, ACK, b"forged-14"))
        ),
        "unknown protocol": ethernet(mac, ETH_LOCAL, b"forged-15"),
        "spanning tree": ethernet(mac, 0x0026, b"\x42\x42\x03" + b"forged-16", "01:80:c2:00:00:00"),
    }
    with packets(inside) as sending, packets(pair.namespace.name) as hearing:
        for mark, frames, expected in (
            (b"before", legal(b"before"), {b"before" + kind for kind in heard_of_legal}),
            (b"forged-", list(forged.values()), set()),
            (b"after", legal(b"after"), {b"after" + kind for kind in heard_of_legal}),
        ):
            for frame in frames:
                sending.send(frame)
            marks = expected or {b"forged-%02d" % number for number in range(len(forged))}
            assert arrived(hearing, marks) == expected, mark

    with packets(inside) as sending, packets(pair.namespace.name) as hearing:
        ip("link", "set", "eth0", "address", "02:00:00:00:00:99", namespace=inside)
        try:
            ip("address", "add", "10.213.0.99/24", "dev", "eth0", namespace=inside)
            assert reached(inside, {Target("icmp", victim)}, source="10.213.0.99") == set()
            assert reached(pair.namespace.name, {Target("icmp", "10.213.0.99")}) == set()
            sending.send(ethernet("02:00:00:00:00:99", ETH_ARP, arp(1, mac, mine, victim, b"renamed")))
            assert arrived(hearing, {b"renamed"}) == set()
        finally:
            ip("link", "set", "eth0", "address", mac, namespace=inside)
    assert pair.both_serve()


# -- IPv6, and what was asked for


def test_a_server_serves_over_ipv6(
    site: Site, new_server: Server, client_on: Callable[..., ClientNamespace]
) -> None:
    """Over IPv6 both clients write and read, and a stranger gets LOGON_FAILURE."""
    bridge = site.new_bridge()
    new_server("six", bridge=bridge, addresses=["fd00:77::10/64"])
    ada = site.smb(
        client_on(bridge, "fd00:77::20/64"), "fd00:77::10", "ada", site.allow("six", "files", "ada")
    )
    assert ada.put("files", "six.txt", b"over six").status == OK
    stranger = site.smb(ada.namespace, "fd00:77::10", "eve", "wrong")
    assert stranger.do("files", "ls").status == LOGON_FAILURE
    assert ada.get("files", "six.txt") == b"over six"
    with ada.connection() as session:
        opened = open_file(ada.tree(session, "files"), "six.txt")
        assert opened.read(0, 100) == b"over six"
        assert opened.write(b"OVER", 0) == 4
        opened.close()
    assert ada.get("files", "six.txt") == b"OVER six"


def test_an_interface_is_as_asked_for_and_stays_so(
    site: Site, new_server: Server, client_on: Callable[..., ClientNamespace]
) -> None:
    """MAC, MTU, addresses and gateways are in the container as asked for, also after a stop and a start."""
    bridge, mac = site.new_bridge(), "02:00:00:aa:bb:cc"
    given = {"10.77.0.10/24", "10.77.0.11/24", "fd00:77::10/64"}
    server = new_server(
        "exact",
        bridge=bridge,
        addresses=sorted(given),
        mac=mac,
        mtu=1400,
        gateways=["10.77.0.1", "fd00:77::1"],
    )
    client = client_on(bridge, "10.77.0.20/24")
    own = {Target("tcp", "10.77.0.10", 445), Target("tcp", "10.77.0.11", 445)}

    def as_asked() -> None:
        inside = namespace_of(site, "exact")
        device, outside = link("eth0", inside), link(port(server))
        assert device is not None
        assert outside is not None
        assert (device["address"], device["mtu"], outside["mtu"]) == (mac, 1400, 1400)
        assert {a for a in addresses("eth0", inside) if not a.startswith("fe80:")} == given
        routes = [*ip("route", namespace=inside), *ip("-6", "route", namespace=inside)]
        assert {r["gateway"] for r in routes if r["dst"] == "default"} == {"10.77.0.1", "fd00:77::1"}
        assert reaches_all(client.name, own)

    as_asked()
    site.host.servers.stop("exact")
    assert reached(client.name, own) == set()
    assert link(port(server)) is None
    site.host.servers.start("exact")
    as_asked()  # at once: the client's ARP entries still hold


def test_a_mac_that_was_not_asked_for_stays_too(site: Site, pair: Pair) -> None:
    """Without a MAC of its caller's choice a server keeps the one it got first, and its address."""
    before = pair.a.interfaces
    site.host.servers.stop("pair-a")
    site.host.servers.start("pair-a")
    assert site.host.servers.show("pair-a").server.interfaces == before
    shown = link("eth0", namespace_of(site, "pair-a"))
    assert shown is not None
    assert shown["address"] == str(before[0].mac)
    assert pair.both_serve()


def test_a_server_has_several_interfaces(
    site: Site, remove_after: Callable[[str], str], client_on: Callable[..., ClientNamespace]
) -> None:
    """A server with two interfaces serves on both, and does not connect their networks."""
    one, two = site.new_bridge(), site.new_bridge()
    specs = [
        InterfaceSpec.parse(bridge=one, addresses=["10.77.1.10/24"]),
        InterfaceSpec.parse(bridge=two, addresses=["10.77.2.10/24"]),
    ]
    site.host.servers.create(remove_after("double"), specs)
    left, right = client_on(one, "10.77.1.20/24"), client_on(two, "10.77.2.20/24")
    left_own, right_own = Target("tcp", "10.77.1.10", 445), Target("tcp", "10.77.2.10", 445)
    assert reaches_all(left.name, {left_own})
    assert reaches_all(right.name, {right_own})
    left.run("ip", "route", "add", "10.77.2.0/24", "via", "10.77.1.10")
    right.run("ip", "route", "add", "10.77.1.0/24", "via", "10.77.2.10")
    with listening(right.name) as listener:
        across = {Target(kind, "10.77.2.20", listener.port) for kind in ("tcp", "udp")}
        assert reached(left.name, across | {Target("icmp", "10.77.2.20")}, listener) == set()
    assert reaches_all(left.name, {left_own})


# -- bridges


def test_a_bridge_goes_with_its_last_server(site: Site, new_server: Server) -> None:
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
    site: Site, client_on: Callable[..., ClientNamespace], remove_after: Callable[[str], str]
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


def test_a_server_with_other_interfaces_is_not_the_same(site: Site, pair: Pair) -> None:
    """Creating again gives what exists if it fits, and AlreadyExists, changing nothing, if it does not."""
    before = footprint(site.config)
    assert site.host.servers.create("pair-a").server == site.host.servers.show("pair-a").server
    with pytest.raises(AlreadyExists, match="its interfaces differ"):
        site.host.servers.create("pair-a", [InterfaceSpec.parse(mac="02:00:00:00:00:01")])
    assert footprint(site.config) == before
    assert until(pair.both_serve)
