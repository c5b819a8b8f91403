"""Bringing a mounted file system to its disk, keeping its writers out, and letting them go on."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from pathlib import Path

from shares_core.adapters.linux.files import open_folder
from shares_core.adapters.linux.mountcalls import MountCalls
from shares_core.adapters.linux.mountinfo import mount_at
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.linux.polling import wait_until
from shares_core.domain.errors import BackendFailure
from shares_core.domain.remedy import HostTool, Remedy

_FITHAW = 0xC0045878  # linux/fs.h
_CLOSED_SECONDS = 10.0
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


def pause_writing(calls: MountCalls, mount_point: Path) -> None:
    """Make it read-only, once every file in it that was open for writing is closed. Idempotent."""

    def paused() -> bool:
        try:
            calls.set_read_only(mount_point, read_only=True)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            return False
        return True

    with os_errors(f"making {mount_point} read-only"):
        done = wait_until(paused, _CLOSED_SECONDS)
    if not done:
        raise BackendFailure(
            f"{mount_point} cannot be made read-only: a file in it stays open for writing",
            hint=Remedy.of(HostTool("fuser", ("-vm", str(mount_point))), " shows by what"),
        )


def resume_writing(calls: MountCalls, mount_point: Path) -> None:
    """Let the writers go on, if it was paused or frozen. Idempotent.

    The kernel leaves one that it found damaged as it is.
    """
    thaw(str(mount_point))
    mounted = mount_at(mount_point)
    if mounted is None or not mounted.read_only:
        return
    with os_errors(f"making {mount_point} writable"):
        try:
            calls.set_read_only(mount_point, read_only=False)
        except OSError as error:
            if error.errno not in (errno.EROFS, errno.EIO):  # it is damaged; it is shut down
                raise
