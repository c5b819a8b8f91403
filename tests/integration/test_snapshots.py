"""Snapshots with real clients: Previous Versions, clones, and going back."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from collections.abc import Iterator
from mmap import mmap
from pathlib import Path
from random import Random

import pytest

from shares_core import (
    AccessLevel,
    Capacity,
    Conflict,
    FilePool,
    FileSystemKind,
    NotEmpty,
    SnapshotSource,
)
from tests.integration.conftest import Tenant, new_tenant
from tests.integration.support.previous_versions import MIB, OK, open_version, take, user, version
from tests.reliability.kills import MOMENTS, Campaign
from tests.reliability.operations import POOLS, SNAPSHOTS, Operation
from tests.testkit.clients import READ, open_file
from tests.testkit.sharing import new_folder, sharing_folder
from tests.testkit.site import Site, opened_site

EVERY_CALL = "SHARES_CORE_TEST_EVERY_CALL" in os.environ


@pytest.fixture(scope="module")
def sharing_site() -> Iterator[Site]:
    """A host whose pool can share blocks."""
    with sharing_folder() as folder, opened_site(pools=(_pool(folder),)) as site:
        yield site


def _pool(folder: Path) -> FilePool:
    return FilePool(size=Capacity.parse("2GiB"), dir=folder)


@pytest.fixture(scope="module")
def image_site() -> Iterator[Site]:
    """The same, by an xfs that the pool makes for itself."""
    with new_folder() as folder:
        pool = FilePool(size=Capacity.parse("2GiB"), dir=folder, xfs_image=True)
        with opened_site(pools=(pool,)) as site:
            yield site


@pytest.fixture
def tenant(sharing_site: Site) -> Iterator[Tenant]:
    with new_tenant(sharing_site) as made:
        yield made


@pytest.mark.parametrize("kind", FileSystemKind)
def test_every_version_of_a_file_is_read_back(tenant: Tenant, kind: FileSystemKind) -> None:
    """In a folder below, typed in another case, in a folder that is gone since; listed, and read-only."""
    host = tenant.site.host
    host.shares.create(
        tenant.server, "kept", kind.smallest if kind is FileSystemKind.XFS else Capacity(32 * MIB), kind
    )
    ada = user(tenant, "ada", share="kept")
    assert ada.do("kept", "mkdir Sub; mkdir Sub\\Gone").status == OK
    taken = []
    for number in range(3):
        assert ada.put("kept", "Sub\\File.txt", f"version {number}".encode()).status == OK
        assert ada.put("kept", "Sub\\Gone\\x", f"gone {number}".encode()).status == OK
        taken.append(take(tenant, f"s{number}", "kept"))
    assert ada.put("kept", "Sub\\File.txt", b"now").status == OK
    assert ada.do("kept", "del Sub\\Gone\\x; rmdir Sub\\Gone").status == OK
    assert len({snapshot.second for snapshot in taken}) == 3
    for number, snapshot in enumerate(taken):
        for path in ("Sub\\File.txt", "SUB\\fILE.TXT"):
            assert version(ada, snapshot, path, "kept") == f"version {number}".encode()
        assert version(ada, snapshot, "Sub\\Gone\\x", "kept") == f"gone {number}".encode()
        assert version(ada, snapshot, "sub\\GONE\\X", "kept") == f"gone {number}".encode()
        told = ada.put("kept", f"{snapshot.token}\\Sub\\new", b"x").status
        assert told == "NT_STATUS_MEDIA_WRITE_PROTECTED"
    listed = ada.do("kept", "allinfo Sub\\File.txt").output
    assert [line.strip() for line in listed.splitlines() if line.startswith("@GMT-")] == [
        snapshot.token for snapshot in reversed(taken)
    ]
    assert ada.get("kept", "Sub\\File.txt") == b"now"


def test_a_snapshot_has_the_rules_of_its_share(tenant: Tenant) -> None:
    """A reader reads it, a stranger does not, and a deny ends it."""
    ada, bob = user(tenant, "ada"), user(tenant, "bob", "ro")
    tenant.site.host.shares.create(tenant.server, "other", Capacity(32 * MIB))
    eve = user(tenant, "eve", share="other")
    assert ada.put("files", "x", b"then").status == OK
    snapshot = take(tenant, "s")
    assert version(bob, snapshot, "x") == b"then"
    assert version(eve, snapshot, "x") == "NT_STATUS_ACCESS_DENIED"
    assert version(eve, snapshot, "x", "other") != b"then"
    tenant.site.host.access.deny(tenant.server, "files", "bob")
    assert version(bob, snapshot, "x") == "NT_STATUS_ACCESS_DENIED"


def test_snapshots_come_back_with_their_server(tenant: Tenant) -> None:
    """After a stop, after its container was killed, and after somebody unmounted one by hand."""
    host, ada = tenant.site.host, user(tenant, "ada")
    assert ada.put("files", "x", b"then").status == OK
    snapshot = take(tenant, "s")
    assert ada.put("files", "x", b"now").status == OK
    host.servers.stop(tenant.server)
    assert host.fleet.reconcile().is_empty
    host.servers.start(tenant.server)
    assert version(ada, snapshot, "x") == b"then"
    server = host.servers.show(tenant.server).server
    subprocess.run(("docker", "kill", f"shares-{server.id}"), check=True, capture_output=True)
    assert host.fleet.reconcile().is_well
    assert version(ada, snapshot, "x") == b"then"
    share = server.share("files")
    point = tenant.site.config.state_dir / "servers" / server.id / "shares" / snapshot.mount_id(share.id)
    subprocess.run(("umount", point), check=True)
    (found,) = host.fleet.reconcile().servers
    assert ["snapshots of share files are not mounted"] == list(map(str, found.found))
    assert version(ada, snapshot, "x") == b"then"
    assert host.fleet.reconcile().is_empty


def test_two_snapshots_of_one_second_are_two(tenant: Tenant) -> None:
    ada = user(tenant, "ada")
    taken = []
    for number in range(4):
        assert ada.put("files", "x", f"{number}".encode()).status == OK
        taken.append(take(tenant, f"s{number}"))
    assert [version(ada, snapshot, "x") for snapshot in taken] == [b"0", b"1", b"2", b"3"]


def test_writers_stay_connected_and_lose_nothing(tenant: Tenant) -> None:
    """A snapshot taken amid writes holds pages that are whole, and the writer notices nothing."""
    ada = user(tenant, "ada")
    page, taken, failures = 4096, [], []
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        file = open_file(tree, "database")
        done = threading.Event()

        def write() -> None:
            number = 0
            try:
                while not done.is_set():
                    body = number.to_bytes(8, "big") * ((page - 32) // 8)
                    file.write(hashlib.sha256(body).digest() + body, (number % 64) * page)
                    number += 1
            except Exception as error:  # noqa: BLE001 - told below
                failures.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(5):
                taken.append(take(tenant, f"s{number}"))
        finally:
            done.set()
            writer.join()
        file.close()
    assert failures == []
    for snapshot in taken:
        held = version(ada, snapshot, "database")
        assert isinstance(held, bytes)
        pages = [held[at : at + page] for at in range(0, len(held), page)]
        assert all(hashlib.sha256(each[32:]).digest() == each[:32] for each in pages if len(each) == page)


def test_a_clone_of_a_share_that_is_written_to_has_one_moment(tenant: Tenant) -> None:
    """A database in thousands of pieces: no page is torn, no write is there without all before it."""
    host = tenant.site.host
    server = host.servers.show(tenant.server).server
    shares = tenant.site.config.state_dir / "servers" / server.id / "shares"
    database = shares / server.share("files").id / "data" / "database"
    pages, page = 10_000, 4096
    written: list[int] = []  # which page was written by which write
    chosen, done = Random(20261201), threading.Event()

    def content(number: int) -> bytes:
        body = number.to_bytes(8, "big") * ((page - 32) // 8)
        return hashlib.sha256(body).digest() + body

    def write(file: int, index: int) -> None:
        written.append(index)
        with mmap(-1, page) as aligned:  # for direct I/O, which writes in this order
            aligned.write(content(len(written)))
            os.pwrite(file, aligned, index * page)

    def go_on() -> None:
        file = os.open(database, os.O_WRONLY | os.O_DIRECT)
        try:
            while not done.is_set():
                write(file, chosen.randrange(pages))
        finally:
            os.close(file)

    database.write_bytes(content(0) * pages)
    take(tenant, "shares-all")  # from here each write makes a piece of its own
    file = os.open(database, os.O_WRONLY | os.O_DIRECT)
    for index in chosen.sample(range(pages), 4000):
        write(file, index)
    os.close(file)
    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        before = len(written)
        take(tenant, "amid")
    finally:
        done.set()
        writer.join()
    copy = host.shares.clone(tenant.server, "copy", SnapshotSource.parse(f"{tenant.server}/files@amid"))
    held = (shares / copy.share.id / "data" / "database").read_bytes()
    found = [held[at : at + page] for at in range(0, len(held), page)]
    numbers = [int.from_bytes(each[32:40], "big") for each in found]
    moment = max(numbers)
    assert before - 1 <= moment
    there = dict.fromkeys(range(pages), 0) | {index: n for n, index in enumerate(written[:moment], 1)}
    assert list(there.values()) == numbers
    assert all(each == content(number) for each, number in zip(found, numbers, strict=True))


def test_a_share_made_from_a_snapshot_is_its_own(tenant: Tenant) -> None:
    """On the same server and another, of the same size and larger; each outlives the other's deletion."""
    host, ada = tenant.site.host, user(tenant, "ada")
    assert ada.put("files", "x", b"then").status == OK
    take(tenant, "s")
    assert ada.put("files", "x", b"now").status == OK
    source = SnapshotSource.parse(f"{tenant.server}/files@s")
    copy = host.shares.clone(tenant.server, "copy", source, Capacity(96 * MIB))
    assert copy.share.filesystem.uuid != host.shares.show(tenant.server, "files").share.filesystem.uuid
    assert copy.share.rules == ()
    assert "NT_STATUS_BAD_NETWORK_NAME" == ada.do("copy", "ls").status
    host.access.allow(tenant.server, "copy", "ada")
    assert ada.get("copy", "x") == b"then"
    assert ada.put("copy", "x", b"copied").status == OK
    assert ada.get("files", "x") == b"now"
    assert copy.usage is not None
    assert copy.usage.total > 80 * MIB
    assert host.shares.clone(tenant.server, "copy", source, Capacity(96 * MIB)).share.id == copy.share.id
    with pytest.raises(NotEmpty):
        host.shares.delete(tenant.server, "files")
    host.shares.delete(tenant.server, "files", with_snapshots=True)
    assert ada.get("copy", "x") == b"copied"
    assert "" == host.shares.check(tenant.server, "copy").damage
    host.servers.stop(tenant.server)
    host.servers.start(tenant.server)
    assert ada.get("copy", "x") == b"copied"


