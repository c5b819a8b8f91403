"""The default network: the host can mount from its servers, which only answer."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from ipaddress import IPv4Network
from typing import Any

import pytest
from attrs import evolve, frozen

import shares_core
from shares_core import AlreadyExists, Conflict, InterfaceSpec
from shares_core.domain.server import ShareServer
from tests.integration.conftest import NewClient, NewServer
from tests.integration.support.wire import addresses, ip, link, namespace_of, port, properties
from tests.testkit.clients import ClientNamespace, HostSide, SmbClient
from tests.testkit.footprint import footprint, tables
from tests.testkit.probes import (
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
from tests.testkit.site import Site

OK = "NT_STATUS_OK"


@frozen
class Pair:
    """Two servers on the default network, and a client with a user on each."""

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
def pair(site: Site, new_server: NewServer, client_on: NewClient) -> Pair:
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


def test_a_chosen_mac_stays_too(site: Site, pair: Pair) -> None:
    """Without a MAC of its caller's choice a server keeps the one it got first, and its address."""
    before = pair.a.interfaces
    site.host.servers.stop("pair-a")
    site.host.servers.start("pair-a")
    assert site.host.servers.show("pair-a").server.interfaces == before
    shown = link("eth0", namespace_of(site, "pair-a"))
    assert shown is not None
    assert shown["address"] == str(before[0].mac)
    assert pair.both_serve()


def test_a_server_with_other_interfaces_is_not_the_same(site: Site, pair: Pair) -> None:
    """Creating again returns the server if it fits; otherwise it raises AlreadyExists and changes nothing."""
    before = footprint(site.config)
    assert site.host.servers.create("pair-a").server == site.host.servers.show("pair-a").server
    with pytest.raises(AlreadyExists, match="its interfaces differ"):
        site.host.servers.create("pair-a", [InterfaceSpec.parse(mac="02:00:00:00:00:01")])
    assert footprint(site.config) == before
    assert until(pair.both_serve)


@pytest.mark.parametrize("change", [{"subnet": IPv4Network("10.214.7.0/24")}, {"mtu": 1400}], ids=str)
def test_a_changed_configuration_does_not_change_a_network_with_servers(
    site: Site, pair: Pair, remove_after: Callable[[str], str], change: dict[str, Any]
) -> None:
    """No new server is made, existing ones start as before, and the host reaches them."""
    bridge = str(site.config.network.bridge)
    changed = shares_core.open_host(evolve(site.config, network=evolve(site.config.network, **change)))
    as_it_was, before = [properties(bridge), addresses(bridge)], footprint(site.config)
    with pytest.raises(Conflict, match=f"the servers on bridge {bridge} have host address 10.213.0.1/24"):
        changed.servers.create(remove_after("third"))
    changed.servers.start("pair-a")
    assert footprint(site.config) == before
    assert [properties(bridge), addresses(bridge)] == as_it_was
    assert pair.both_serve()
    site.host.servers.create("third")
    assert [properties(bridge), addresses(bridge)] == as_it_was


# -- what a server may send


def test_a_server_opens_no_connection(site: Site, pair: Pair) -> None:
    """A server reaches neither the host, nor another server, nor a client: it only answers."""
    inside = namespace_of(site, "pair-a")
    assert pair.both_serve()
    with listening() as on_host, listening(pair.namespace.name) as on_client:
        assert reaches_all(None, {Target("tcp", "10.213.0.1", on_host.port)})
        to_client = Target("tcp", "10.213.0.200", on_client.port)
        assert reached(None, {to_client}) == set()  # a client gets only SMB answers back
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
    """Even without its filter a server cannot reach another one's port, because the bridge isolates them."""
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


def test_reconcile_restores_lost_filters(site: Site, pair: Pair) -> None:
    """A reloaded firewall flushes every filter; reconcile closes ports and bridges again."""
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
        assert all(view.problem == "" for view in site.host.fleet.reconcile().servers)
        assert lost <= set(tables())
        assert reached(inside, {client}) == set()
        assert reached(pair.namespace.name, to_host, listener) == set()
    assert pair.both_serve()


