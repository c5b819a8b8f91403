"""A process that dies in the middle of a call: the next call settles what it left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import frozen

from shares_core import Capacity, FileSystemKind, NotFound
from shares_core.adapters.filesystems import mounting
from shares_core.domain.share import ShareStatus
from tests.integration.conftest import Tenant
from tests.integration.support.worker import Worker
from tests.reliability.scene import mount_point
from tests.testkit.footprint import footprint, image_of
from tests.testkit.probes import until
from tests.testkit.site import Site

OK = "NT_STATUS_OK"
MIB64 = Capacity.parse("64MiB")


def killed(site: Site, where: str, *job: str) -> None:
    """Do the job in a process that is killed at that point."""
    worker = Worker(site.config, *job, kill_at=where)
    worker.go()
    assert worker.result() == {}, f"it was not killed at {where}"


@pytest.mark.parametrize(
    "where",
    [
        "after:records.save",
        "before:network.plug",
        "before:records.save:2",
    ],
)
def test_a_killed_creation_of_a_server_leaves_nothing(
    site: Site, remove_after: Callable[[str], str], where: str
) -> None:
    """Wherever the caller is killed, the next one recovers: reconcile removes it, create makes it again."""
    before = footprint(site.config)
    name = remove_after("crashed")
    killed(site, where, "create server", name)
    assert footprint(site.config) != before
    assert "interrupted" in site.host.servers.show(name).problem
    assert [view.problem for view in site.host.fleet.reconcile().servers if view.name == name] == [""]
    assert footprint(site.config) == before
    with pytest.raises(NotFound):
        site.host.servers.show(name)
    killed(site, where, "create server", name)
    view = site.host.servers.create(name)
    assert (str(view.state), view.problem) == ("running", "")
    assert len(footprint(site.config)["containers"]) == len(before["containers"]) + 1
    site.host.servers.delete(name)
    assert footprint(site.config) == before


@pytest.mark.parametrize(
    "where",
    [
        "after:storage.ensure_volume",
        "after:storage.attach",
        "after:filesystems.mount",
        "before:records.save:2",
    ],
)
def test_a_killed_creation_of_a_share_leaves_nothing(tenant: Tenant, where: str) -> None:
    """The next call on the server removes what a killed create left: volume, loop device, mount and file."""
    site = tenant.site
    ada = tenant.user("ada")
    before, free = footprint(site.config), site.host.pool.show().free
    killed(site, where, "create share", tenant.server, "crashed", "64MiB")
    assert [view.problem for view in site.host.fleet.reconcile().servers if view.name == tenant.server] == [
        ""
    ]
    assert footprint(site.config) == before
    assert site.host.pool.show().free == pytest.approx(free, abs=2**22)  # others use the host's disk too
    killed(site, where, "create share", tenant.server, "crashed", "64MiB")
    made = site.host.shares.create(tenant.server, "crashed", MIB64)
    assert made.share.status is ShareStatus.READY
    assert len(footprint(site.config)["loops"]) == len(before["loops"]) + 1
    bob = tenant.smb("bob", site.allow(tenant.server, "crashed", "bob"))
    assert bob.put("crashed", "x.txt", b"x").status == OK
    site.host.shares.delete(tenant.server, "crashed")
    assert footprint(site.config) == before
    assert ada.do("files", "ls").status == OK


def test_a_killed_fallocate_leaves_no_part_of_a_volume(tenant: Tenant) -> None:
    """The pool gets the space of a half-made volume back."""
    site = tenant.site
    before = footprint(site.config)
    killed(
        site,
        "in:shares_core.adapters.pools.files.pool.reserve",
        "create share",
        tenant.server,
        "crashed",
        "64MiB",
    )
    assert [Path(f).suffix for f in footprint(site.config)["files"] if f.endswith(".part")] == [".part"]
    assert [view.problem for view in site.host.fleet.reconcile().servers if view.name == tenant.server] == [
        ""
    ]
    assert footprint(site.config) == before


@pytest.mark.parametrize(
    "where",
    ["after:records.save", "after:filesystems.unmount", "after:storage.remove_volume"],
)
def test_a_killed_delete_of_a_share_is_carried_on(tenant: Tenant, where: str) -> None:
    """The next call finishes it, and the other shares are untouched."""
    site = tenant.site
    ada = tenant.user("ada")
    assert ada.put("files", "kept.txt", b"kept").status == OK
    before = footprint(site.config)
    site.host.shares.create(tenant.server, "doomed", MIB64)
    killed(site, where, "delete share", tenant.server, "doomed")
    assert [view.problem for view in site.host.fleet.reconcile().servers if view.name == tenant.server] == [
        ""
    ]
    assert footprint(site.config) == before
    assert ada.get("files", "kept.txt") == b"kept"


@pytest.mark.parametrize(
    "where",
    [
        "after:storage.grow_volume",
        "after:filesystems.unmount",
        "after:filesystems.grow_unmounted",
        "before:records.save:4",
    ],
)
def test_a_killed_extend_serves_the_same_data(tenant: Tenant, where: str) -> None:
    """Wherever an extend dies, the share is then served with its data, in its old or its new size."""
    site = tenant.site
    ada = tenant.user("ada")
    assert ada.put("files", "kept.txt", b"kept" * 10000).status == OK
    killed(site, where, "extend share", tenant.server, "files", "96MiB")
    assert [view.problem for view in site.host.fleet.reconcile().servers if view.name == tenant.server] == [
        ""
    ]
    view = site.host.servers.show(tenant.server)
    assert view.problem == ""
    capacity = view.server.share("files").capacity
    grown = where in ("after:filesystems.grow_unmounted", "before:records.save:4")
    assert capacity == Capacity.parse("96MiB" if grown else "64MiB")
    assert image_of(site.config, view.server, "files").stat().st_size == capacity.bytes
    assert ada.get("files", "kept.txt") == b"kept" * 10000
    site.host.shares.extend(tenant.server, "files", Capacity.parse("128MiB"))
    assert ada.get("files", "kept.txt") == b"kept" * 10000


def test_a_growing_that_outlives_its_caller_may_finish(
    tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cutting its volume would destroy the file system. The share fails meanwhile, its server does not."""
    site, larger = tenant.site, Capacity(FileSystemKind.XFS.smallest.bytes + MIB64.bytes)
    site.host.shares.create(tenant.server, "grown", FileSystemKind.XFS.smallest, FileSystemKind.XFS)
    ada = tenant.smb("ada", site.allow(tenant.server, "grown", "ada"))
    assert ada.put("grown", "kept.txt", b"kept" * 10000).status == OK
    server = site.host.servers.show(tenant.server).server
    image = image_of(site.config, server, "grown")
    slow = SlowGrowing(tmp_path, mount_point(site.config, server, server.share("grown")))
    with slow.installed(monkeypatch):
        worker = Worker(site.config, "extend share", tenant.server, "grown", f"{larger.bytes}")
        worker.go()
        assert until(slow.began.exists)
        worker.kill()
        assert worker.result() == {}
    try:
        monkeypatch.setattr(mounting, "_UNMOUNT_SECONDS", 0.5)
        site.host.shares.create(tenant.server, "other", MIB64)
        assert not site.host.fleet.reconcile().is_well
        share = site.host.shares.show(tenant.server, "grown").share
        assert ShareStatus.FAILED is share.status
        assert "is in use" in share.reason
        assert larger.bytes == image.stat().st_size
    finally:
        slow.go.touch()
    assert until(lambda: site.host.fleet.reconcile().is_well)
    share = site.host.shares.show(tenant.server, "grown").share
    assert (ShareStatus.READY, larger) == (share.status, share.capacity)
    assert ada.get("grown", "kept.txt") == b"kept" * 10000
    for name in ("grown", "other"):
        site.host.shares.delete(tenant.server, name)


