"""A volume group that is damaged, full or missing, and LVM that is missing or hangs: named, with a remedy."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shares_core import Busy, Capacity, Host, HostConfig, HostNotReady, LvmPool, NoCapacity, SharesError
from shares_core.adapters.pools.lvm import commands
from shares_core.bootstrap import open_host
from shares_core.domain.capacity import MIB
from shares_core.domain.errors import BackendFailure
from shares_core.domain.pools import ThinPoolName, VolumeGroupName
from shares_core.domain.remedy import Call, HostTool, Packages, Remedy, UseCase
from shares_core.domain.views import ReconcileOutcome, RunState
from tests.reliability.scene import mount_point
from tests.settings import with_pool
from tests.testkit.probes import until
from tests.testkit.site import Site, opened_site
from tests.testkit.volume_groups import Disk, lvm, new_name, remove_group, size_for

SIZE = Capacity(64 * MIB)
SERVER = "tenant"


@pytest.fixture
def disks() -> Iterator[list[Disk]]:
    made = [Disk.attached(size_for(48)) for _ in range(2)]
    try:
        yield made
    finally:
        for disk in made:
            disk.detach()


@pytest.fixture
def group(disks: list[Disk]) -> Iterator[str]:
    """A volume group on both disks."""
    name = new_name()
    lvm("vgcreate", "--yes", name, *(disk.device for disk in disks))
    try:
        yield name
    finally:
        remove_group(name)


@pytest.fixture
def site(group: str) -> Iterator[Site]:
    """A host with the group as its pool, and a server."""
    with opened_site(pools=(LvmPool(volume_group=VolumeGroupName(group)),)) as site:
        site.host.servers.create(SERVER)
        try:
            yield site
        finally:
            site.host.servers.delete(SERVER, with_shares=True)


def refused(host: Host, *errors: type[SharesError]) -> SharesError:
    """The error of making a share, of which nothing is left in the record."""
    with pytest.raises(errors) as raised:
        host.shares.create(SERVER, "new", SIZE)
    assert "new" not in {str(view.share.name) for view in host.shares.list(SERVER)}
    return raised.value


def changed(site: Site, **changes: object) -> Host:
    return open_host(with_pool(site.config, **changes))


def volumes(group: str) -> set[str]:
    return set(lvm("lvs", "--noheadings", "--options", "lv_name", group).split())


def test_a_full_group_raises_no_capacity(site: Site, group: str) -> None:
    """All that was promised can be used, even the last extent."""
    site.host.shares.create(SERVER, "most", Capacity(site.host.pool.show().free))
    before = volumes(group)
    error = refused(site.host, NoCapacity)
    assert HostTool("vgextend", (group, "DEVICE")) in error.remedy.parts
    assert before == volumes(group)


def test_a_missing_group_is_named_with_the_command(site: Site) -> None:
    host = changed(site, volume_group=VolumeGroupName("sctest-absent"))
    making = Call(UseCase.BUILD_POOL, ("DEVICE",))
    assert making in refused(host, HostNotReady).remedy.parts


def test_a_group_without_one_of_its_devices_makes_nothing(site: Site, disks: list[Disk], group: str) -> None:
    """Volumes on the other devices are still served; when the device is back, all is well."""
    site.host.shares.create(SERVER, "files", SIZE)
    before = volumes(group)
    spare = disks[1]
    subprocess.run(("losetup", "--detach", spare.device), check=True)
    try:
        lvm("pvscan", "--cache")
        with pytest.raises(HostNotReady) as raised:
            site.host.pool.show()
        assert "misses 1 of its devices" in raised.value.message
        assert raised.value.hint != ""
        refused(site.host, HostNotReady)
        assert before == volumes(group)
        assert site.host.shares.show(SERVER, "files").usage is not None
    finally:
        subprocess.run(("losetup", spare.device, spare.file), check=True)
        lvm("pvscan", "--cache")
    site.host.shares.create(SERVER, "new", SIZE)


def test_a_group_on_read_only_devices_makes_nothing(site: Site, disks: list[Disk], group: str) -> None:
    before = volumes(group)
    for disk in disks:
        subprocess.run(("blockdev", "--setro", disk.device), check=True)
    try:
        assert "setrw" in refused(site.host, HostNotReady).hint
        assert before == volumes(group)
    finally:
        for disk in disks:
            subprocess.run(("blockdev", "--setrw", disk.device), check=True)
    site.host.shares.create(SERVER, "new", SIZE)


def test_an_exported_group_is_named_with_its_remedy(site: Site, group: str) -> None:
    lvm("vgexport", group)
    try:
        importing = HostTool("vgimport", (group,))
        assert Remedy.of(importing) == refused(site.host, HostNotReady).remedy
    finally:
        lvm("vgimport", group)


def thin_host(site: Site, group: str, metadata: int, overprovision: bool) -> Host:
    """The same server's host with a thin pool in the group."""
    size = ("--size", f"{256 * MIB}b", "--poolmetadatasize", f"{metadata}b", "--chunksize", "64k")
    lvm("lvcreate", "--yes", "--type", "thin-pool", *size, "--name", "pool", group)
    return changed(site, thin_pool=ThinPoolName("pool"), overprovision=overprovision)


