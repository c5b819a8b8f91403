"""What is in a snapshot and a clone, and what a share with many of them is like."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from smbprotocol.tree import TreeConnect
from tools.conformance.torture import Outcome, Result, finished

from shares_core import Capacity, Conflict, FilePool, SnapshotSource
from shares_core.domain.snapshots import MOST_SNAPSHOTS
from tests.integration.conftest import Tenant, new_tenant
from tests.integration.support.previous_versions import MIB, OK, open_version, take, user, version
from tests.testkit.clients import READ, open_file
from tests.testkit.sharing import sharing_folder
from tests.testkit.site import Site, opened_site

#: 60 bytes, as a Mac writes them: "AFP\0", a version, and the Finder's.
_FINDER = b"AFP\0\0\0\1\0" + bytes(8) + b"TEXTttxt".ljust(32, b"\0") + bytes(12)


@pytest.fixture(scope="module")
def sharing_site() -> Iterator[Site]:
    """A host whose pool can share blocks."""
    size = Capacity.parse("6GiB")
    with sharing_folder(8) as folder, opened_site(pools=(FilePool(size=size, dir=folder),)) as site:
        yield site


@pytest.fixture
def tenant(sharing_site: Site) -> Iterator[Tenant]:
    with new_tenant(sharing_site) as made:
        yield made


def _write(tree: TreeConnect, name: str, content: bytes) -> None:
    with closing(open_file(tree, name)) as opened:
        opened.write(content, 0)


def _read(tree: TreeConnect, name: str) -> bytes:
    with closing(open_file(tree, name, READ)) as opened:
        content: bytes = opened.read(0, opened.end_of_file)
        return content


def test_streams_and_mac_metadata_are_in_snapshots_and_clones(tenant: Tenant) -> None:
    """As they were then, by Windows' way to ask for a version."""
    host, ada = tenant.site.host, user(tenant, "ada")
    held = {"x": b"then", "x:stream": b"streamed then", "x:AFP_AfpInfo": _FINDER, "x:AFP_Resource": b"fork"}
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        for name, content in held.items():
            _write(tree, name, content)
        snapshot = take(tenant, "s")
        for name in ("x", "x:stream", "x:AFP_Resource"):
            _write(tree, name, b"now")
        for name, content in held.items():
            with closing(open_version(tree, name, snapshot)) as opened:
                assert opened.read(0, len(content)) == content, name
    host.shares.clone(tenant.server, "copy", SnapshotSource.parse(f"{tenant.server}/files@s"))
    host.access.allow(tenant.server, "copy", "ada")
    with ada.connection() as session:
        tree = ada.tree(session, "copy")
        assert {name: _read(tree, name) for name in held} == held


def test_smbtorture_finds_former_versions(tenant: Tenant) -> None:
    """Its suite for them skips nothing: a file, its stream, the root of the share and a folder."""
    ada = user(tenant, "ada")
    assert ada.do("files", "mkdir subdir").status == OK
    assert ada.put("files", "subdir\\hardlink", b"").status == OK
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        _write(tree, "foo", b"then")
        _write(tree, "foo:bar", b"baz")
    snapshot = take(tenant, "s")
    argv = (
        *("smbtorture", *ada.argv("files", "--fullname")[1:]),
        *("--option=torture:twrp_file=foo", "--option=torture:twrp_stream=bar"),
        *("--option=torture:twrp_stream_size=3", f"--option=torture:twrp_snapshot={snapshot.token}"),
        "smb2.twrp",
    )
    results = finished(ada.namespace.run(*argv, timeout=120).stdout)
    assert len(results) >= 4
    assert set(results.values()) == {Result(Outcome.PASSED)}, results


def test_a_full_share_has_a_snapshot_and_goes_on(tenant: Tenant) -> None:
    """What is overwritten after it takes room of the pool, and none of the share."""
    ada = user(tenant, "ada")
    first, second = os.urandom(40 * MIB), os.urandom(40 * MIB)
    assert ada.put("files", "big", first).status == OK
    full = ada.put("files", "rest", bytes(40 * MIB))  # smbclient leaves what found room
    assert "cli_push returned NT_STATUS_DISK_FULL" in full.output
    snapshot = take(tenant, "s")
    assert ada.put("files", "big", second).status == OK
    assert ada.get("files", "big") == second
    assert version(ada, snapshot, "big") == first
    tenant.site.host.snapshots.revert(tenant.server, "files", "s")
    assert ada.get("files", "big") == first


def test_the_hosts_time_zone_names_no_moment(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither when a snapshot is taken nor when it is read."""
    ada = user(tenant, "ada")
    assert ada.put("files", "x", b"then").status == OK
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        snapshot = take(tenant, "s")
        assert abs(snapshot.second - time.time()) < 60
        assert snapshot.token == time.strftime("@GMT-%Y.%m.%d-%H.%M.%S", time.gmtime(snapshot.second))
        tenant.site.host.servers.stop(tenant.server)
        tenant.site.host.servers.start(tenant.server)
        assert ada.put("files", "x", b"now").status == OK
        assert version(ada, snapshot, "x") == b"then"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_share_has_so_many_snapshots_and_no_more(tenant: Tenant) -> None:
    """All are listed and read, also after a restart, which they do not keep from serving the share."""
    host, ada = tenant.site.host, user(tenant, "ada")
    host.shares.create(tenant.server, "many", Capacity(32 * MIB))
    host.access.allow(tenant.server, "many", "ada")
    for number in range(MOST_SNAPSHOTS):
        assert ada.put("many", "x", f"{number}".encode()).status == OK
        take(tenant, f"s{number}", "many")
    with pytest.raises(Conflict, match="cannot have more"):
        take(tenant, "more", "many")
    host.servers.stop(tenant.server)
    host.servers.start(tenant.server)
    taken = [view.snapshot for view in host.snapshots.list(tenant.server, "many")]
    listed = ada.do("many", "allinfo x").output
    assert [line for line in listed.splitlines() if line.startswith("@GMT-")] == [
        snapshot.token for snapshot in reversed(taken)
    ]
    for number, snapshot in enumerate(taken):
        assert version(ada, snapshot, "x", "many") == f"{number}".encode()
    mounts = subprocess.run(("findmnt", "--noheadings", "--raw"), check=True, capture_output=True, text=True)
    share = host.shares.show(tenant.server, "many").share
    assert MOST_SNAPSHOTS + 1 <= mounts.stdout.count(share.id)
    host.shares.delete(tenant.server, "many", with_snapshots=True)