@frozen
class SlowGrowing:
    """An xfs_growfs that has the mounted file system open and waits before growing it."""

    folder: Path
    mounted: Path

    @property
    def began(self) -> Path:
        return self.folder / "began"

    @property
    def go(self) -> Path:
        return self.folder / "go"

    @contextmanager
    def installed(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        programs, real = self.folder / "bin", shutil.which("xfs_growfs")
        programs.mkdir()
        program = programs / "xfs_growfs"
        program.touch(mode=0o755)
        program.write_text(
            "#!/bin/sh\n"
            f"exec 9<'{self.mounted}' >/dev/null 2>&1\n"
            f"touch '{self.began}'\n"
            f"until [ -e '{self.go}' ]; do sleep 0.05; done\n"
            f'exec "{real}" "$@"\n'
        )
        with monkeypatch.context() as patch:
            patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
            yield


def test_a_killed_deny_is_carried_on(tenant: Tenant) -> None:
    """It is never forgotten: the next call ends the access of that user only."""
    site = tenant.site
    ada, bob = tenant.user("ada"), tenant.user("bob")
    killed(site, "before:smb_config.apply", "deny", tenant.server, "files", "ada")
    site.host.fleet.reconcile()
    assert ada.do("files", "ls").status == "NT_STATUS_ACCESS_DENIED"
    assert bob.do("files", "ls").status == OK
