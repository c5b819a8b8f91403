"""The client namespaces of the tests."""

from __future__ import annotations

from contextlib import ExitStack

from tests.integration.conftest import Tenant
from tests.integration.support.wire import given_addresses, ip
from tests.testkit.clients import ClientNamespace


def held(client: ClientNamespace) -> set[str]:
    return given_addresses("eth0", f"/run/netns/{client.name}")


def test_clients_have_different_addresses_and_leave_the_bridge(tenant: Tenant) -> None:
    """Otherwise packets could go to either of two clients; and a bridge with a port is not removed."""
    interface = tenant.site.host.servers.show(tenant.server).server.interfaces[0]

    def ports() -> int:
        return sum(each.get("master") == interface.attachment.device for each in ip("link", "show"))

    before = ports()
    with ExitStack() as clients:

        def beside() -> ClientNamespace:
            client = ClientNamespace.beside(interface, 7)
            clients.callback(client.remove)
            return client

        first, second = beside(), beside()
        had = held(first)
        assert set() == had & held(second)
        assert before + 2 == ports()
        first.remove()
        assert before + 1 == ports()
        assert had == held(beside())
    assert before == ports()
