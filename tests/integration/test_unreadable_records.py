"""A record that cannot be read is named and left as it is, and the other servers go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shares_core import Capacity, RecordUnreadable
from tests.testkit.clients import ClientNamespace
from tests.testkit.footprint import footprint
from tests.testkit.site import Site, opened_site

OK = "NT_STATUS_OK"
MIB64 = Capacity.parse("64MiB")


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def newer(content: bytes) -> bytes:
    return json.dumps(json.loads(content) | {"schema": 99}).encode()


def tampered(content: bytes) -> bytes:
    return content.replace(b'"damaged"', b'"another"')


def _is_named(site: Site, path: Path) -> None:
    """Check that all calls that need the record name its file, and that the host is as it was."""
    before = footprint(site.config)
    for refused in (
        lambda: site.host.servers.show("damaged"),
        lambda: site.host.servers.delete("damaged", with_shares=True),
        lambda: site.host.shares.create("damaged", "more", MIB64),
        lambda: site.host.servers.create("damaged"),
        lambda: site.host.servers.create("fresh"),
    ):
        with pytest.raises(RecordUnreadable) as raised:
            refused()
        assert raised.value.path == str(path)
        assert str(path) in str(raised.value)
        assert raised.value.hint
    listed = site.host.servers.list()
    assert [str(one.path) for one in listed if isinstance(one, RecordUnreadable)] == [str(path)]
    (told,) = site.host.fleet.reconcile().servers
    assert str(path) in told.problem
    assert footprint(site.config) == before


def _admits(site: Site, client: ClientNamespace, server: str, user: str) -> None:
    """Check that the server admits a new user, who can write."""
    address = str(site.host.servers.show(server).server.interfaces[0].addresses[0].ip)
    smb = site.smb(client, address, user, site.allow(server, "files", user))
    assert smb.put("files", "x.txt", b"x").status == OK


@pytest.mark.parametrize("damage", [truncated, newer, tampered])
def test_an_unreadable_record_is_named_never_overwritten_and_hurts_nobody_else(
    damage: Callable[[bytes], bytes],
) -> None:
    """Its server cannot be used, others work, no new server is made, and its bytes stay as they are."""
    with opened_site() as site:
        for name in ("damaged", "healthy"):
            site.host.servers.create(name)
            site.host.shares.create(name, "files", Capacity.parse("16MiB"))
        server = site.host.servers.show("damaged").server
        path = site.config.state_dir / "records" / f"{server.id}.json"
        whole = path.read_bytes()
        path.write_bytes(damage(whole))
        bad = path.read_bytes()
        assert bad != whole
        _is_named(site, path)

        client = site.client_on(str(site.config.network.bridge), f"{site.config.network.subnet[200]}/24")
        _admits(site, client, "healthy", "ada")
        site.host.shares.delete("healthy", "files")
        site.host.servers.stop("healthy")
        site.host.servers.start("healthy")
        site.host.servers.delete("healthy")
        assert path.read_bytes() == bad

        path.write_bytes(whole)
        restored = site.host.servers.show("damaged")
        assert (restored.problem, restored.server.interfaces) == ("", server.interfaces)
        _admits(site, client, "damaged", "bob")
        site.host.servers.delete("damaged", with_shares=True)
