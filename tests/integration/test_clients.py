"""The machines that the tests' clients work on."""

from __future__ import annotations

from tests.integration.conftest import Tenant
from tests.integration.support.clients import ClientNamespace
from tests.integration.support.wire import addresses, ip


def ports() -> set[str]:
    """Of all clients, on whichever bridge."""
    return {each["ifname"] for each in ip("link", "show") if each["ifname"].startswith("scv")}


def held(client: ClientNamespace) -> set[str]:
    """Its addresses, but for the one that comes of its MAC."""
    shown = addresses("eth0", f"/run/netns/{client.name}")
    return {address for address in shown if not address.startswith("fe80:")}


def test_no_two_clients_have_one_address_and_who_is_gone_has_left_the_bridge(tenant: Tenant) -> None:
    """Else packets go to either of them; and a bridge that something is on is not removed."""
    interface = tenant.site.host.servers.show(tenant.server).server.interfaces[0]
    before = ports()
    first, second = (ClientNamespace.beside(interface, 7) for _ in range(2))
    try:
        had = held(first)
        assert set() == had & held(second)
        assert 2 == len(ports() - before)
        first.remove()
        assert 1 == len(ports() - before)
        first = ClientNamespace.beside(interface, 7)
        assert had == held(first)
    finally:
        for client in (first, second):
            client.remove()
    assert before == ports()
