"""An xfs in a file, for a folder whose own file system cannot share blocks between files."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from attrs import frozen

from shares_core.adapters.filesystems.fsck import LONG_SECONDS
from shares_core.adapters.filesystems.mounting import mount
from shares_core.adapters.filesystems.xfs import grow_xfs
from shares_core.adapters.linux.commands import run
from shares_core.adapters.linux.files import open_folder, write_whole
from shares_core.adapters.linux.mountcalls import MountCalls
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.pools.files import devices
from shares_core.adapters.pools.files.reserving import able_to_reserve, reserve
from shares_core.domain.capacity import MIB, Capacity, format_bytes, round_up
from shares_core.domain.errors import HostNotReady, NoCapacity, SharesError
from shares_core.domain.volume import FileSystem, FileSystemKind

_IMAGE, _PART, _VOLUMES, _SIZE = "pool.xfs", "pool.xfs.part", "volumes", "pool.size"
#: What the folder may hold before the image is complete.
UNFINISHED = (_PART, _SIZE)
#: What the xfs needs itself: its log, and a part for its tables, of which up to 1 % say who has which block,
#: 0.6 % what is shared, and 0.4 % where files are that are in pieces of one block each.
_LOG: int = 128 * MIB
_TABLES = 32
#: Where an xfs has its magic number and its UUID (xfs_dsb in xfs_format.h).
_MAGIC, _UUID_AT, _UUID_BYTES = b"XFSB", 32, 16


def _length(size: Capacity) -> int:
    """How long a file holds volumes of that size together."""
    return round_up(size.bytes + size.bytes // _TABLES, MIB) + _LOG


@frozen
class XfsImage:
    """The file ``pool.xfs`` in the folder, and ``volumes`` beside it, where it is mounted.

    Its size, which is noted in ``pool.size``, is what volumes may have in it; the file is larger, by what the
    xfs needs itself. All of that is reserved when it is made or grown, and nothing gives any of it back: what
    it promises is there.
    """

    folder: Path
    calls: MountCalls

    @property
    def file(self) -> Path:
        return self.folder / _IMAGE

    @property
    def volumes(self) -> Path:
        return self.folder / _VOLUMES

    def exists(self) -> bool:
        return os.path.lexists(self.file)

    def is_mounted(self) -> bool:
        """Whether anything is; cheap. Raises BackendFailure if it has shut down after an error."""
        with os_errors(f"looking at {self.volumes}"):
            try:
                return os.stat(self.volumes).st_dev != os.stat(self.folder).st_dev
            except FileNotFoundError:
                return False

    def make(self, size: Capacity) -> None:
        """Make the file with its file system. Raises NoCapacity, and leaves nothing, if there is no room.

        It gets its name when it is complete. The caller sees to it that there is none, and that nobody else
        makes one.
        """
        part = self.folder / _PART
        self._note_size(size)
        with os_errors(f"making {self.file}"):
            part.unlink(missing_ok=True)  # the remains of a killed call
            try:
                descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                try:
                    self._reserve(descriptor, _length(size))
                    # Nothing is discarded: the space would no longer be reserved.
                    run(("mkfs.xfs", "-q", "-K", str(part)), timeout=LONG_SECONDS)
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
                part.rename(self.file)
                # Otherwise a power cut could bring the former name back, which means that it is not complete.
                with open_folder(self.folder) as folder:
                    os.fsync(folder)
            except BaseException:
                part.unlink(missing_ok=True)
                (self.folder / _SIZE).unlink(missing_ok=True)
                raise

    def mount(self) -> None:
        """Mount it; its device goes with the mount. Raises HostNotReady if the file is not an xfs."""
        filesystem = self._filesystem()
        device = devices.attach(self.file)
        self._keep_reserved(device)
        with os_errors(f"making {self.volumes}"):
            self.volumes.mkdir(mode=0o700, exist_ok=True)
        try:
            mount(self.calls, device, filesystem, self.volumes)
        finally:
            run(("losetup", "--detach", device))  # while it is mounted, this waits until it is not any more

    def grow(self, size: Capacity) -> None:
        """Enlarge it while it is mounted. Idempotent. Raises NoCapacity, and then changes nothing."""
        with os_errors(f"growing {self.file}"):
            descriptor = os.open(self.file, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                before = os.fstat(descriptor).st_size
                try:
                    self._reserve(descriptor, max(before, _length(size)))
                except (OSError, SharesError):
                    os.ftruncate(descriptor, before)  # nothing uses the new end yet
                    raise
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        devices.refresh(self.file)
        device = devices.device_of(self.file)
        if device is None:
            raise HostNotReady(f"{self.file} is no longer attached", hint="unmount it, and call again")
        grow_xfs(self.volumes, device)
        self._note_size(size)

    @property
    def size(self) -> Capacity | None:
        """Its size as it was noted; None before it is made. Raises HostNotReady if that cannot be read."""
        note = self.folder / _SIZE
        with os_errors(f"reading {note}"):
            try:
                return Capacity(int(note.read_bytes()))
            except FileNotFoundError:
                return None
            except ValueError as error:
                raise HostNotReady(
                    f"{note} is damaged", hint="write into it how many bytes the pool may give to volumes"
                ) from error

    def _note_size(self, size: Capacity) -> None:
        """The settings name only the first."""
        with os_errors(f"noting the size of {self.file}"):
            write_whole(self.folder / _SIZE, str(size.bytes).encode())

    def _reserve(self, descriptor: int, length: int) -> None:
        figures = os.fstatvfs(descriptor)
        needed = length - os.fstat(descriptor).st_blocks * 512
        free = figures.f_bavail * figures.f_frsize
        if needed > free:
            raise NoCapacity(
                f"{self.folder} has {format_bytes(free)} free, and the pool's image needs "
                f"{format_bytes(needed)}",
                hint="make room there, or a smaller pool",
            )
        with able_to_reserve(f"{self.folder}", "put the pool on ext4, xfs or btrfs"):
            reserve(descriptor, length)

    def _filesystem(self) -> FileSystem:
        with os_errors(f"reading {self.file}"), self.file.open("rb") as file:
            block = file.read(_UUID_AT + _UUID_BYTES)
        if not block.startswith(_MAGIC):
            raise HostNotReady(
                f"{self.file} is not an xfs: it was overwritten or cut", hint="restore it from a backup"
            )
        return FileSystem(FileSystemKind.XFS, str(uuid.UUID(bytes=block[_UUID_AT:])))

    @staticmethod
    def _keep_reserved(device: str) -> None:
        """Let nobody discard what is free in it: the file would have holes, and its space be somebody's."""
        limit = Path("/sys/block") / Path(device).name / "queue" / "discard_max_bytes"
        with os_errors(f"setting {limit}"):
            limit.write_text("0\n")
