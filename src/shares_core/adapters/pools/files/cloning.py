"""Files that share their blocks with others until one of them is written to (reflinks)."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from shares_core.adapters.linux.commands import run
from shares_core.adapters.pools.files.frozen_clone import CANNOT_SHARE
from shares_core.domain.errors import CommandFailed, HostNotReady

_PROGRAM = str(Path(__file__).with_name("frozen_clone.py"))
#: Marks a file whose space is not its own: it may need all of it yet.
_MARK = "trusted.shares_core.shared"
_SECONDS = 600.0


def clone(source: Path, target: Path, mount_point: str | None) -> None:
    """Make the existing file ``target`` share all blocks of ``source``.

    What is mounted at ``mount_point`` is frozen meanwhile. Raises HostNotReady if their file system cannot
    share blocks.
    """
    arguments = (str(source), str(target), *((mount_point, str(os.getpid())) if mount_point else ()))
    try:
        run((sys.executable, "-I", "-S", _PROGRAM, *arguments), timeout=_SECONDS)
    except CommandFailed as error:
        if error.status != CANNOT_SHARE:
            raise
        raise HostNotReady(
            f"the file system of the pool {target.parent} cannot share blocks between files",
            hint="put the pool on xfs, whose files can",
        ) from error


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