def test_going_back_keeps_rules_and_snapshots(tenant: Tenant) -> None:
    """With open files; to an older one only if that is said; the size of that time returns."""
    host, ada = tenant.site.host, user(tenant, "ada")
    assert ada.put("files", "x", b"first").status == OK
    first = take(tenant, "first")
    assert ada.put("files", "x", b"second").status == OK
    take(tenant, "second")
    host.shares.extend(tenant.server, "files", Capacity(96 * MIB))
    with ada.connection() as session:
        held = open_file(ada.tree(session, "files"), "x")
        with pytest.raises(Conflict, match="is not the newest"):
            host.snapshots.revert(tenant.server, "files", "first")
        done = host.snapshots.revert(tenant.server, "files", "first", older=True)
        with pytest.raises(Exception, match=r"STATUS|closed|reset"):
            held.read(0, 1)
    assert (done.capacity_before, done.snapshot.share.capacity) == (Capacity(96 * MIB), Capacity(64 * MIB))
    assert ada.get("files", "x") == b"first"
    assert ["first", "second"] == [str(v.snapshot.name) for v in host.snapshots.list(tenant.server)]
    assert version(ada, first, "x") == b"first"
    assert ada.put("files", "y", b"new").status == OK
    host.snapshots.revert(tenant.server, "files", "second")
    assert (ada.get("files", "x"), ada.do("files", "get y").status) == (
        b"second",
        "NT_STATUS_OBJECT_NAME_NOT_FOUND",
    )
    assert host.fleet.reconcile().is_empty
    assert not host.fleet.reconcile().orphans


