"""Pools that make themselves an xfs, so that their volumes can share blocks on any file system."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shares_core import Capacity, FilePool, HostNotReady, InvalidInput, NoCapacity, SharesError, open_host
from shares_core.adapters.pools.files import xfs_image
from tests.integration.conftest import Tenant, new_tenant
from tests.settings import folder_of, with_pool
from tests.testkit.sharing import new_folder
from tests.testkit.site import Site, opened_site

SIZE, LARGER = Capacity.parse("1GiB"), Capacity.parse("1.5GiB")
SMALL = Capacity.parse("64MiB")
OK = "NT_STATUS_OK"
_XFS_GOINGDOWN = 0x8004587D


@pytest.fixture
def site() -> Iterator[Site]:
    with new_folder() as folder, opened_site(pools=(_pool(folder),)) as site:
        yield site


@pytest.fixture
def tenant(site: Site) -> Iterator[Tenant]:
    with new_tenant(site) as made:
        yield made


def _pool(folder: Path, size: Capacity = SIZE) -> FilePool:
    return FilePool(size=size, dir=folder, xfs_image=True)


def image_of(site: Site) -> Path:
    return folder_of(site.config) / "pool.xfs"


def volumes_of(site: Site) -> Path:
    return folder_of(site.config) / "volumes"


def unmounted(site: Site) -> Path:
    """Unmount it, as a reboot does. Returns the image."""
    subprocess.run(("umount", str(volumes_of(site))), check=True)
    listed = ("losetup", "--list", "--noheadings", "--associated", str(image_of(site)))
    assert "" == subprocess.run(listed, check=True, capture_output=True, text=True).stdout
    return image_of(site)


def allocated(path: Path) -> int:
    return path.stat().st_blocks * 512


def test_snapshots_work_where_the_disk_cannot_share_blocks(tenant: Tenant) -> None:
    """All that the pool promises is there: the image has more, for its own tables, and gives nothing back."""
    site, host = tenant.site, tenant.site.host
    view = host.pool.show()
    assert ("loop files in an xfs image", str(folder_of(site.config))) == (view.kind, view.location)
    reserved = allocated(image_of(site))
    assert (SIZE.bytes, True) == (view.total, reserved > SIZE.bytes)
    ada = tenant.smb("ada", site.allow(tenant.server, "files", "ada"))
    assert ada.put("files", "x", b"then").status == OK
    snapshot = host.snapshots.create(tenant.server, "files", "s").snapshot
    assert ada.put("files", "x", b"now").status == OK
    assert ada.get("files", f"{snapshot.token}\\x") == b"then"
    trimmed = subprocess.run(("fstrim", str(volumes_of(site))), check=False, capture_output=True)
    assert (trimmed.returncode != 0, reserved) == (True, allocated(image_of(site)))


def test_it_is_mounted_again_before_any_share(tenant: Tenant) -> None:
    """After a reboot, by whoever needs it first; nothing but the file and the mount is left of it."""
    site, host = tenant.site, tenant.site.host
    ada = tenant.smb("ada", site.allow(tenant.server, "files", "ada"))
    assert ada.put("files", "x", b"kept").status == OK
    host.servers.stop(tenant.server)
    unmounted(site)
    assert host.fleet.reconcile().is_empty
    host.servers.start(tenant.server)
    assert ada.get("files", "x") == b"kept"


def test_a_lost_image_is_not_made_again(tenant: Tenant) -> None:
    """Neither is another file, a file system that somebody else mounted, or an empty folder taken for it."""
    site, host = tenant.site, tenant.site.host
    host.servers.stop(tenant.server)
    image = unmounted(site)
    aside = image.rename(image.with_name("aside"))
    with pytest.raises(HostNotReady, match=r"has lost its file .*pool\.xfs"):
        host.shares.create(tenant.server, "new", SMALL)
    assert not image.exists()
    image.write_bytes(bytes(4096))
    with pytest.raises(HostNotReady, match="is not an xfs"):
        host.shares.create(tenant.server, "new", SMALL)
    aside.rename(image)
    subprocess.run(("mount", "-t", "tmpfs", "none", str(volumes_of(site))), check=True)
    with pytest.raises(HostNotReady, match="is not the pool default of this installation"):
        host.shares.create(tenant.server, "new", SMALL)
    subprocess.run(("umount", str(volumes_of(site))), check=True)
    host.servers.start(tenant.server)
    host.shares.create(tenant.server, "new", SMALL)


def test_an_image_needs_a_folder_of_its_own_and_room() -> None:
    """Otherwise nothing is made."""
    with new_folder() as folder:
        folder.mkdir()
        (folder / "something").touch()
        with opened_site(pools=(_pool(folder),)) as site:
            site.host.servers.create("tenant")
            with pytest.raises(HostNotReady, match="is not empty: it holds 'something'"):
                site.host.shares.create("tenant", "files", SMALL)
        (folder / "something").unlink()
        with opened_site(pools=(_pool(folder, Capacity.parse("1000TiB")),)) as site:
            site.host.servers.create("tenant")
            with pytest.raises(NoCapacity, match="the pool's image needs"):
                site.host.shares.create("tenant", "files", SMALL)
        assert {"pool.lock"} == {path.name for path in folder.iterdir()}


def test_a_pool_that_has_shut_down_is_missing_and_hinders_no_other(tenant: Tenant) -> None:
    """As after an error of its disk: its root cannot even be looked at."""
    site, host = tenant.site, tenant.site.host
    host.servers.stop(tenant.server)
    folder = os.open(volumes_of(site), os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(folder, _XFS_GOINGDOWN, struct.pack("=I", 2))  # without writing its log
    finally:
        os.close(folder)
    (listed,) = host.pool.list()
    assert (listed.view, True) == (None, bool(listed.problem))
    assert [None] == [view.volume_size for view in host.shares.list(tenant.server)]
    with pytest.raises(SharesError):
        host.shares.create(tenant.server, "new", SMALL)
    unmounted(site)
    host.servers.start(tenant.server)
    host.shares.create(tenant.server, "new", SMALL)


def test_a_failed_growth_leaves_it_as_it_was(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else may take the room in the last moment."""
    host, before = tenant.site.host, image_of(tenant.site).stat()
    monkeypatch.setattr(xfs_image, "reserve", _half)
    with pytest.raises(NoCapacity):
        host.pool.extend("default", LARGER)
    after = image_of(tenant.site).stat()
    assert (before.st_size, before.st_blocks) == (after.st_size, after.st_blocks)
    monkeypatch.undo()
    assert LARGER.bytes == host.pool.extend("default", LARGER).total


