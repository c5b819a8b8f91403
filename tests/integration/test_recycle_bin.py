"""What clients delete: in the share's recycle bin for so long, and the oldest goes first if it is full."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from smbprotocol.open import CreateDisposition, CreateOptions, FilePipePrinterAccessMask

import shares_core
from shares_core import Capacity, FileSystemKind, RecycleBin, ShareOptions
from tests.integration.conftest import Tenant
from tests.integration.support.bins import Bin, running
from tests.integration.support.images import image_without
from tests.integration.support.intruder import Intruder, intruder_in
from tests.integration.support.on_filesystems import SHARE, on_each
from tests.settings import with_image
from tests.testkit.clients import READ, SmbClient, open_file
from tests.testkit.probes import until
from tests.testkit.smb_requests import aapl, streams

OK, DENIED = "NT_STATUS_OK", "NT_STATUS_ACCESS_DENIED"
FULL = "NT_STATUS_DISK_FULL"
_DELETE = FilePipePrinterAccessMask.DELETE
MIB = 1 << 20


@pytest.fixture
def inside(tenant: Tenant) -> Iterator[Intruder]:
    with intruder_in(tenant.site, tenant.server) as made:
        yield made


@pytest.fixture
def kept(inside: Intruder) -> Bin:
    """The bin of the share ``files``, turned on."""
    found = Bin(inside)
    found.set_to(30)
    return found


def _done(client: SmbClient, *commands: str, share: str = "files") -> str:
    """Run smbclient's commands, which succeed. Returns what it says."""
    said = client.do(share, "; ".join(commands))
    assert said.status == OK, said.output
    return said.output


def _delete(client: SmbClient, *names: str, content: bytes = b"content") -> None:
    """Write these files and delete them."""
    for name in names:
        assert client.put("files", name, content).status == OK
        _done(client, f'del "{name}"')


@on_each
def test_a_deleted_file_is_in_the_bin_with_all_that_belongs_to_it(
    tenant: Tenant, inside: Intruder, kind: FileSystemKind
) -> None:
    """At its path, with its streams and resource fork; a second of its name too; a rename brings it back.

    The resource fork of that second one is there, under another name than a client would look for.
    """
    host, options = tenant.site.host, ShareOptions(recycle_bin=RecycleBin(7))
    host.shares.create(tenant.server, SHARE, kind.smallest, kind, options=options)
    ada = tenant.smb("ada", tenant.site.allow(tenant.server, SHARE, "ada"))
    with ada.connection() as session:
        tree = ada.tree(session, SHARE)
        aapl(tree)
        open_file(tree, "folder", options=CreateOptions.FILE_DIRECTORY_FILE).close()
        for content in (b"first", b"second"):
            for name in ("folder\\file", "folder\\file:stream", "folder\\file:AFP_Resource"):
                with closing(open_file(tree, name)) as file:
                    file.write(content, 0)
            _done(ada, "del folder\\file", share=SHARE)
        _done(ada, "rmdir folder", share=SHARE)
        copies = ["._file", "Copy #1 of ._file", "Copy #1 of file", "file"]
        assert [f"folder/{name}" for name in copies] == Bin(inside, SHARE).files()
        assert " DH " in _done(ada, "ls", share=SHARE)
        _done(ada, "rename .recycle\\folder\\file back", share=SHARE)
        with closing(open_file(tree, "back", READ)) as back:
            assert {"::$DATA": 5, ":stream:$DATA": 5, ":AFP_Resource:$DATA": 5} == streams(back)
        assert ada.get(SHARE, "back") == b"first"
    shown = host.shares.show(tenant.server, SHARE).recycled
    assert shown is not None
    assert (2, True) == (shown.files, shown.emptied)
    assert 0 < shown.bytes < 64 << 10