def test_a_fully_promised_thin_pool_raises_no_capacity(site: Site, group: str) -> None:
    host = thin_host(site, group, 4 * MIB, overprovision=False)
    host.shares.create(SERVER, "most", Capacity(host.pool.show().free))
    before = volumes(group)
    larger = HostTool("lvextend", ("--size", "+SIZE", f"{group}/pool"))
    assert larger in refused(host, NoCapacity).remedy.parts
    assert before == volumes(group)
    with pytest.raises(NoCapacity):
        host.shares.extend(SERVER, "most", Capacity(512 * MIB))


def fill(file: Path) -> None:
    """Write until the disk is full."""
    with file.open("wb", buffering=0) as opened:
        for _ in range(100):
            opened.write(os.urandom(4 * MIB))
            os.fsync(opened.fileno())


def test_a_full_thin_pool_makes_nothing(site: Site, group: str) -> None:
    """It has promised more than it has: the disk tells those who fill it, and we tell the others."""
    host = thin_host(site, group, 4 * MIB, overprovision=True)
    lvm("lvchange", "--errorwhenfull", "y", f"{group}/pool")
    for name, size in (("other", SIZE), ("first", Capacity(240 * MIB)), ("second", Capacity(240 * MIB))):
        host.shares.create(SERVER, name, size)
    server = host.servers.show(SERVER).server
    for name in ("first", "second"):  # one fills its file system, the other the rest of the pool
        with pytest.raises(OSError, match=r"error|space|Read-only"):
            fill(mount_point(site.config, server, server.share(name)) / "data/large")
    assert [True] == ["% full" in warning.problem for warning in host.pool.show().warnings]
    before = volumes(group)
    larger = HostTool("lvextend", ("--size", "+SIZE", f"{group}/pool"))
    assert larger in refused(host, NoCapacity).remedy.parts
    assert before == volumes(group)
    lvm("lvextend", "--size", f"+{64 * MIB}b", f"{group}/pool")
    host.shares.create(SERVER, "new", SIZE)
    shown = {str(view.share.name): view.usage for view in host.shares.list(SERVER)}
    assert all(shown[name] is not None for name in ("other", "new"))
    for name in shown:
        host.shares.delete(SERVER, name)


def instead_of_lvm(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str | None) -> None:
    """Replace LVM's commands by the script; without a script only they are missing."""
    folder.mkdir()
    lvms = {path.name for path in Path("/usr/sbin").iterdir() if path.resolve().name == "lvm"}
    path = str(folder)
    if script is None:
        for program in (*Path("/usr/bin").iterdir(), *Path("/usr/sbin").iterdir()):
            if program.name not in lvms and not (folder / program.name).exists():
                (folder / program.name).symlink_to(program)
    else:
        path += ":/usr/sbin:/usr/bin"
        for name in lvms:
            (folder / name).write_text(script)
            (folder / name).chmod(0o755)
    monkeypatch.setattr(
        "shares_core.adapters.linux.commands.environment", lambda: {"LC_ALL": "C", "PATH": path, "HOME": "/"}
    )


