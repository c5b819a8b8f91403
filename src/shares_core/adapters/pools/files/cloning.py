"""Files that share their blocks with others until one of them is written to (reflinks)."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from pathlib import Path

from shares_core.adapters.linux.commands import run
from shares_core.adapters.linux.oserrors import os_errors

_PROGRAM = str(Path(__file__).with_name("frozen_clone.py"))
#: Marks a file whose space is not its own: it may need all of it yet.
_MARK = "trusted.shares_core.shared"
_SECONDS = 600.0
_FICLONE = 0x40049409  # linux/fs.h
_NO_CLONES = (errno.EOPNOTSUPP, errno.ENOTTY, errno.ENOSYS)


def can_share(folder: Path) -> bool:
    """Whether files in the folder can share blocks. Asks its file system, by a file without a name.

    A clone of a file onto itself is refused in another way where clones are known.
    """
    with os_errors(f"looking whether files in {folder} can share blocks"):
        try:
            descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.EISDIR):  # it has no such files, and no clones
                return False
            raise
        try:
            os.ftruncate(descriptor, 1)
            fcntl.ioctl(descriptor, _FICLONE, descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, *_NO_CLONES):
                raise
            return error.errno == errno.EINVAL
        finally:
            os.close(descriptor)
    return True


def clone(source: Path, target: Path, mount_point: str | None) -> None:
    """Make the existing file ``target`` share all blocks of ``source``.

    What is mounted at ``mount_point`` is frozen meanwhile.
    """
    arguments = (str(source), str(target), *((mount_point, str(os.getpid())) if mount_point else ()))
    run((sys.executable, "-I", "-S", _PROGRAM, *arguments), timeout=_SECONDS)


def mark_shared(descriptor: int) -> None:
    """Mark the open file as one that will share blocks. Raises OSError."""
    os.setxattr(descriptor, _MARK, b"1")


def is_shared(image: str | Path) -> bool:
    """Whether the file is marked so. Raises OSError."""
    try:
        return bool(os.getxattr(image, _MARK, follow_symlinks=False))
    except OSError as error:
        if error.errno not in (errno.ENODATA, errno.EOPNOTSUPP):
            raise
        return False
