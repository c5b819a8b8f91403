"""What a server tells clients of itself: a name and a GUID of its own, and no address on other networks."""

from __future__ import annotations

from ipaddress import ip_address

from attrs import evolve

from shares_core import Capacity, Encryption, InterfaceSpec, Protection
from tests.integration.conftest import NewClient, NewServer, Tenant
from tests.testkit.clients import SmbClient, nt_status
from tests.testkit.site import Site
from tests.testkit.smb_requests import control

_QUERY_NETWORK_INTERFACE_INFO = 0x001401FC
_NOT_SUPPORTED = "NT_STATUS_INVALID_DEVICE_REQUEST"
_INTERFACE_BYTES = 152


def _guid(client: SmbClient) -> object:
    with client.negotiated() as connection:
        return connection.server_guid


def test_a_servers_guid_is_its_own_and_stays(tenant: Tenant, new_server: NewServer) -> None:
    """It differs from another server's, and is the same after a restart and in a new container."""
    ada, host = tenant.user("ada"), tenant.site.host
    another = new_server("another-guid")
    there = tenant.smb("ada", "-")
    other = evolve(there, address=str(another.interfaces[0].addresses[0].ip))
    first = _guid(ada)
    assert first != _guid(other)
    host.servers.stop(tenant.server)
    host.servers.start(tenant.server)
    assert _guid(ada) == first


def _told(client: SmbClient, share: str = "files") -> set[str] | str:
    """The addresses that the server tells a client, or the status of its refusal."""
    with client.connection() as session:
        tree = client.tree(session, share)
        answers: list[bytes] = []
        status = nt_status(lambda: answers.append(control(tree, _QUERY_NETWORK_INTERFACE_INFO)))
        if not answers:
            return status
        return set(_addresses(answers[0]))


def _addresses(answer: bytes) -> list[str]:
    """The addresses in NETWORK_INTERFACE_INFO structures (MS-SMB2 2.2.32.5)."""
    found = []
    for start in range(0, len(answer), _INTERFACE_BYTES):
        family = int.from_bytes(answer[start + 24 : start + 26], "little")
        at, length = (start + 28, 4) if family == 2 else (start + 32, 16)
        found.append(str(ip_address(answer[at : at + length])))
    return found


def test_a_server_that_requires_encryption_tells_no_address(tenant: Tenant) -> None:
    """Multichannel, which they are for, does not work there."""
    assert _told(tenant.user("ada")) == _NOT_SUPPORTED


def test_a_server_on_one_network_tells_only_its_own_addresses(tenant: Tenant) -> None:
    """For multichannel: those that the client can reach."""
    tenant.site.host.servers.set(tenant.server, encryption=Encryption.DESIRED)
    told = _told(tenant.user("ada"))
    assert isinstance(told, set)
    others = {each for each in told - {tenant.address} if not ip_address(each).is_link_local}
    assert (tenant.address in told, others) == (True, set())


def test_a_server_on_two_networks_tells_no_address(
    site: Site, client_on: NewClient, remove_after: NewServer
) -> None:
    """Neither network's clients learn of the other."""
    bridges = (site.new_bridge(), site.new_bridge())
    specs = [
        InterfaceSpec.parse(bridge=bridge, addresses=(f"10.77.{number}.5/24",))
        for number, bridge in enumerate(bridges)
    ]
    remove_after("two-networks")
    site.host.servers.create("two-networks", specs, Protection(Encryption.DESIRED))
    site.host.shares.create("two-networks", "files", Capacity.parse("32MiB"))
    password = site.allow("two-networks", "files", "ada")
    clients = [client_on(bridge, f"10.77.{number}.9/24") for number, bridge in enumerate(bridges)]
    told = [
        _told(site.smb(client, f"10.77.{number}.5", "ada", password)) for number, client in enumerate(clients)
    ]
    assert [_NOT_SUPPORTED] * 2 == told
