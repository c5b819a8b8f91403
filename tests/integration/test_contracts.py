"""The contracts' suites on the real adapters: the same tests as for the ports in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import evolve

from shares_core.adapters.filesystems import mounting
from shares_core.adapters.linux.polling import wait_until
from shares_core.adapters.pools.files import devices
from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.errors import BackendFailure, ShareDamaged, ShareFailed
from shares_core.domain.volume import DISK_OWNER, FileSystemKind
from tests.contracts.audit import AuditContract
from tests.contracts.clock import ClockContract
from tests.contracts.events import EventsContract
from tests.contracts.every_port import SUITES, suites_run_by
from tests.contracts.filesystems import FileSystemsContract
from tests.contracts.filesystems_world import DATA, Made, written
from tests.contracts.folders import ServerFoldersContract
from tests.contracts.ids import IdsContract
from tests.contracts.locks import LocksContract
from tests.contracts.network import NetworkContract
from tests.contracts.pools import PoolsContract
from tests.contracts.processes import ServerProcessesContract
from tests.contracts.progress import ProgressContract
from tests.contracts.records import RecordsContract
from tests.contracts.runtime import ServerRuntimeContract
from tests.contracts.secrets import SecretsContract
from tests.contracts.smb import SmbConfigContract, SmbFilesContract, SmbSessionsContract
from tests.contracts.storage import BlockStorageContract
from tests.contracts.values import UID
from tests.contracts.workers import WorkersContract
from tests.integration.support.contract_clients import RealSmb
from tests.integration.support.contract_servers import RealContainers, RealDevices
from tests.integration.support.contract_storage import ImageStorage, RealPools, RealStorage, SharingStorage
from tests.integration.support.contract_world import RealWorld
from tests.integration.support.namespaces import helpers


def test_every_suite_runs_here() -> None:
    """No suite can be forgotten."""
    assert set(SUITES.values()) == suites_run_by(sys.modules[__name__])


@pytest.fixture(scope="module", autouse=True)
def _impatient() -> Iterator[None]:
    """Shorten the waits for what a test holds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devices, "_DETACH_SECONDS", 0.2)
        patch.setattr(mounting, "_UNMOUNT_SECONDS", 0.2)
        yield


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[RealWorld]:
    """The world that the class names, removed after the test."""
    kind: Callable[[], RealWorld] = request.cls.kind_of_world
    made = kind()
    try:
        yield made
    finally:
        made.close()


class TestSystemClock(ClockContract):
    """The kernel's clock."""

    kind_of_world = RealWorld


class TestCallbackEvents(EventsContract):
    """A function that listens."""

    kind_of_world = RealWorld


class TestThreadWorkers(WorkersContract):
    """Side by side."""

    kind_of_world = RealWorld


class TestRandomIds(IdsContract):
    """The kernel's random numbers."""

    kind_of_world = RealWorld


class TestDiskAuditTrails(AuditContract):
    """Files of JSON lines."""

    kind_of_world = RealWorld


class TestDiskFolders(ServerFoldersContract):
    """Folders below a shared mount."""

    kind_of_world = RealWorld


class TestFileLocks(LocksContract):
    """Lock files."""

    kind_of_world = RealWorld


class TestDiskProgress(ProgressContract):
    """Small files."""

    kind_of_world = RealWorld


class TestDiskRecords(RecordsContract):
    """Files of JSON."""

    kind_of_world = RealWorld


class TestDiskSecrets(SecretsContract):
    """Files that only root reads."""

    kind_of_world = RealWorld


class TestLoopFilePool(BlockStorageContract):
    """Files as loop devices."""

    kind_of_world = RealStorage


class TestLoopFilePoolOnXfs(BlockStorageContract):
    """Files that can share blocks."""

    kind_of_world = SharingStorage


class TestImageFilePool(BlockStorageContract):
    """Files in an xfs that the pool makes for itself."""

    kind_of_world = ImageStorage


@contextmanager
def write_protected(device: str) -> Iterator[None]:
    """Inside, nobody may write to the device."""
    subprocess.run(("blockdev", "--setro", device), check=True)
    try:
        yield
    finally:
        subprocess.run(("blockdev", "--setrw", device), check=True)


class TestSeveralPools(PoolsContract):
    """Two folders of files."""

    kind_of_world = RealPools


