"""What a block device holds, read from the device each time, never from a cache."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from uuid import UUID

from attrs import frozen

from shares_core.adapters.linux.commands import run
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.domain.capacity import KIB, MIB
from shares_core.domain.share import FileSystem, FileSystemKind

#: Where file systems, partition tables and RAID keep their signatures, and blkid looks: at both ends of a
#: device. VMFS is the furthest from the start, at 2 MiB.
_START, _END = 2 * MIB + 64 * KIB, MIB
_BLKROGET = 0x125E  # linux/fs.h
_NOTHING_FOUND = 2  # blkid's status if a device holds nothing that it knows


@frozen
class _Superblock:
    """Where a file system's superblock keeps its identity, in bytes from the start of the device."""

    magic: bytes
    magic_at: int
    uuid_at: int


#: From the kernel's fs/ext4/ext4.h (struct ext4_super_block, which begins at 1024) and
#: fs/xfs/libxfs/xfs_format.h (struct xfs_dsb).
_SUPERBLOCKS: Mapping[FileSystemKind, _Superblock] = {
    FileSystemKind.EXT4: _Superblock(magic=b"\x53\xef", magic_at=1024 + 0x38, uuid_at=1024 + 0x68),
    FileSystemKind.XFS: _Superblock(magic=b"XFSB", magic_at=0, uuid_at=32),
}
#: Its s_state, and the bit of it that is EXT4_ERROR_FS.
_EXT4_STATE_AT, _EXT4_ERROR = 1024 + 0x3A, 2
#: Its s_feature_incompat, and the bit of it that is EXT4_FEATURE_INCOMPAT_RECOVER.
_EXT4_INCOMPAT_AT, _EXT4_RECOVER = 1024 + 0x60, 4
_XFS_IN_PROGRESS_AT = 126
#: Its s_log_block_size, in KiB as a power of two, and xfs's sb_sectsize.
_EXT4_LOG_BLOCK_AT, _XFS_SECTOR_AT = 1024 + 0x18, 102


def identify(device: str) -> dict[str, str]:
    """What a device holds, as it says itself: TYPE and UUID, or nothing."""
    return parse_blkid(run(("blkid", "--probe", "--output", "export", device), ok=(0, _NOTHING_FOUND)))


def smallest_unit(path: str) -> int | None:
    """The smallest piece that the file system on a device, or in a file, is read by; None without one."""
    start = _start_of(path)
    for kind, there in _SUPERBLOCKS.items():
        if start[there.magic_at :].startswith(there.magic):
            if kind is FileSystemKind.XFS:
                return int.from_bytes(start[_XFS_SECTOR_AT:][:2], "big")
            block: int = KIB << min(start[_EXT4_LOG_BLOCK_AT], 6)
            return block
    return None


def holds(device: str, filesystem: FileSystem) -> bool:
    """Whether the device holds exactly this file system.

    Every mount asks this, so it reads only two fields: a blkid for each share would take longer than the
    mount.
    """
    there, start = _SUPERBLOCKS[filesystem.kind], _start_of(device)
    magic = start[there.magic_at :].startswith(there.magic)
    return magic and start[there.uuid_at :].startswith(UUID(filesystem.uuid).bytes)


def is_half_made(device: str, filesystem: FileSystem) -> bool:
    """Whether the device holds what an interrupted mkfs of this very file system has left.

    mkfs.xfs writes the UUID first and clears its mark (sb_inprogress) last; mkfs.ext4 writes its superblock
    last.
    """
    if filesystem.kind is not FileSystemKind.XFS:
        return False
    return holds(device, filesystem) and _start_of(device)[_XFS_IN_PROGRESS_AT:][:1] == b"\1"


def has_errors(device: str, filesystem: FileSystem) -> bool:
    """Whether an ext4 says that the kernel met an error in it, and nobody has checked it since.

    The kernel still mounts it. An xfs keeps no such mark: the kernel refuses to mount it, or shuts it down.
    """
    if filesystem.kind is not FileSystemKind.EXT4:
        return False
    state = int.from_bytes(_start_of(device)[_EXT4_STATE_AT:][:2], "little")
    return bool(state & _EXT4_ERROR)


def has_clean_journal(device: str, filesystem: FileSystem) -> bool:
    """Whether an ext4 says that its journal is empty, as after every orderly unmount.

    An xfs does not say so in its superblock.
    """
    if filesystem.kind is not FileSystemKind.EXT4 or not holds(device, filesystem):
        return False
    features = int.from_bytes(_start_of(device)[_EXT4_INCOMPAT_AT:][:4], "little")
    return not features & _EXT4_RECOVER


def _start_of(device: str) -> bytes:
    """The device's first bytes; empty if the device does not exist."""
    with os_errors(f"looking at {device}"):
        try:
            with open(device, "rb", buffering=0) as file:
                return file.read(4096)
        except FileNotFoundError:
            return b""


def is_blank(device: str) -> bool:
    """Whether the device reads as zeros wherever a signature may be, so that it has none, known or not."""
    with os_errors(f"looking at {device}"), open(device, "rb", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        parts = ((0, _START), (max(0, size - _END), _END))
        for start, length in parts:  # start both reads before waiting for the first
            os.posix_fadvise(file.fileno(), start, length, os.POSIX_FADV_WILLNEED)
        for start, length in parts:
            file.seek(start)
            there = file.read(length)
            if there != bytes(len(there)):
                return False
    return True


def length_of(device: str) -> int:
    """The device's length in bytes."""
    with os_errors(f"looking at {device}"), open(device, "rb", buffering=0) as file:
        return file.seek(0, os.SEEK_END)


def is_write_protected(device: str) -> bool:
    """Whether the kernel refuses all writes to the device."""
    with os_errors(f"looking at {device}"), open(device, "rb", buffering=0) as file:
        return any(fcntl.ioctl(file.fileno(), _BLKROGET, bytes(4)))


def parse_blkid(output: str) -> dict[str, str]:
    """TYPE and UUID in ``blkid --output export``; a partition table counts as a TYPE too."""
    pairs = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    found: dict[str, str] = {key: pairs[key] for key in ("TYPE", "UUID") if key in pairs}
    if not found and "PTTYPE" in pairs:
        return {"TYPE": pairs["PTTYPE"]}
    return found
