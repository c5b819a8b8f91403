"""Mounting and unmounting, safely and whole: with mount(8) and umount(8)."""

from __future__ import annotations

from pathlib import Path

from shares_core.adapters.filesystems.fsck import LONG_SECONDS
from shares_core.adapters.linux.commands import run
from shares_core.adapters.linux.mountinfo import mount_at
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.linux.polling import wait_until
from shares_core.domain.errors import BackendFailure, CommandFailed
from shares_core.domain.share import FileSystem

#: What a tenant writes is data: nothing in it is a device, a program or a link for the host's kernel.
SAFE = "nodev,nosuid,noexec,nosymfollow,noatime"
#: What mount says of a file system that the kernel finds damaged.
CORRUPTED = "Structure needs cleaning"
_UNMOUNT_SECONDS = 20.0


def mount(
    device: str, filesystem: FileSystem, target: Path, *, options: str, read_only: bool = False
) -> None:
    """Mount it on a folder that is there; it may have a journal to read first. Raises CommandFailed.

    Never to be read where it was to be written: without -w so would be what is write-protected.
    """
    way = "-r" if read_only else "-w"
    argv = ("mount", way, "-t", str(filesystem.kind), "-o", options, device, str(target))
    run(argv, timeout=LONG_SECONDS)


def unmount(target: Path) -> None:
    """Unmount what is mounted there once nobody uses it, and remove the empty folder. Idempotent."""
    busy: list[CommandFailed] = []

    def gone() -> bool:
        if mount_at(target) is None:
            return True
        try:
            run(("umount", str(target)), timeout=LONG_SECONDS)  # what is not on the disk yet is written
        except CommandFailed as error:
            if mount_at(target) is None:
                return True  # by somebody who was killed since
            if "busy" not in error.output:
                raise
            busy[:] = [error]
        return mount_at(target) is None

    if not wait_until(gone, _UNMOUNT_SECONDS):
        raise BackendFailure(
            f"{target} cannot be unmounted: it is in use",
            hint=f"'fuser -vm {target}' shows by what",
        ) from busy[0]
    with os_errors(f"removing {target}"):
        if target.exists():
            target.rmdir()  # never more than an empty folder: what is in it would be somebody's data
