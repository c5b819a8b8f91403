"""ext4's case folding: whether this kernel has it, and turning it on for a folder."""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path

from shares_core.adapters.linux.mountcalls import MountCalls
from shares_core.domain.errors import HostNotReady

#: Each file in it is named after what this kernel's ext4 can do; missing until ext4 is loaded.
_FEATURES = Path("/sys/fs/ext4/features")
#: From the kernel's include/uapi/linux/fs.h, for machines with 64 bits.
_GET_FLAGS, _SET_FLAGS, _CASEFOLD = 0x80086601, 0x40086602, 0x40000000


def knows_case_fold(features: Path | None = None) -> bool | None:
    """Whether this kernel's ext4 folds case; None if it does not tell, because ext4 is not loaded."""
    folder = features or _FEATURES
    return (folder / "casefold").exists() if folder.is_dir() else None


def require_case_fold(calls: MountCalls) -> None:
    """Raise HostNotReady if this kernel cannot mount an ext4 that folds case. Cheap."""
    if knows_case_fold() is None:
        with suppress(OSError):
            calls.load("ext4")
    if not knows_case_fold():
        raise HostNotReady(
            "this kernel's ext4 does not fold case", hint="boot a kernel with CONFIG_UNICODE, as Debian's has"
        )


def fold_case(folder: str, parent: int) -> None:
    """Make the empty folder, and all that is ever made in it, find names in any case. Idempotent.

    Raises OSError.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        (flags,) = struct.unpack("=i", fcntl.ioctl(opened, _GET_FLAGS, bytes(4)))
        if not flags & _CASEFOLD:
            fcntl.ioctl(opened, _SET_FLAGS, struct.pack("=i", flags | _CASEFOLD))
    finally:
        os.close(opened)