@frozen
class Voice:
    """What a server's namespace may send to a client, ``victim``, and what it must not."""

    mac: str
    mine: str
    other_mac: str
    theirs: str
    victim: str

    def legal(self, mark: bytes) -> dict[bytes, bytes]:
        """Frames that get through, by their marks."""
        mac, mine, victim = self.mac, self.mine, self.victim
        answer = tcp(445, 50000, SYN | ACK, mark + b"-tcp")
        return {
            mark + b"-arp": ethernet(mac, ETH_ARP, arp(1, mac, mine, victim, mark + b"-arp")),
            mark + b"-tcp": ethernet(mac, ETH_IPV4, ipv4(mine, victim, 6, answer)),
            mark + b"-icmp": ethernet(mac, ETH_IPV4, ipv4(mine, victim, 1, icmp(0, mark + b"-icmp"))),
        }

    def forged(self) -> dict[str, bytes]:
        """Frames that must not, each with its own mark: ``forged-00`` and so on."""
        mac, mine, victim = self.mac, self.mine, self.victim

        def over_ip(protocol: int, payload: bytes, source: str = mine, target: str = victim) -> bytes:
            return ethernet(mac, ETH_IPV4, ipv4(source, target, protocol, payload))

        def over_icmp6(kind: int, source: str, mark: bytes) -> bytes:
            return ethernet(mac, ETH_IPV6, ipv6(source, "ff02::1", 58, icmp(kind, mark)))

        in_vlan = b"\x00\x05\x08\x00" + ipv4(mine, victim, 6, tcp(445, 9, ACK, b"forged-14"))
        return {
            "another MAC": ethernet(self.other_mac, ETH_ARP, arp(1, mac, mine, victim, b"forged-00")),
            "ARP of another MAC": ethernet(mac, ETH_ARP, arp(2, self.other_mac, mine, victim, b"forged-01")),
            "ARP of another address": ethernet(mac, ETH_ARP, arp(2, mac, self.theirs, victim, b"forged-02")),
            "ARP of the host": ethernet(mac, ETH_ARP, arp(2, mac, "10.213.0.1", victim, b"forged-03")),
            "answer of another": over_ip(6, tcp(445, 9, ACK, b"forged-04"), source=self.theirs),
            "first packet": over_ip(6, tcp(445, 9, SYN, b"forged-05")),
            "other port": over_ip(6, tcp(446, 9, ACK, b"forged-06")),
            "first packet with RST": over_ip(6, tcp(445, 9, SYN | RST, b"forged-07")),
            "UDP": over_ip(17, udp(445, 9, b"forged-08")),
            "DHCP offer": over_ip(17, udp(67, 68, b"forged-09"), target="255.255.255.255"),
            "echo request": over_ip(1, icmp(8, b"forged-10")),
            "redirect": over_ip(1, icmp(5, b"forged-11", code=1)),
            "router advertisement": over_icmp6(134, "fe80::1", b"forged-12"),
            "neighbour over IPv6": over_icmp6(136, "fd00::9", b"forged-13"),
            "VLAN": ethernet(mac, ETH_VLAN, in_vlan),
            "unknown protocol": ethernet(mac, ETH_LOCAL, b"forged-15"),
            "spanning tree": ethernet(mac, 0x0026, b"\x42\x42\x03" + b"forged-16", "01:80:c2:00:00:00"),
        }


def _is_not_heard_by_another_name(inside: str, client: str, voice: Voice) -> None:
    """Nobody hears a server that gives its device another MAC and address."""
    with packets(inside) as sending, packets(client) as hearing:
        ip("link", "set", "eth0", "address", "02:00:00:00:00:99", namespace=inside)
        try:
            ip("address", "add", "10.213.0.99/24", "dev", "eth0", namespace=inside)
            assert reached(inside, {Target("icmp", voice.victim)}, source="10.213.0.99") == set()
            assert reached(client, {Target("icmp", "10.213.0.99")}) == set()
            announced = arp(1, voice.mac, voice.mine, voice.victim, b"renamed")
            sending.send(ethernet("02:00:00:00:00:99", ETH_ARP, announced))
            assert arrived(hearing, {b"renamed"}) == set()
        finally:
            ip("link", "set", "eth0", "address", voice.mac, namespace=inside)


def test_a_server_cannot_speak_as_another(site: Site, pair: Pair) -> None:
    """No frame leaves a server with another MAC or IP address, or of a foreign protocol."""
    inside, client = namespace_of(site, "pair-a"), pair.namespace.name
    macs = [str(server.interfaces[0].mac) for server in (pair.a, pair.b)]
    voice = Voice(macs[0], address_of(pair.a), macs[1], address_of(pair.b), "10.213.0.200")
    forged = list(voice.forged().values())
    marks = {b"forged-%02d" % number for number in range(len(forged))}
    assert all(any(mark in frame for frame in forged) for mark in marks)
    before, after = voice.legal(b"before"), voice.legal(b"after")
    with packets(inside) as sending, packets(client) as hearing:
        for frames, awaited, expected in (
            (list(before.values()), set(before), set(before)),
            (forged, marks, set()),
            (list(after.values()), set(after), set(after)),
        ):
            for frame in frames:
                sending.send(frame)
            assert arrived(hearing, awaited) == expected, sorted(awaited)
    _is_not_heard_by_another_name(inside, client, voice)
    assert pair.both_serve()
