"""Shrinking and renaming shares, with real clients."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from shares_core import Capacity, Conflict, FilePool, FileSystemKind, SharesError, WouldLoseData
from tests.integration.conftest import Tenant, new_tenant
from tests.integration.support.previous_versions import MIB, OK, take, user, version
from tests.testkit.clients import open_file
from tests.testkit.sharing import sharing_folder
from tests.testkit.site import Site, opened_site


@pytest.fixture(scope="module")
def sharing_site() -> Iterator[Site]:
    with (
        sharing_folder() as folder,
        opened_site(pools=(FilePool(size=Capacity.parse("2GiB"), dir=folder),)) as site,
    ):
        yield site


@pytest.fixture
def tenant(sharing_site: Site) -> Iterator[Tenant]:
    with new_tenant(sharing_site) as made:
        yield made


def test_a_share_is_shrunk_with_all_that_it_holds(tenant: Tenant) -> None:
    """Byte for byte, at both ends of its file system; its snapshots too. Then it grows again."""
    host, server = tenant.site.host, tenant.server
    host.shares.create(server, "kept", Capacity(400 * MIB))
    ada = user(tenant, "ada", share="kept")
    data = {f"f{number}": Random(number).randbytes(12 * MIB) for number in range(9)}
    for name, content in data.items():
        assert ada.put("kept", name, content).status == OK
    snapshot = take(tenant, "s", "kept")
    for number in range(0, 9, 2):  # so that what is left is spread
        assert ada.do("kept", f"del f{number}").status == OK
        del data[f"f{number}"]
    provisioned = host.pool.show().provisioned
    view = host.shares.shrink(server, "kept", Capacity(160 * MIB))
    assert view.usage is not None
    assert view.usage.total <= 160 * MIB
    assert provisioned - 240 * MIB == host.pool.show().provisioned
    assert data == {name: ada.get("kept", name) for name in data}
    assert Random(0).randbytes(12 * MIB) == version(ada, snapshot, "f0", "kept")
    assert "" == host.shares.check(server, "kept").damage
    with pytest.raises(SharesError):
        host.shares.shrink(server, "kept", Capacity(40 * MIB))
    host.shares.extend(server, "kept", Capacity(200 * MIB))
    assert data == {name: ada.get("kept", name) for name in data}
    assert host.fleet.reconcile().is_empty


def test_what_would_not_fit_is_refused_with_its_size(tenant: Tenant) -> None:
    """Whoever has a file open goes on."""
    host, server, ada = tenant.site.host, tenant.server, user(tenant, "ada")
    assert ada.put("files", "large", bytes(30 * MIB)).status == OK
    with ada.connection() as session:
        held = open_file(ada.tree(session, "files"), "held")
        with pytest.raises(WouldLoseData) as told:
            host.shares.shrink(server, "files", Capacity(24 * MIB))
        held.write(b"still here", 0)
    assert told.value.needed > 30 * MIB
    host.shares.create(server, "large", Capacity(400 * MIB), FileSystemKind.XFS)
    with pytest.raises(Conflict, match="xfs, which cannot shrink"):
        host.shares.shrink(server, "large", Capacity(320 * MIB))
    assert OK == ada.put("files", "x", b"x").status


def test_clients_are_told_that_a_share_was_renamed(tenant: Tenant) -> None:
    """By their own error; under its new name they find all of it, Previous Versions and exports too."""
    host, server, ada = tenant.site.host, tenant.server, user(tenant, "ada")
    assert ada.put("files", "x", b"then").status == OK
    snapshot = take(tenant, "s")
    host.snapshots.export(server, "files", "s")
    host.access.allow(server, "files@s", "ada")
    assert ada.put("files", "x", b"now").status == OK
    with ada.connection() as session:
        held = open_file(ada.tree(session, "files"), "held")
        host.shares.rename(server, "files", "Bücher 2026")
        with pytest.raises(Exception, match=r"STATUS|closed|reset"):
            held.write(b"x", 0)
    for gone in ("files", "files@s"):
        assert ada.do(gone, "ls").status == "NT_STATUS_BAD_NETWORK_NAME"
    assert (b"now", b"then") == (ada.get("Bücher 2026", "x"), ada.get("Bücher 2026@s", "x"))
    assert b"then" == version(ada, snapshot, "x", "Bücher 2026")
    assert OK == ada.put("Bücher 2026", "x", b"later").status
    host.shares.rename(server, "Bücher 2026", "BÜCHER 2026")
    assert OK == ada.put("BÜCHER 2026", "x", b"again").status
    assert host.fleet.reconcile().is_empty