class TestLinuxFileSystems(FileSystemsContract):
    """ext4 and xfs."""

    kind_of_world = RealStorage

    def test_a_write_protected_device_is_not_mounted(self, world: RealStorage, made: Made) -> None:
        """Not even read-only, which would look like damage."""
        filesystems = world.ports.filesystems
        with write_protected(made.device):
            with pytest.raises(BackendFailure, match="write-protected") as raised:
                filesystems.mount(*made.mount)
            assert not isinstance(raised.value, ShareFailed)
            assert not filesystems.mounted(*made.share)
        filesystems.mount(*made.mount)
        assert "" == filesystems.troubles({made.share: (made.device, made.volume)}).get(made.share, "")

    def test_a_write_protected_device_is_not_taken_for_damaged(self, world: RealStorage, made: Made) -> None:
        """Its journal cannot be replayed, and a tool that ignores it finds many errors."""
        filesystems = world.ports.filesystems
        world.crash_with(made, DATA)
        with write_protected(made.device):
            for look in (
                filesystems.check,
                filesystems.examine,
                filesystems.repair,
                filesystems.grow_unmounted,
            ):
                with pytest.raises(BackendFailure, match="write-protected") as raised:
                    look(made.device, made.volume)
                assert not isinstance(raised.value, ShareFailed)
        filesystems.check(made.device, made.volume)
        assert ("", True) == (filesystems.examine(made.device, made.volume), world.is_whole(made))
        filesystems.mount(*made.mount)
        assert DATA == world.read(*made.share)

    def test_a_tool_that_ignores_the_journal_reports_no_damage(
        self, world: RealStorage, made: Made, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """If it could not be mounted for another reason: it is tried again, and needs no repair."""
        filesystems = world.ports.filesystems
        world.crash_with(made, DATA)
        with monkeypatch.context() as patched:
            unknown = dict.fromkeys(FileSystemKind, ("no-such-option",))
            patched.setattr("shares_core.adapters.filesystems.mounting._OPTIONS", unknown)
            with pytest.raises(ShareFailed) as raised:
                filesystems.check(made.device, made.volume)
            assert not isinstance(raised.value, ShareDamaged)
        filesystems.check(made.device, made.volume)
        filesystems.mount(*made.mount)
        assert DATA == world.read(*made.share)

    @pytest.mark.parametrize("former", [False, True])
    def test_a_leftover_scratch_mount_blocks_nothing(
        self, world: RealStorage, made: Made, former: bool
    ) -> None:
        """An ext4 that is mounted read-only cannot also be mounted for writing."""
        filesystems = world.ports.filesystems
        name = f"grow-{made.volume.filesystem.uuid}" if former else f"scratch-{made.volume.id}"
        scratch = world.state_dir / name
        scratch.mkdir()
        subprocess.run(("mount", "-r", made.device, scratch), check=True)
        filesystems.mount(*made.mount)
        assert not scratch.exists()
        world.write(*made.share, DATA)

    @pytest.mark.parametrize("step", ["make", "map_ids", "move"])
    def test_a_mount_that_is_killed_in_any_step_leaves_nothing(
        self, world: RealStorage, made: Made, step: str
    ) -> None:
        """No mount with the wrong owner, none that keeps the volume in use, and no helper."""
        filesystems = world.ports.filesystems
        where = f"shares_core.adapters.linux.mountcalls.MountCalls.{step}"
        world.killed_in("filesystems.mount", *made.mount, where=where)
        assert wait_until(lambda: not helpers(), 10)
        assert not filesystems.mounted(*made.share)
        world.ports.storage.detach(made.volume.ref)
        world.ports.storage.attach(made.volume.ref)
        filesystems.mount(*made.mount)
        filesystems.prepare_folder(*made.share, "data", UID)
        assert (UID, DISK_OWNER) == (
            world.served_owner(*made.share, "data"),
            world.owner_on_disk(made, "data"),
        )

    @pytest.mark.parametrize("kind", [FileSystemKind.EXT4], indirect=True)
    def test_a_mount_leaves_neither_a_descriptor_nor_a_process(self, world: RealStorage, made: Made) -> None:
        """Neither does a failed mount, nor several at once."""
        filesystems = world.ports.filesystems
        written(world, made)
        others = [world.copy_of(made) for _ in range(3)]
        ids = [(made.server_id, digit * 12) for digit in "678"]
        filesystems.require_mounting()
        before = set(os.listdir("/proc/self/fd"))
        with ThreadPoolExecutor() as threads:
            mounting = [
                threads.submit(filesystems.mount, *each, device, volume, UID)
                for each, (volume, device) in zip(ids, others, strict=True)
            ]
            for each in mounting:
                each.result()
        with pytest.raises(ShareFailed):
            filesystems.mount(*made.share, made.device, evolve(made.volume, owner=UID + 9), UID)
        assert sorted((*ids,)) == sorted(filesystems.list())
        assert (before, []) == (set(os.listdir("/proc/self/fd")), helpers())

    @pytest.mark.parametrize("kind", [FileSystemKind.EXT4], indirect=True)
    def test_the_name_of_a_damaged_file_is_not_removed_unasked(self, world: RealStorage, made: Made) -> None:
        """The kernel still mounts it; e2fsck -p would silently remove the name."""
        filesystems = world.ports.filesystems
        written(world, made)
        world.lost_inode(made)
        for settle in (filesystems.check, filesystems.grow_unmounted):
            with pytest.raises(ShareDamaged):
                settle(made.device, made.volume)
        assert "file" in world.names_in(made)
        assert "deleted/unused inode" in filesystems.examine(made.device, made.volume)

    @pytest.mark.parametrize("kind", [FileSystemKind.EXT4], indirect=True)
    def test_an_error_recorded_only_in_the_journal_counts(self, world: RealStorage, made: Made) -> None:
        """As after a power cut before the superblock was written."""
        filesystems = world.ports.filesystems
        filesystems.mount(*made.mount)
        world.write(*made.share, DATA)
        world.meet_damage(made)
        filesystems.unmount(*made.share)
        world.forget_error(made)
        for _ in range(2):
            with pytest.raises(ShareDamaged):
                filesystems.mount(*made.mount)
            assert not filesystems.mounted(*made.share)
        assert "" == filesystems.examine(made.device, made.volume)
        filesystems.mount(*made.mount)
        assert DATA == world.read(*made.share)

    @pytest.mark.parametrize("kind", [FileSystemKind.XFS], indirect=True)
    @pytest.mark.parametrize("looking", ["check", "grow_unmounted", "examine", "repair"])
    def test_a_growing_with_old_superblock_copies_on_disk_is_whole(
        self, world: RealStorage, made: Made, looking: str
    ) -> None:
        """xfs_repair would believe the copies, and cut the file system to its former size."""
        filesystems = world.ports.filesystems
        written(world, made)
        before, copies = filesystems.size(made.device, made.volume), world.copies(made)
        world.ports.storage.grow_volume(made.volume.ref, larger := Capacity(before.bytes + 128 * MIB))
        filesystems.grow_unmounted(made.device, made.volume)
        world.put_back(made, copies)
        assert not world.is_whole(made)
        getattr(filesystems, looking)(made.device, made.volume)
        assert ("", True) == (filesystems.examine(made.device, made.volume), world.is_whole(made))
        assert larger == filesystems.size(made.device, made.volume)
        filesystems.mount(*made.mount)
        assert DATA == world.read(*made.share)

    @pytest.mark.parametrize("kind", [FileSystemKind.XFS], indirect=True)
    def test_an_xfs_that_shuts_down_while_being_settled_is_unmounted(
        self, world: RealStorage, made: Made, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Only this share fails, and its volume is free."""
        filesystems = world.ports.filesystems

        def shuts_down(folder: Path, device: str) -> None:
            raise BackendFailure(f"writing to {device}: Input/output error")

        with monkeypatch.context() as patched:
            patched.setattr("shares_core.adapters.filesystems.scratch.write_copies", shuts_down)
            for settle in (filesystems.check, filesystems.grow_unmounted):
                with pytest.raises(ShareFailed, match="Input/output error"):
                    settle(made.device, made.volume)
            assert "" == filesystems.examine(made.device, made.volume)
        filesystems.mount(*made.mount)

    @pytest.mark.parametrize("kind", [FileSystemKind.XFS], indirect=True)
    def test_a_growing_recorded_only_in_the_journal_counts(self, world: RealStorage, made: Made) -> None:
        """As after a power cut: a volume cut to its superblock's size could not be mounted again."""
        filesystems = world.ports.filesystems
        written(world, made)
        before = filesystems.size(made.device, made.volume)
        world.ports.storage.grow_volume(made.volume.ref, larger := Capacity(before.bytes + 128 * MIB))
        world.growth_in_journal(made)
        assert before == filesystems.size(made.device, made.volume)
        filesystems.check(made.device, made.volume)
        assert larger == filesystems.size(made.device, made.volume)
        filesystems.mount(*made.mount)
        assert DATA == world.read(*made.share)


class TestLinuxNetwork(NetworkContract):
    """Bridges and veth pairs."""

    kind_of_world = RealDevices


class TestDockerRuntime(ServerRuntimeContract):
    """Containers of Docker's."""

    kind_of_world = RealContainers


class TestContainerProcesses(ServerProcessesContract):
    """smbd's processes, and the agent beside them."""

    kind_of_world = RealSmb


class TestSambaConfig(SmbConfigContract):
    """The files that smbd reads."""

    kind_of_world = RealSmb


class TestSambaFiles(SmbFilesContract):
    """Files in the container's mounts."""

    kind_of_world = RealSmb


class TestSambaSessions(SmbSessionsContract):
    """smbd's processes."""

    kind_of_world = RealSmb
