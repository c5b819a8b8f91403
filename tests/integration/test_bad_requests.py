"""Each wrong request gets its own kind of error, changes nothing and leaves nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shares_core import (
    AddressTaken,
    AlreadyExists,
    Capacity,
    Conflict,
    FileSystemKind,
    InterfaceSpec,
    InvalidInput,
    NoCapacity,
    NotFound,
    SharesError,
)
from shares_core.domain.remedy import Parameter
from tests.integration.conftest import Tenant
from tests.testkit.footprint import everything

OK = "NT_STATUS_OK"
MIB64 = Capacity.parse("64MiB")


def _specs(**interface: object) -> list[InterfaceSpec]:
    return [InterfaceSpec.parse(**interface)]  # type: ignore[arg-type]


WRONG: dict[str, tuple[type[SharesError], Callable[[Tenant], object]]] = {
    "server unknown": (NotFound, lambda t: t.site.host.shares.create("nobody", "x", MIB64)),
    "share unknown": (NotFound, lambda t: t.site.host.shares.extend(t.server, "none", MIB64)),
    "share unknown to allow": (NotFound, lambda t: t.site.host.access.allow(t.server, "none", "eve")),
    "user unknown to deny": (NotFound, lambda t: t.site.host.access.deny(t.server, "files", "eve")),
    "user unknown to remove": (NotFound, lambda t: t.site.host.users.remove(t.server, "eve")),
    "server name with a path": (InvalidInput, lambda t: t.site.host.servers.create("../x")),
    "server name of an option": (InvalidInput, lambda t: t.site.host.servers.create("-rf")),
    "server name in other case": (AlreadyExists, lambda t: t.site.host.servers.create(t.server.upper())),
    "share name reserved": (InvalidInput, lambda t: t.site.host.shares.create(t.server, "IPC$", MIB64)),
    "share name global": (InvalidInput, lambda t: t.site.host.shares.create(t.server, "global", MIB64)),
    "share name with a macro": (InvalidInput, lambda t: t.site.host.shares.create(t.server, "%U", MIB64)),
    "share name with a line": (InvalidInput, lambda t: t.site.host.shares.create(t.server, "a\nb", MIB64)),
    "share name in other case": (
        AlreadyExists,
        lambda t: t.site.host.shares.create(t.server, "FILES", MIB64),
    ),
    "user name with a group": (InvalidInput, lambda t: t.site.host.access.allow(t.server, "files", "@games")),
    "user name with a wildcard": (InvalidInput, lambda t: t.site.host.access.allow(t.server, "files", "a*")),
    "user name in other case": (AlreadyExists, lambda t: t.site.host.access.allow(t.server, "files", "ADA")),
    "size below the smallest": (
        InvalidInput,
        lambda t: t.site.host.shares.create(t.server, "small", Capacity.parse("1MiB")),
    ),
    "size below xfs's smallest": (
        InvalidInput,
        lambda t: t.site.host.shares.create(t.server, "small", MIB64, FileSystemKind.XFS),
    ),
    "size smaller than now": (
        InvalidInput,
        lambda t: t.site.host.shares.extend(t.server, "files", Capacity.parse("32MiB")),
    ),
    "size of another": (
        AlreadyExists,
        lambda t: t.site.host.shares.create(t.server, "files", Capacity.parse("65MiB")),
    ),
    "larger than the pool": (
        NoCapacity,
        lambda t: t.site.host.shares.create(t.server, "huge", Capacity.parse("21GiB")),
    ),
    "extended beyond the pool": (
        NoCapacity,
        lambda t: t.site.host.shares.extend(t.server, "files", Capacity.parse("21GiB")),
    ),
    "address outside its prefix's use": (
        InvalidInput,
        lambda t: t.site.host.servers.create("wrong", _specs(addresses=["10.213.0.0/24"])),
    ),
    "address outside of the network": (
        InvalidInput,
        lambda t: t.site.host.servers.create("wrong", _specs(addresses=["10.99.0.7/24"])),
    ),
    "address taken": (
        AddressTaken,
        lambda t: t.site.host.servers.create("wrong", _specs(addresses=[f"{t.address}/24"])),
    ),
    "address of the host": (
        AddressTaken,
        lambda t: t.site.host.servers.create("wrong", _specs(addresses=["10.213.0.1/24"])),
    ),
    "MAC taken": (
        AddressTaken,
        lambda t: t.site.host.servers.create(
            "wrong",
            _specs(mac=str(t.site.host.servers.show(t.server).server.interfaces[0].mac)),
        ),
    ),
    "MAC of many": (
        InvalidInput,
        lambda t: t.site.host.servers.create("wrong", _specs(mac="01:00:5e:00:00:01")),
    ),
}


def test_wrong_requests_change_nothing(tenant: Tenant) -> None:
    """Each wrong request gets its own kind of error with a message, and changes nothing."""
    ada = tenant.user("ada")
    before = everything(tenant.site.config)
    for name, (error, request) in WRONG.items():
        with pytest.raises(error) as raised:
            request(tenant)
        assert raised.value.message, name
        assert "\n" not in str(raised.value), name
        assert everything(tenant.site.config) == before, name
    assert ada.put("files", "after.txt", b"after").status == OK


def test_a_name_that_only_conflicts_is_told_apart_from_a_crash(tenant: Tenant) -> None:
    """Deleting a server that has shares is refused as a Conflict, and nothing of it is touched."""
    ada = tenant.user("ada")
    before = everything(tenant.site.config)
    with pytest.raises(Conflict, match=r"still has 1 share\(s\)") as raised:
        tenant.site.host.servers.delete(tenant.server)
    assert Parameter("with_shares") in raised.value.remedy.parts
    assert everything(tenant.site.config) == before
    assert ada.do("files", "ls").status == OK
