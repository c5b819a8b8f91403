"""A server's interfaces are as requested, serve, and stay so."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Callable

from shares_core import InterfaceSpec
from shares_core.domain.locations import ClientKind
from tests.integration.conftest import NewClient, NewServer
from tests.integration.support.wire import given_addresses, ip, link, namespace_of, port
from tests.testkit.footprint import tables
from tests.testkit.leftovers import ROOT, remove_installation
from tests.testkit.probes import Target, listening, reached, reaches_all
from tests.testkit.site import Site
from tests.testkit.writing import open_file

OK = "NT_STATUS_OK"
LOGON_FAILURE = "NT_STATUS_LOGON_FAILURE"


def test_a_server_serves_over_ipv6(site: Site, new_server: NewServer, client_on: NewClient) -> None:
    """Over IPv6 both clients write and read, and a stranger gets LOGON_FAILURE."""
    bridge = site.new_bridge()
    new_server("six", bridge=bridge, addresses=["fd00:77::10/64"])
    ada = site.smb(
        client_on(bridge, "fd00:77::20/64"), "fd00:77::10", "ada", site.allow("six", "files", "ada")
    )
    told = site.host.shares.show("six", "files")
    assert [f"//{ada.address}/files"] == [
        each.location for each in told.server.locations(told.share) if each.client is ClientKind.LINUX
    ]  # which is what smbclient is given
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
    site: Site, new_server: NewServer, client_on: NewClient
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
        assert given_addresses("eth0", inside) == given
        routes = [*ip("route", namespace=inside), *ip("-6", "route", namespace=inside)]
        assert {r["gateway"] for r in routes if r["dst"] == "default"} == {"10.77.0.1", "fd00:77::1"}
        assert reaches_all(client.name, own)

    as_asked()
    site.host.servers.stop("exact")
    assert reached(client.name, own) == set()
    assert link(port(server)) is None
    site.host.servers.start("exact")
    as_asked()  # at once: the client's ARP entries still hold


def test_a_server_has_several_interfaces(
    site: Site, remove_after: Callable[[str], str], client_on: NewClient
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


def test_the_filter_of_a_killed_runs_port_is_removed() -> None:
    """A killed run's filters are found by their marks of ownership; other filters stay."""
    state_dir = ROOT / f"run-{uuid.uuid4().hex[:8]}"
    ours, others = uuid.uuid4().hex, uuid.uuid4().hex
    state_dir.mkdir(parents=True)
    (state_dir / "installation.json").write_text(json.dumps({"id": ours}), encoding="utf-8")
    owners = {f"shares-shc{uuid.uuid4().hex[:12]}": owner for owner in (ours, others)}
    try:
        for name, owner in owners.items():
            with_comment = f'add table netdev {name} {{ comment "shares-core:{owner}"; }}'
            subprocess.run(["nft", with_comment], check=True)
        remove_installation(state_dir)
        assert [name in tables() for name in owners] == [False, True]
        assert not state_dir.exists()
    finally:
        for name in owners.keys() & tables():
            subprocess.run(["nft", "delete", "table", "netdev", name], check=True)
