"""What a block device holds: looked up on the device each time, never in a cache."""

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

#: Where file systems, partition tables and RAID keep what tells them, and blkid looks for it: at both ends of
#: a device. Furthest from the start is VMFS, at 2 MiB.
_START, _END = 2 * MIB + 64 * KIB, MIB
_BLKROGET = 0x125E  # linux/fs.h
_NOTHING_FOUND = 2  # blkid's status where a device holds nothing that it knows


@frozen
class _Superblock:
    """Where a file system's superblock says what it is, in bytes from the start of the device."""

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


def identify(device: str) -> dict[str, str]:
    """What a device holds, whatever it is, by its own words: TYPE and UUID, or nothing."""
    return parse_blkid(run(("blkid", "--probe", "--output", "export", device), ok=(0, _NOTHING_FOUND)))


def holds(device: str, filesystem: FileSystem) -> bool:
    """Whether the device holds exactly this file system.

    That is asked at every mount, and answered by reading two fields: a blkid for each share would take longer
    than the mount itself.
    """
    there, start = _SUPERBLOCKS[filesystem.kind], _start_of(device)
    magic = start[there.magic_at :].startswith(there.magic)
    return magic and start[there.uuid_at :].startswith(UUID(filesystem.uuid).bytes)


def is_half_made(device: str, filesystem: FileSystem) -> bool:
    """Whether the device holds what a mkfs that was broken off has left, with this file system's name on it.

    mkfs.xfs writes that first and clears its mark (sb_inprogress) last; mkfs.ext4 writes its superblock last.
    """
    if filesystem.kind is not FileSystemKind.XFS:
        return False
    return holds(device, filesystem) and _start_of(device)[_XFS_IN_PROGRESS_AT:][:1] == b"\1"


def has_errors(device: str, filesystem: FileSystem) -> bool:
    """Whether an ext4 remembers that the kernel came upon an error in it, and nobody has checked it since.

    The kernel mounts it all the same. An xfs remembers nothing: it refuses to be mounted, or to go on.
    """
    if filesystem.kind is not FileSystemKind.EXT4:
        return False
    state = int.from_bytes(_start_of(device)[_EXT4_STATE_AT:][:2], "little")
    return bool(state & _EXT4_ERROR)


def has_clean_journal(device: str, filesystem: FileSystem) -> bool:
    """Whether an ext4 is known to have nothing in its journal, as after every orderly unmount.

    An xfs does not say so in its superblock.
    """
    if filesystem.kind is not FileSystemKind.EXT4 or not holds(device, filesystem):
        return False
    features = int.from_bytes(_start_of(device)[_EXT4_INCOMPAT_AT:][:4], "little")
    return not features & _EXT4_RECOVER


def _start_of(device: str) -> bytes:
    """Its first bytes; none where there is no such device."""
    with os_errors(f"looking at {device}"):
        try:
            with open(device, "rb", buffering=0) as file:
                return file.read(4096)
        except FileNotFoundError:
            return b""


def is_blank(device: str) -> bool:
    """Whether the device reads as zeros wherever a signature may be: none, known or not, can be there."""
    with os_errors(f"looking at {device}"), open(device, "rb", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        parts = ((0, _START), (max(0, size - _END), _END))
        for start, length in parts:  # both are on their way before the first is waited for
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
    """Whether the kernel lets nobody write to the device."""
    with os_errors(f"looking at {device}"), open(device, "rb", buffering=0) as file:
        return any(fcntl.ioctl(file.fileno(), _BLKROGET, bytes(4)))


def parse_blkid(output: str) -> dict[str, str]:
    """TYPE and UUID in ``blkid --output export``; a partition table counts as a TYPE too."""
    pairs = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    found: dict[str, str] = {key: pairs[key] for key in ("TYPE", "UUID") if key in pairs}
    if not found and "PTTYPE" in pairs:
        return {"TYPE": pairs["PTTYPE"]}
    return found
