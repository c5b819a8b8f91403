"""The machines that the tests' clients work on."""

from __future__ import annotations

from contextlib import ExitStack

from tests.integration.conftest import Tenant
from tests.integration.support.wire import given_addresses, ip
from tests.testkit.clients import ClientNamespace


def held(client: ClientNamespace) -> set[str]:
    return given_addresses("eth0", f"/run/netns/{client.name}")


def test_no_two_clients_have_one_address_and_who_is_gone_has_left_the_bridge(tenant: Tenant) -> None:
    """Else packets go to either of them; and a bridge that something is on is not removed."""
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
