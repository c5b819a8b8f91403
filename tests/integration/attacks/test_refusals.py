"""The host refuses closed ports in a server's place: an attacker with root in its namespace gains nothing."""

from __future__ import annotations

import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest
from attrs import frozen

from shares_core.adapters.network.refusals import MARK
from tests.integration.attacks.test_spoofing import learnt
from tests.integration.conftest import NewClient, NewServer
from tests.integration.support.wire import ip, namespace_of, port, properties
from tests.testkit.probes import (
    ACK,
    BROADCAST,
    ETH_IPV4,
    ETH_IPV6,
    RST,
    SYN,
    Target,
    arrived,
    checksum,
    ethernet,
    frames,
    ipv4,
    ipv6,
    listening,
    mac_bytes,
    outcome,
    packets,
    reached,
    reaches_all,
    tcp,
)
from tests.testkit.site import Site

CLOSED = 8080
SERVER, SERVER6 = "10.78.0.10", "fd00:78::10"
CLIENT, CLIENT6 = "10.78.0.20", "fd00:78::20"
HOST = "10.78.0.1"
_SO_MARK = 36
_TTL = 77  # of what the server's own kernel sends


@frozen
class Scene:
    """A server in the attacker's hands, by its namespace, and a client on its bridge."""

    bridge: str
    port: str
    mac: str
    inside: str
    client: str
    client_mac: str

    def serves(self) -> bool:
        return reaches_all(self.client, {Target("tcp", address, 445) for address in (SERVER, SERVER6)})


@pytest.fixture
def scene(site: Site, new_server: NewServer, client_on: NewClient) -> Iterator[Scene]:
    bridge = site.new_bridge()
    addresses = [f"{SERVER}/24", f"{SERVER6}/64"]
    server = new_server("hostile", bridge=bridge, addresses=addresses, host_addresses=[f"{HOST}/24"])
    client = client_on(bridge, f"{CLIENT}/24", f"{CLIENT6}/64").name
    within = namespace_of(site, "hostile")
    shown = ip("link", "show", "eth0", namespace=f"/run/netns/{client}")
    made = Scene(
        bridge, port(server), str(server.interfaces[0].mac), within, client, str(shown[0]["address"])
    )
    assert made.serves()
    for name, value in (("ipv4/ip_default_ttl", _TTL), ("ipv6/conf/all/hop_limit", _TTL)):
        command = ("sysctl", "-qw", f"net.{name.replace('/', '.')}={value}")
        subprocess.run(("nsenter", f"--net={within}", *command), check=True)
    yield made
    assert made.serves()


def test_it_hears_nothing_that_the_host_refuses(scene: Scene) -> None:
    """Whoever tries another port that it listens on is refused, and it does not learn that they tried."""
    with listening(scene.inside) as listener, packets(scene.inside) as hearing:
        assert reaches_all(scene.inside, {Target("tcp", "127.0.0.1", listener.port)})
        listener.heard()
        for address in (SERVER, SERVER6):
            assert outcome(scene.client, address, listener.port) == "ECONNREFUSED"
        assert outcome(None, SERVER, listener.port) == "ECONNREFUSED"
        assert arrived(hearing, {struct.pack("!H", listener.port)}) == set()
        assert listener.heard() == set()


def test_a_reset_says_nothing_that_it_chose(scene: Scene) -> None:
    """Every byte comes from the packet that is refused and from the host: not the server's TTL, nor data."""
    for asked, head in (
        (_asking(CLIENT, SERVER, 50000, CLOSED), struct.pack("!BBHHHBB", 0x45, 0, 40, 0, 0x4000, 64, 6)),
        (_asking(CLIENT6, SERVER6, 50000, CLOSED), struct.pack("!IHBB", 6 << 28, 20, 6, 64)),
    ):
        with packets(scene.client) as speaking:
            speaking.send(mac_bytes(scene.mac) + mac_bytes(scene.client_mac) + asked)
            reset = next(frame for frame in frames(speaking) if frame[12:14] == asked[:2])
        assert reset[:14] == mac_bytes(scene.client_mac) + mac_bytes(scene.mac) + asked[:2]
        assert reset[14 : 14 + len(head)] == head, reset.hex()
        segment = reset[-20:]
        expected = struct.pack("!HHIIBBH", CLOSED, 50000, 0, 2, 0x50, RST | ACK, 0)
        assert segment[:16] == expected


def _asking(source: str, target: str, source_port: int, target_port: int) -> bytes:
    """The first packet of a connection, from its type on. Has the checksums without which nobody answers."""
    segment, ips = tcp(source_port, target_port, SYN, b""), [ip_address(source), ip_address(target)]
    pseudo = b"".join(each.packed for each in ips) + struct.pack("!II", len(segment), 6)
    checked = segment[:16] + checksum(pseudo + segment).to_bytes(2, "big") + segment[18:]
    if ips[0].version == 4:
        return struct.pack("!H", ETH_IPV4) + ipv4(source, target, 6, checked)
    return struct.pack("!H", ETH_IPV6) + ipv6(source, target, 6, checked)


