"""Growing a mounted xfs so that a power cut cannot tell its superblock from the copies."""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

from shares_core.adapters.filesystems.fsck import LONG_SECONDS
from shares_core.adapters.linux.commands import run
from shares_core.adapters.linux.oserrors import os_errors

#: From the kernel's fs/xfs/libxfs/xfs_fs.h: XFS_IOC_FSGEOMETRY_V1, with the offsets of imaxpct and datablocks
#: in its answer, and XFS_IOC_FSGROWFSDATA, which gets the same number of blocks and the same imaxpct.
_GEOMETRY, _GEOMETRY_BYTES, _IMAXPCT_AT, _BLOCKS_AT = 0x80705864, 112, 28, 32
_GROW, _GROW_FORMAT = 0x4010586E, "=QII"


def grow_xfs(folder: Path, device: str, *, holding: str = "") -> None:
    """Grow the mounted file system to its device's size. Idempotent; the result is on the disk."""
    run(("xfs_growfs", str(folder)), timeout=LONG_SECONDS, holding=holding)
    write_copies(folder, device)


def write_copies(folder: Path, device: str) -> None:
    """Make the copies of the mounted file system's superblock agree with it, on the disk. Idempotent.

    After a crash the log restores only the superblock; the kernel writes the copies last, and does not ensure
    that they reach the disk. If they have a former size, xfs_repair believes them, and cuts the file system
    to that. The kernel writes them again if it is asked to grow by nothing.
    """
    with os_errors(f"writing the copies of the superblock of {device}"):
        mounted = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            geometry = fcntl.ioctl(mounted, _GEOMETRY, bytes(_GEOMETRY_BYTES))
            (imaxpct,) = struct.unpack_from("=I", geometry, _IMAXPCT_AT)
            (blocks,) = struct.unpack_from("=Q", geometry, _BLOCKS_AT)
            fcntl.ioctl(mounted, _GROW, struct.pack(_GROW_FORMAT, blocks, imaxpct, 0))
        finally:
            os.close(mounted)
        with open(device, "rb", buffering=0) as file:
            os.fsync(file.fileno())
