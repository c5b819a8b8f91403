"""The kernel's view of bridges, ports and addresses."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address
from typing import Any

from pyroute2 import IPRoute

from shares_core import bootstrap
from shares_core.domain.server import ShareServer
from tests.testkit.site import Site


def ip(*arguments: str, namespace: str | None = None) -> Any:
    """``ip -json`` on the host, or in a namespace given by its path."""
    inside = ("nsenter", f"--net={namespace}") if namespace else ()
    done = subprocess.run(
        (*inside, "ip", "-json", "-details", *arguments), check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout) if done.stdout.strip() else []


def link(name: str, namespace: str | None = None) -> dict[str, Any] | None:
    """One device, or None."""
    return next((found for found in ip("link", "show", namespace=namespace) if found["ifname"] == name), None)


def properties(name: str) -> dict[str, Any]:
    """The settings of a device, without counters and timers."""
    shown = link(name)
    assert shown is not None, f"{name} is gone"
    return {key: shown.get(key) for key in ("ifindex", "flags", "mtu", "address", "ifalias", "master")}


def addresses(device: str, namespace: str | None = None) -> set[str]:
    """Every address of a device, link-local ones too."""
    shown = ip("address", "show", "dev", device, namespace=namespace)
    return {f"{a['local']}/{a['prefixlen']}" for entry in shown for a in entry.get("addr_info", [])}


def given_addresses(device: str, namespace: str | None = None) -> set[str]:
    """The addresses that somebody gave it, without the one that the kernel makes from its MAC."""
    return {each for each in addresses(device, namespace) if not each.startswith("fe80:")}


def namespace_of(site: Site, server: str) -> str:
    """The path of a running server's network namespace."""
    view = site.host.servers.show(server)
    namespace = bootstrap.ports(site.config).runtime.inspect(view.server.id).namespace
    assert namespace, f"{server} does not run"
    return namespace


def link_local(mac: str) -> str:
    """The IPv6 link-local address that the kernel makes from a MAC (EUI-64)."""
    raw = bytes.fromhex(mac.replace(":", ""))
    identifier = bytes([raw[0] ^ 2]) + raw[1:3] + b"\xff\xfe" + raw[3:]
    return str(IPv6Address(b"\xfe\x80" + b"\0" * 6 + identifier))


def port(server: ShareServer, index: int = 0) -> str:
    """The host's end of a server's interface."""
    return server.interfaces[index].host_device


@contextmanager
def open_bridge(name: str, *host_addresses: str) -> Iterator[str]:
    """A bridge that is not shares-core's: nothing on it, or routed from or to it, is filtered."""
    with IPRoute() as netlink, _forwarded(name):
        netlink.link("add", ifname=name, kind="bridge")
        index = netlink.link_lookup(ifname=name)[0]
        try:
            for text in host_addresses:
                address, prefix = text.split("/")
                flags = {"flags": 0x02} if ":" in address else {}
                netlink.addr("add", index=index, address=address, prefixlen=int(prefix), **flags)
            netlink.link("set", index=index, state="up")
            yield name
        finally:
            netlink.link("del", index=index)


@contextmanager
def _forwarded(bridge: str) -> Iterator[None]:
    """Let Docker's firewall forward: it would drop what shares-core has to stop itself."""
    rules = [
        (command, chain, option, bridge, "-j", "ACCEPT")
        for command in ("iptables", "ip6tables")
        for chain, option in (("FORWARD", "-i"), ("FORWARD", "-o"))
    ]
    for command, *rule in rules:
        subprocess.run((command, "--wait", "-I", *rule), check=True)
    try:
        yield
    finally:
        for command, *rule in rules:
            subprocess.run((command, "--wait", "-D", *rule), check=True)
