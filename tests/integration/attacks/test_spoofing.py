"""An attacker with root in a server's network namespace still cannot pass for another server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address

import pytest
from attrs import frozen

from shares_core import Capacity, InterfaceSpec
from shares_core.domain.server import ShareServer
from tests.integration.support.wire import ip, link_local, namespace_of, port
from tests.testkit.clients import ClientNamespace, SmbClient
from tests.testkit.probes import (
    BROADCAST,
    ETH_ARP,
    ETH_IPV4,
    ETH_IPV6,
    Target,
    arp,
    arrived,
    checksum,
    ethernet,
    ipv4,
    ipv6,
    mac_bytes,
    packets,
    reaches_all,
    udp,
    until,
)
from tests.testkit.site import Site

OK = "NT_STATUS_OK"
SOLICIT, ADVERT = 135, 136
_FRAMES = 300


@frozen
class Street:
    """Two servers on one bridge, each with an honest user, and the namespace of the hostile one."""

    bridge: str
    hostile: ShareServer
    victim: ShareServer
    inside: str
    namespace: ClientNamespace
    ada: SmbClient
    nora: SmbClient

    @property
    def mac(self) -> str:
        return str(self.hostile.interfaces[0].mac)

    @property
    def victim_mac(self) -> str:
        return str(self.victim.interfaces[0].mac)

    def client_mac(self) -> str:
        shown = ip("link", "show", "eth0", namespace=f"/run/netns/{self.namespace.name}")
        return str(shown[0]["address"])

    def both_serve(self) -> bool:
        return all(each.do("files", "ls").status == OK for each in (self.ada, self.nora))


def learnt(bridge: str) -> dict[str, set[str]]:
    """The MACs that a bridge has learned, by port."""
    done = subprocess.run(
        ["bridge", "-json", "fdb", "show", "br", bridge], check=True, capture_output=True, text=True
    )
    found: dict[str, set[str]] = {}
    for entry in json.loads(done.stdout):
        if "permanent" not in entry.get("state", ""):
            found.setdefault(entry["ifname"], set()).add(entry["mac"])
    return found


def neighbour(namespace: ClientNamespace, address: str) -> str:
    """The MAC that a client has for an address."""
    shown = json.loads(namespace.run("ip", "-json", "neigh", "show", address).stdout or "[]")
    return str(shown[0].get("lladdr", "")) if shown else ""


def _address(server: ShareServer, version: int = 4) -> str:
    return next(str(a.ip) for a in server.interfaces[0].addresses if a.version == version)


Build = Callable[..., Street]


@pytest.fixture
def build(site: Site, remove_after: Callable[[str], str]) -> Iterator[Build]:
    """Makes a street on the default network, or on a tenant's bridge with IPv6."""
    made: list[ClientNamespace] = []

    def make(bridge: str = "") -> Street:
        for number, name in ((10, "hostile"), (11, "victim")):
            addresses = [f"10.78.0.{number}/24", f"fd00:78::{number}/64"]
            spec = InterfaceSpec.parse(bridge=bridge, addresses=addresses) if bridge else InterfaceSpec()
            site.host.servers.create(remove_after(name), [spec])
            site.host.shares.create(name, "files", Capacity.parse("32MiB"))
        hostile, victim = (site.host.servers.show(name).server for name in ("hostile", "victim"))
        where = bridge or str(site.config.network.bridge)
        client = ("10.78.0.200/24", "fd00:78::200/64") if bridge else ("10.213.0.200/24",)
        namespace = site.client_on(where, *client)
        made.append(namespace)
        version = 6 if bridge else 4
        users = [
            site.smb(namespace, _address(server, version), user, site.allow(str(server.name), "files", user))
            for server, user in ((hostile, "ada"), (victim, "nora"))
        ]
        street = Street(where, hostile, victim, namespace_of(site, "hostile"), namespace, *users)
        assert street.both_serve()
        return street

    yield make
    for namespace in made:
        site.namespaces.remove(namespace)
        namespace.remove()


def test_the_bridge_learns_no_other_mac_from_a_server(build: Build) -> None:
    """Frames with another MAC are dropped before the bridge sees them: no answers go astray."""
    street = build()
    before = learnt(street.bridge)
    assert before[port(street.hostile)] == {street.mac}
    assert before[port(street.victim)] == {street.victim_mac}
    client_mac = street.client_mac()
    stolen = [street.victim_mac, client_mac, str(ip("link", "show", street.bridge)[0]["address"])]
    random = [f"02:66:00:00:{number >> 8:02x}:{number & 255:02x}" for number in range(_FRAMES)]
    theirs = _address(street.victim)
    with packets(street.inside) as sending:
        for mac in (stolen * 30 + random) * 2:
            sending.send(ethernet(mac, ETH_ARP, arp(2, mac, theirs, "10.213.0.200", b"flapping")))
    assert street.both_serve()
    after = learnt(street.bridge)
    assert after[port(street.hostile)] == {street.mac}
    assert after[port(street.victim)] == {street.victim_mac}
    known = set().union(*after.values())
    assert client_mac in known
    assert known & set(random) == set()
    # Without a filter the bridge learns from them: so it would have accepted these frames.
    with packets(f"/run/netns/{street.namespace.name}") as sending:
        sending.send(ethernet(random[0], ETH_ARP, arp(2, random[0], "10.213.0.77", "10.213.0.200", b"x")))
    assert until(lambda: random[0] in set().union(*learnt(street.bridge).values()))
    assert street.both_serve()