def test_a_snapshot_that_a_client_reads_can_be_deleted(tenant: Tenant) -> None:
    """Its clients are disconnected then; nothing of it is left."""
    host, ada = tenant.site.host, user(tenant, "ada")
    assert ada.put("files", "x", b"then" * 1000).status == OK
    snapshot = take(tenant, "s")
    with ada.connection() as session:
        reader = open_version(ada.tree(session, "files"), "x", snapshot)
        assert reader.read(0, 4) == b"then"
        host.snapshots.delete(tenant.server, "files", "s")
    assert ada.do("files", "ls").status == OK
    assert host.snapshots.list(tenant.server) == ()
    assert host.fleet.reconcile().is_empty
    assert not host.fleet.reconcile().orphans


def test_an_exported_snapshot_is_a_share_of_its_own(tenant: Tenant) -> None:
    """Its rules are its own, nobody writes to it, and it is served again after a restart."""
    host, ada = tenant.site.host, user(tenant, "ada")
    bob = user(tenant, "bob", "ro")
    assert ada.do("files", "mkdir Sub").status == OK
    assert ada.put("files", "Sub\\x", b"then").status == OK
    take(tenant, "s")
    assert ada.put("files", "Sub\\x", b"now").status == OK
    host.snapshots.export(tenant.server, "files", "s")
    assert ada.do("files@s", "ls").status == "NT_STATUS_BAD_NETWORK_NAME"
    view = host.access.allow(tenant.server, "files@s", "bob")
    assert view.rule.level is AccessLevel.READ_ONLY
    assert bob.get("files@s", "Sub\\x") == b"then"
    assert bob.get("FILES@S", "SUB\\X") == b"then"
    assert ada.do("files@s", "ls").status == "NT_STATUS_ACCESS_DENIED"
    changes = [bob.put("files@s", "new", b"x").status]
    changes += [bob.do("files@s", each).status for each in ("del Sub\\x", "mkdir new", "rename Sub Other")]
    assert set(changes) == {"NT_STATUS_ACCESS_DENIED", "NT_STATUS_MEDIA_WRITE_PROTECTED"}
    assert host.sessions.list(tenant.server, "files@s") == ()
    host.servers.stop(tenant.server)
    host.servers.start(tenant.server)
    with bob.connection() as session:
        held = open_file(bob.tree(session, "files@s"), "Sub\\x", access=READ)
        assert held.read(0, 4) == b"then"
        (found,) = host.sessions.list(tenant.server, "files@s")
        assert (found.user, found.shares) == ("bob", ("files@s",))
        host.snapshots.revert(tenant.server, "files", "s")
        assert held.read(0, 4) == b"then"
        host.access.deny(tenant.server, "files@s", "bob")
        with pytest.raises(Exception, match=r"STATUS|closed|reset"):
            held.read(0, 4)
    assert bob.get("files", "Sub\\x") == b"then"
    host.access.allow(tenant.server, "files@s", "ada")
    with ada.connection() as session:
        held = open_file(ada.tree(session, "files@s"), "Sub\\x", access=READ)
        host.snapshots.unexport(tenant.server, "files", "s")
        with pytest.raises(Exception, match=r"STATUS|closed|reset"):
            held.read(0, 4)
    assert ada.do("files@s", "ls").status == "NT_STATUS_BAD_NETWORK_NAME"
    assert host.fleet.reconcile().is_empty
    host.snapshots.delete(tenant.server, "files", "s")