def test_a_missing_lvm_is_named(
    site: Site, group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = volumes(group)
    with monkeypatch.context() as patch:
        instead_of_lvm(tmp_path / "bin", patch, None)
        assert Remedy.of(Packages(("lvm2",))) == refused(site.host, HostNotReady).remedy
    assert before == volumes(group)


def test_a_hanging_lvm_is_given_up_and_the_server_is_free_again(
    site: Site, group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time limit; the next call, with an LVM that answers, succeeds."""
    before = volumes(group)
    with monkeypatch.context() as patch:
        instead_of_lvm(tmp_path / "bin", patch, "#!/bin/sh\nexec sleep 60\n")
        patch.setattr(commands, "LVM_SECONDS", 0.5)
        error = refused(site.host, BackendFailure)
        assert "did not end in" in error.message
        assert HostTool("vgs", (group,)) in error.remedy.parts
    assert before == volumes(group)
    site.host.shares.create(SERVER, "new", SIZE)


def test_while_lvm_hangs_nobody_waits_but_for_that_share(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks for the share itself is told so; all else on the server is done at once."""

    def making() -> None:
        with pytest.raises(BackendFailure, match="did not end in"):
            site.host.shares.create(SERVER, "new", SIZE)

    site.host.shares.create(SERVER, "kept", SIZE)
    hasty = site.hasty
    began = tmp_path / "began"
    with monkeypatch.context() as patch, ThreadPoolExecutor(1) as thread:
        instead_of_lvm(tmp_path / "bin", patch, f"#!/bin/sh\n: >'{began}'\nexec sleep 60\n")
        patch.setattr(commands, "LVM_SECONDS", 20.0)
        hanging = thread.submit(making)
        assert until(began.exists, 60)
        with pytest.raises(Busy, match="another caller"):
            hasty.shares.create(SERVER, "new", SIZE)
        with pytest.raises(Busy, match=r"share\.create"):
            hasty.shares.delete(SERVER, "new")
        assert hasty.access.allow(SERVER, "kept", "ada").password is not None
        assert hasty.access.deny(SERVER, "kept", "ada")
        hasty.servers.create("other")
        assert not hanging.done()
        hanging.result(60)
    site.host.servers.delete("other")
    site.host.fleet.reconcile()  # with a working LVM it removes what was begun
    assert site.host.fleet.reconcile().is_empty
    assert ["kept"] == [str(view.share.name) for view in site.host.shares.list(SERVER)]


@pytest.fixture
def kept(site: Site, group: str) -> Path:
    """A file on a share whose group is inactive, as after a boot without activation."""
    share = site.host.shares.create(SERVER, "kept", SIZE).share
    server = site.host.servers.show(SERVER).server
    mounted = mount_point(site.config, server, share)
    (mounted / "data/file").write_bytes(b"kept")
    subprocess.run(("docker", "kill", f"shares-{server.id}"), check=True, capture_output=True)
    subprocess.run(("umount", mounted), check=True)
    lvm("vgchange", "--activate", "n", group)
    return mounted / "data/file"


def test_an_inactive_group_is_activated_by_a_reconcile(site: Site, kept: Path) -> None:
    """It exists, and its volumes are ours."""
    (view,) = site.host.fleet.reconcile().servers
    assert (ReconcileOutcome.OK, True) == (view.outcome, "share kept is not attached" in map(str, view.found))
    assert b"kept" == kept.read_bytes()


@pytest.mark.parametrize("away", ["export", "rename"])
def test_a_missing_group_at_a_reconcile_fails_only_its_shares(
    site: Site, group: str, kept: Path, away: str
) -> None:
    """As after a boot without its disks: the server is up, nothing is made; later they are back."""
    host, before, aside = site.host, volumes(group), new_name()
    lvm(*(("vgexport", group) if away == "export" else ("vgrename", group, aside)))
    try:
        (view,) = host.fleet.reconcile().servers
        assert (ReconcileOutcome.FAILED, ("kept",)) == (view.outcome, view.failed_shares)
        assert group in host.shares.show(SERVER, "kept").share.reason
        assert RunState.RUNNING is host.servers.show(SERVER).state
    finally:
        lvm(*(("vgimport", group) if away == "export" else ("vgrename", aside, group)))
    assert before == volumes(group)
    host.fleet.reconcile()
    assert host.fleet.reconcile().is_empty
    assert b"kept" == kept.read_bytes()


@pytest.mark.parametrize("name", ["vg;reboot", "-vg", "../vg", "v g", "vg\nx", "v" * 128, ".", ""])
def test_a_bad_name_of_a_group_is_bad_input(name: str) -> None:
    """Before any command of LVM."""
    with pytest.raises(SharesError) as raised:
        HostConfig(pools=(LvmPool(volume_group=VolumeGroupName(name)),))
    assert "invalid_input" == raised.value.code
