"""Bringing a mounted file system to its disk, and letting its writers go on."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os

from shares_core.adapters.linux.files import open_folder
from shares_core.adapters.linux.oserrors import os_errors

_FITHAW = 0xC0045878  # linux/fs.h
_libc = ctypes.CDLL(None, use_errno=True)


def sync(mount_point: str) -> None:
    """Write to the disk what is not there yet (syncfs(2), which Python lacks). Idempotent."""
    with os_errors(f"writing {mount_point} to its disk"), open_folder(mount_point) as folder:
        if _libc.syncfs(folder) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def thaw(mount_point: str) -> None:
    """Let the writers go on, if somebody has frozen it. Idempotent.

    One that the kernel has shut down after an error cannot even be opened; nobody writes to it.
    """
    with os_errors(f"thawing {mount_point}"):
        try:
            with open_folder(mount_point) as folder:
                fcntl.ioctl(folder, _FITHAW, 0)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EIO):  # nobody has; it is shut down
                raise