def test_what_is_not_deleted_is_not_in_the_bin(tenant: Tenant, kept: Bin) -> None:
    """What is replaced or overwritten is lost, as without a bin, and so is what is deleted in the bin.

    A stream is deleted alone: its file and the other streams stay where they are.
    """
    ada = tenant.user("ada")
    for name in ("replaced", "new", "overwritten"):
        assert ada.put("files", name, name.encode()).status == OK
    _done(ada, "rename new replaced -f")
    assert ada.put("files", "overwritten", b"again").status == OK
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        for stream in ("stream", "AFP_Resource"):
            with closing(open_file(tree, f"replaced:{stream}")) as file:
                file.write(b"12345", 0)
        gone = CreateOptions.FILE_NON_DIRECTORY_FILE | CreateOptions.FILE_DELETE_ON_CLOSE
        existing = CreateDisposition.FILE_OPEN
        open_file(tree, "replaced:stream", _DELETE, disposition=existing, options=gone).close()
        with closing(open_file(tree, "replaced", READ)) as file:
            assert {"::$DATA": 3, ":AFP_Resource:$DATA": 5} == streams(file)
    assert [] == kept.files()
    _delete(ada, "deleted")
    assert ["deleted"] == kept.files()
    _done(ada, "del .recycle\\deleted")
    assert [] == kept.files()


def test_files_go_so_long_after_their_deletion(tenant: Tenant, kept: Bin) -> None:
    """However old they were when they were deleted; younger ones stay."""
    ada = tenant.user("ada")
    assert ada.put("files", "written long ago", b"x").status == OK
    kept.inside.succeeds(f"touch -d 2001-01-01 '{kept.served}/written long ago'")
    _delete(ada, "deleted first", "-print")
    deleted = kept.deleted_at("deleted first")  # asked once: of hundreds of answers, Docker loses one
    assert until(lambda: time.time() > deleted + 10)
    _done(ada, 'del "written long ago"')
    with kept.emptied(8):
        assert until(lambda: "deleted first" not in kept.files())
        assert ["written long ago"] == kept.files()


def test_another_number_of_days_counts_for_what_is_in_the_bin(tenant: Tenant, kept: Bin) -> None:
    """The list inside says so, in seconds, as soon as it is set."""
    _delete(tenant.user("ada"), "deleted")
    for days in (7, 3):
        kept.set_to(days)
        assert f"{days * 86400} 0 {kept.served}\n" == kept.inside.succeeds("cat /config/bins")
    assert ["deleted"] == kept.files()


def test_a_full_share_gives_up_its_oldest(tenant: Tenant, kept: Bin) -> None:
    """Until a tenth of it is free. What a client cannot write for lack of room, it can some seconds later."""
    ada = tenant.user("ada")
    for number in range(5):
        _delete(ada, f"{number}", content=bytes(8 * MIB))
        newest = kept.deleted_at(f"{number}")
        assert until(lambda at=newest: int(time.time()) > int(at))  # type: ignore[misc]
    host, at = tenant.site.host, (tenant.server, "files")

    def free() -> int:
        usage = host.shares.show(*at).usage
        assert usage is not None
        return usage.free * 100 // usage.total

    said = ada.put("files", "large", bytes(18 * MIB))
    assert said.status == OK or FULL in said.output
    assert until(lambda: free() >= 10)
    left = kept.files()
    assert 0 < len(left) < 5
    assert left == [str(number) for number in range(5)][-len(left) :]
    assert until(lambda: ada.put("files", "small", bytes(MIB)).status == OK)


def test_a_bin_that_is_turned_off_is_emptied(tenant: Tenant, kept: Bin) -> None:
    """The others' stay, and so does a folder of that name which clients make later."""
    host, ada = tenant.site.host, tenant.user("ada")
    options = ShareOptions(recycle_bin=RecycleBin())
    host.shares.create(tenant.server, "other", Capacity.parse("16MiB"), options=options)
    host.access.allow(tenant.server, "other", "ada")
    assert ada.put("other", "file", b"x").status == OK
    _done(ada, "del file", share="other")
    _done(ada, "mkdir folder")
    _delete(ada, "folder\\one", "two")
    kept.set_to(False)
    assert until(lambda: kept.inside.sh(f"[ -e {kept.path} ]")[0] != 0)
    assert ["file"] == Bin(kept.inside, "other").files()
    assert until(lambda: ada.do("files", "mkdir .recycle").status == OK)
    assert ada.put("files", ".recycle\\mine", b"x").status == OK
    _delete(ada, "three")
    host.shares.set(tenant.server, "files", audit=True)  # another list, or the same read anew
    kept.set_to(30)
    assert ["mine"] == kept.files()