def _half(descriptor: int, length: int) -> None:
    os.posix_fallocate(descriptor, 0, length - (64 << 20))
    raise OSError(errno.ENOSPC, "no room")


def test_a_pool_of_files_does_not_become_an_image() -> None:
    """Neither another's nor its own: its volumes would be beside it."""
    with new_folder() as folder, opened_site(pools=(FilePool(size=SIZE, dir=folder),)) as site:
        site.host.servers.create("tenant")
        site.host.shares.create("tenant", "files", SMALL)
        kept = set(folder.iterdir())
        with opened_site(pools=(_pool(folder),)) as other:
            other.host.servers.create("tenant")
            with pytest.raises(HostNotReady, match="is not empty: it holds"):
                other.host.shares.create("tenant", "files", SMALL)
        with pytest.raises(HostNotReady, match=r"has its volumes in .* itself"):
            open_host(with_pool(site.config, xfs_image=True)).shares.create("tenant", "more", SMALL)
        assert kept == set(folder.iterdir())


def test_it_grows_while_its_shares_are_served(tenant: Tenant) -> None:
    """As far as there is room, and never gets smaller; twice is once."""
    site, host = tenant.site, tenant.site.host
    ada = tenant.smb("ada", site.allow(tenant.server, "files", "ada"))
    before = host.pool.show()
    assert ada.put("files", "x", b"kept").status == OK
    view = host.pool.extend("default", LARGER)
    assert view == host.pool.extend("default", LARGER)
    assert (SIZE.bytes, LARGER.bytes) == (before.total, view.total)
    assert LARGER.bytes < allocated(image_of(site))
    assert view.free - before.free == LARGER.bytes - SIZE.bytes
    host.shares.create(tenant.server, "all", Capacity(view.free - (8 << 20)))
    host.shares.delete(tenant.server, "all")
    assert ada.get("files", "x") == b"kept"
    with pytest.raises(InvalidInput, match="cannot shrink to 1 GiB"):
        host.pool.extend("default", SIZE)
    with pytest.raises(NoCapacity, match="the pool's image needs"):
        host.pool.extend("default", Capacity.parse("1000TiB"))
    assert view == host.pool.show()


def test_other_pools_say_how_they_get_larger() -> None:
    """A folder of files by its settings."""
    with opened_site() as site:
        site.host.servers.create("tenant")
        with pytest.raises(HostNotReady, match="as large as its settings say"):
            site.host.pool.extend("default", Capacity.parse("1TiB"))