def test_a_pool_keeps_every_promise_or_refuses(sharing_site: Site) -> None:
    """A snapshot counts in full, because all that it shares may be overwritten."""
    with new_tenant(sharing_site) as tenant:
        host = sharing_site.host
        free = host.pool.show().free
        host.snapshots.create(tenant.server, "files", "s")
        assert free - host.pool.show().free >= 64 * MIB
        ada = user(tenant, "ada")
        for number in range(3):  # overwrites everything, so that nothing is shared any more
            assert ada.put("files", "big", os.urandom(40 * MIB)).status == OK, number


@pytest.mark.parametrize("operation", [*SNAPSHOTS, *POOLS], ids=lambda operation: str(operation.name))
def test_a_process_that_is_killed_at_any_step_leaves_nothing_half_done(
    image_site: Site, operation: Operation
) -> None:
    """Three kills of each, one of them amid a call; ``SHARES_CORE_TEST_EVERY_CALL`` tries all."""
    campaign = Campaign(image_site.config, (operation,))
    with campaign.begun():
        wanted = campaign.kills()
        for kill in wanted if EVERY_CALL else Random(20261127).sample(wanted, len(MOMENTS)):
            campaign.run(kill)


def test_a_compromised_server_cannot_write_to_a_snapshot(tenant: Tenant) -> None:
    """Nor remount it, as smbd's user inside the container."""
    ada = user(tenant, "ada")
    assert ada.put("files", "x", b"then").status == OK
    snapshot = take(tenant, "s")
    server = tenant.site.host.servers.show(tenant.server).server
    folder = f"/shares/{snapshot.mount_id(server.share('files').id)}"
    for command in (
        f"echo forged >{folder}/data/x",
        f"rm {folder}/data/x",
        f"touch {folder}/data/new",
        f"mount -o remount,rw {folder}",
    ):
        inside = ("docker", "exec", f"shares-{server.id}", "bash", "-c", command)
        assert subprocess.run(inside, check=False, capture_output=True).returncode != 0, command
    assert version(ada, snapshot, "x") == b"then"