def test_a_share_that_never_had_a_bin_keeps_its_folder_of_that_name(tenant: Tenant, inside: Intruder) -> None:
    """Another NAS may have left it."""
    ada, plain = tenant.user("ada"), Bin(inside)
    _done(ada, "mkdir .recycle")
    assert ada.put("files", ".recycle\\mine", b"x").status == OK
    tenant.site.host.shares.set(tenant.server, "files", audit=True)
    assert "" == inside.succeeds("cat /config/bins")
    assert [] == running(inside)
    assert ["mine"] == plain.files()


def test_a_bin_outlives_its_server(tenant: Tenant, kept: Bin) -> None:
    """A stop and a start, and a killed container; turned off meanwhile, it is emptied at the start."""
    host, name = tenant.site.host, tenant.server
    _delete(tenant.user("ada"), "deleted")
    host.servers.stop(name)
    assert host.shares.show(name, "files").recycled is None
    host.servers.start(name)
    assert ["deleted"] == kept.files()
    kept.inside.api.kill(kept.inside.name)
    host.servers.start(name)
    assert (["deleted"], True) == (kept.files(), until(lambda: len(running(kept.inside)) == 1))
    host.servers.stop(name)
    kept.set_to(False)
    host.servers.start(name)
    assert until(lambda: kept.files() == [])


def test_an_image_of_a_former_release_keeps_deleted_files_until_the_upgrade(tenant: Tenant) -> None:
    """And says that nothing empties the bin."""
    host, name = tenant.site.host, tenant.server
    with image_without(tenant.site, "/usr/local/bin/empty-bins") as former:
        other = shares_core.open_host(with_image(tenant.site.config, former))
        other.servers.stop(name)
        other.servers.start(name)
        changed = host.shares.set(name, "files", recycle_bin=True).recycled
        assert changed is not None
        assert (0, False) == (changed.files, changed.emptied)
        _delete(tenant.user("ada"), "deleted")
        host.servers.upgrade(name)
    shown = host.shares.show(name, "files").recycled
    assert shown is not None
    assert (1, True) == (shown.files, shown.emptied)
    with intruder_in(tenant.site, name) as inside:
        assert until(lambda: len(running(inside)) == 1)


def test_who_may_read_the_share_may_read_its_bin_and_no_more(tenant: Tenant, kept: Bin) -> None:
    """A reader brings nothing back and deletes nothing; a writer does both, whoever deleted it."""
    ada, bob = tenant.user("ada"), tenant.user("bob", "ro")
    eve = tenant.user("eve")
    _delete(ada, "one", "two")
    assert bob.get("files", ".recycle\\one") == b"content"
    for command in ("rename .recycle\\one back", "del .recycle\\one", "rmdir .recycle"):
        assert bob.do("files", command).status == DENIED
    _done(eve, "rename .recycle\\one back", "del .recycle\\two")
    assert [] == kept.files()


def test_a_walk_through_a_bin_does_not_keep_the_share_in_use(tenant: Tenant, kept: Bin) -> None:
    """It is ended, as clients' connections are: the share is checked, and deleted, meanwhile."""
    _delete(tenant.user("ada"), "deleted")
    stuck = 'find() { cd "$2" && exec sleep 600; }; export -f find'
    with kept.emptied(8, before=stuck):
        assert until(lambda: kept.inside.sh("[ -s /tmp/bin*/pid ]")[0] == 0)
        assert "" == tenant.site.host.shares.check(tenant.server, "files").damage
    assert ["deleted"] == kept.files()