@contextmanager
def _marked(namespace: str, mark: int) -> Iterator[socket.socket]:
    with packets(namespace) as sending:
        sending.setsockopt(socket.SOL_SOCKET, _SO_MARK, mark)
        yield sending


@pytest.mark.parametrize("mark", [0, MARK], ids=["plain", "marked"])
def test_no_reset_of_its_own_gets_out(scene: Scene, mark: int) -> None:
    """From a port that is not the service's nothing does, whatever its flags and its mark."""
    forged = {}
    for flags in (RST, RST | ACK, SYN, SYN | ACK, ACK, RST | SYN, 0):
        for source in (CLOSED, 22, 444, 446):
            text = b"forged-%02d-%05d" % (flags, source)
            segment = tcp(source, 50000, flags, text)
            forged[text] = ethernet(scene.mac, ETH_IPV4, ipv4(SERVER, CLIENT, 6, segment), scene.client_mac)
            text += b"-6"
            segment = tcp(source, 50000, flags, text)
            forged[text] = ethernet(scene.mac, ETH_IPV6, ipv6(SERVER6, CLIENT6, 6, segment), BROADCAST)
    legal = ethernet(scene.mac, ETH_IPV4, ipv4(SERVER, CLIENT, 6, tcp(445, 9, RST | ACK, b"legal")))
    with _marked(scene.inside, mark) as sending, packets(scene.client) as hearing:
        for frame in forged.values():
            sending.send(frame)
        assert arrived(hearing, forged) == set()
        sending.send(legal)
        assert arrived(hearing, {b"legal"}) == {b"legal"}


def test_it_makes_the_host_send_no_resets(scene: Scene) -> None:
    """Nobody answers what it asks of closed ports: its own, a client's, the host's, in anybody's name."""
    with _marked(scene.inside, MARK) as sending, packets(scene.client) as hearing:
        for source in (SERVER, CLIENT, HOST):
            for target in (SERVER, CLIENT, HOST):
                for to in (scene.mac, scene.client_mac, str(properties(scene.bridge)["address"]), BROADCAST):
                    asking = _asking(source, target, 50001, 50002)
                    sending.send(mac_bytes(to) + mac_bytes(scene.mac) + asking)
        answers = {struct.pack("!HH", 50002, 50001), struct.pack("!HH", 50001, 50002)}
        assert arrived(hearing, answers) == set()
        assert arrived(sending, answers) == set()


def test_the_host_is_as_closed_to_the_bridge_as_before(scene: Scene) -> None:
    """It refuses only in the server's place: its own closed ports stay silent, to marked packets too."""
    host_mac = str(properties(scene.bridge)["address"])
    assert reached(scene.client, {Target("tcp", HOST, CLOSED)}) == set()
    with _marked(scene.client, MARK) as speaking:
        for target in (HOST, SERVER, "10.78.0.99"):
            for to in (host_mac, BROADCAST):
                asking = _asking(CLIENT, target, 50003, 50004)
                speaking.send(mac_bytes(to) + mac_bytes(scene.client_mac) + asking)
        assert arrived(speaking, {struct.pack("!HH", 50004, 50003)}) == set()


def test_nothing_is_refused_in_other_machines_places(scene: Scene, client_on: NewClient) -> None:
    """Not even while somebody listens to the whole bridge, which then hears everything that passes."""
    other = client_on(scene.bridge, "10.78.0.30/24").name
    ip("link", "set", scene.bridge, "promisc", "on")
    try:
        with listening(other) as listener:
            assert reaches_all(scene.client, {Target("tcp", "10.78.0.30", listener.port)})
        assert outcome(scene.client, SERVER, CLOSED) == "ECONNREFUSED"
    finally:
        ip("link", "set", scene.bridge, "promisc", "off")


def test_refusing_teaches_the_bridge_no_other_place_for_a_mac(scene: Scene) -> None:
    """Nor does a packet in the server's own name, which is answered to nobody."""
    asking = _asking(SERVER, SERVER, 445, CLOSED)
    with packets(scene.client) as speaking:
        for _ in range(100):
            speaking.send(mac_bytes(scene.mac) + mac_bytes(scene.client_mac) + asking)
        assert outcome(scene.client, SERVER, CLOSED) == "ECONNREFUSED"
    places = learnt(scene.bridge)
    assert scene.serves()
    assert [scene.port] == [place for place, macs in places.items() if scene.mac in macs]
    assert places[scene.port] == {scene.mac}