def test_arp_does_not_move_another_address(build: Build) -> None:
    """ARP for another address, in any form, does not change the entries of clients and the host."""
    street = build()
    theirs, mine, client = _address(street.victim), _address(street.hostile), "10.213.0.200"
    reaches_all(None, {Target("tcp", theirs, 445)})
    assert neighbour(street.namespace, theirs) == street.victim_mac
    with packets(street.inside) as sending:
        for _ in range(20):
            for operation in (1, 2):
                for asked in (theirs, client, "10.213.0.1"):
                    for said in (street.mac, street.victim_mac):
                        forged = arp(operation, said, theirs, asked, b"forged")
                        sending.send(ethernet(street.mac, ETH_ARP, forged, BROADCAST))
                        sending.send(ethernet(street.mac, ETH_ARP, forged, street.client_mac()))
    assert neighbour(street.namespace, theirs) == street.victim_mac
    on_host = {entry["dst"]: entry.get("lladdr") for entry in ip("neigh", "show", "dev", street.bridge)}
    assert on_host.get(theirs) == street.victim_mac
    assert neighbour(street.namespace, mine) == street.mac
    assert street.both_serve()


def _neighbour_message(kind: int, source: str, target: str, about: str, mac: str) -> bytes:
    """An IPv6 neighbour solicitation or overriding advertisement about an address, with a MAC."""
    option = bytes([1 if kind == SOLICIT else 2, 1]) + mac_bytes(mac)
    flags = b"\x20\0\0\0" if kind == ADVERT else b"\0\0\0\0"
    body = flags + IPv6Address(about).packed + option
    packet = bytes([kind, 0, 0, 0]) + body
    pseudo = IPv6Address(source).packed + IPv6Address(target).packed + len(packet).to_bytes(4, "big")
    checked = checksum(pseudo + b"\0\0\0\x3a" + packet)
    return ipv6(source, target, 58, packet[:2] + checked.to_bytes(2, "big") + packet[4:])


def test_neighbour_discovery_does_not_move_another_address(site: Site, build: Build) -> None:
    """IPv6 neighbour messages do not take over the address of another server on the same bridge."""
    street = build(site.new_bridge())
    theirs, mine, client = _address(street.victim, 6), _address(street.hostile, 6), "fd00:78::200"
    own_local = link_local(street.mac)
    assert neighbour(street.namespace, theirs) == street.victim_mac
    for source in (mine, own_local, theirs, link_local(street.victim_mac), "fe80::bad"):
        for kind, about in ((ADVERT, theirs), (SOLICIT, client), (ADVERT, link_local(street.victim_mac))):
            if kind == SOLICIT and source in (mine, own_local):
                continue  # it may ask with its own address
            for target in (client, "ff02::1"):
                forged = _neighbour_message(kind, source, target, about, street.mac)
                with packets(street.inside) as sending, packets(street.namespace.name) as hearing:
                    sending.send(ethernet(street.mac, ETH_IPV6, forged, street.client_mac()))
                    assert arrived(hearing, {forged[-24:]}, seconds=0.05) == set(), (source, kind, about)
    assert neighbour(street.namespace, theirs) == street.victim_mac
    assert street.both_serve()
    # It may advertise its own address: the same message arrives and takes effect.
    spoken = _neighbour_message(ADVERT, own_local, client, mine, "02:00:00:00:00:77")
    with packets(street.inside) as sending:
        sending.send(ethernet(street.mac, ETH_IPV6, spoken, street.client_mac()))
    assert until(lambda: neighbour(street.namespace, mine) == "02:00:00:00:00:77")
    street.namespace.run("ip", "neigh", "flush", "dev", "eth0")
    assert street.both_serve()


def test_a_server_is_nobodys_router_or_dhcp_server(site: Site, build: Build) -> None:
    """Router advertisements, redirects and DHCP answers of a server reach no client, in IPv4 and IPv6."""
    street = build(site.new_bridge())
    mine, mine6 = _address(street.hostile), _address(street.hostile, 6)
    own_local = link_local(street.mac)
    frames = {}
    for number, source in enumerate((own_local, mine6)):
        for kind in (133, 134, 137):
            mark = b"icmp6-%d-%d" % (number, kind)
            frames[mark] = (ETH_IPV6, ipv6(source, "ff02::1", 58, bytes([kind, 0, 0, 0]) + mark))
        mark = b"dhcp6-%d" % number
        frames[mark] = (ETH_IPV6, ipv6(source, "fd00:78::200", 17, udp(547, 546, mark)))
    for target in ("255.255.255.255", "10.78.0.200"):
        mark = b"dhcp4-" + target[:3].encode()
        frames[mark] = (ETH_IPV4, ipv4(mine, target, 17, udp(67, 68, mark)))
    with packets(street.inside) as sending, packets(street.namespace.name) as hearing:
        for kind, packet in frames.values():
            sending.send(ethernet(street.mac, kind, packet))
        assert arrived(hearing, frames) == set()
    assert street.both_serve()
