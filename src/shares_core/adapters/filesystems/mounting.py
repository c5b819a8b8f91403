"""Mounting and unmounting, safely and in one step."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from shares_core.adapters.filesystems.fsck import LONG_SECONDS
from shares_core.adapters.filesystems.signatures import is_write_protected
from shares_core.adapters.linux import mountcalls
from shares_core.adapters.linux.commands import run
from shares_core.adapters.linux.idmap import IdMapping, namespace, require_user_namespaces
from shares_core.adapters.linux.mountcalls import MountCalls
from shares_core.adapters.linux.mountinfo import is_mounted
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.linux.polling import wait_until
from shares_core.adapters.linux.uninterrupted import to_its_end
from shares_core.domain.errors import BackendFailure, CommandFailed, HostNotReady, ShareFailed
from shares_core.domain.remedy import HostTool, Remedy
from shares_core.domain.share import FileSystem, FileSystemKind

#: What a tenant writes is only data: the host's kernel accepts no device, program or link in it.
SAFE = mountcalls.NODEV | mountcalls.NOSUID | mountcalls.NOEXEC | mountcalls.NOSYMFOLLOW | mountcalls.NOATIME
#: Lets two xfs with one UUID, a snapshot and its origin, be mounted together; an ext4 does not need it.
_OPTIONS: Mapping[FileSystemKind, tuple[str, ...]] = {
    FileSystemKind.EXT4: (),
    FileSystemKind.XFS: ("nouuid",),
}
#: The kernel's errors for a file system that it finds damaged.
CORRUPTED = os.strerror(errno.EUCLEAN)
#: The group of a file system's root if the volume does not name its owner yet.
NO_OWNER = 0
_UNMOUNT_SECONDS = 20.0


def require_mounting(calls: MountCalls) -> None:
    """Raise HostNotReady if this kernel cannot mount a file system with its owners mapped. Cheap."""
    if missing := calls.missing():
        raise HostNotReady(
            f"this kernel has no idmapped mounts: it lacks {', '.join(missing)}",
            hint="boot Linux 5.14 or later",
        )
    require_user_namespaces()


def mount(
    calls: MountCalls,
    device: str,
    filesystem: FileSystem,
    target: Path,
    *,
    discards: bool = False,
    read_only: bool = False,
    mapping: IdMapping | None = None,
    before: Callable[[], None] = lambda: None,
) -> None:
    """Mount it on an existing folder, in one step; the kernel may replay a journal first.

    ``before`` runs once the kernel has read the file system; if it raises, nothing is mounted. Raises
    BackendFailure, HostNotReady, and ShareFailed if the volume has another owner than ``mapping`` says.
    Half-done leaves nothing mounted.
    """

    def work() -> None:
        with ExitStack() as held:
            mapped_by = None
            if mapping is not None and mapping.changes:
                require_user_namespaces()
                mapped_by = held.enter_context(namespace(mapping))
            # Never fall back to read-only: the kernel then reports that it cannot write.
            mode, attributes = (("ro",), SAFE | mountcalls.RDONLY) if read_only else ((), SAFE)
            options = (*mode, *_OPTIONS[filesystem.kind], *(("discard",) if discards else ()))
            made = calls.make(str(filesystem.kind), device, options, attributes)
            held.callback(os.close, made)
            before()
            if mapping is not None:
                _own(made, device, mapping.on_disk, read_only=read_only)
            if mapped_by is not None:
                calls.map_ids(made, mapped_by())
            calls.move(made, target)

    try:
        to_its_end(work)
    except OSError as error:
        if error.errno == errno.ENOSYS:
            require_mounting(calls)
        if error.errno in (errno.EACCES, errno.EROFS) and is_write_protected(device):
            raise write_protected(device) from error
        with os_errors(f"mounting {device}"):
            raise
    except RuntimeError as error:
        raise BackendFailure(
            f"{device} cannot be mounted: {error}", hint="see whether processes or memory are used up"
        ) from error


def write_protected(device: str) -> BackendFailure:
    """The error of whoever was to write to it."""
    return BackendFailure(
        f"{device} is write-protected",
        hint=Remedy.of("see in ", HostTool("dmesg"), " whether its disk failed"),
    )


def _own(mount: int, device: str, owner: int, *, read_only: bool) -> None:
    """Write a volume's owner to it, or raise ShareFailed if it has another: nobody would own its files.

    The owner is the group of the file system's root, which gets no rights by it: others may list the root
    too.
    """
    root = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=mount)
    try:
        if (found := os.stat(root).st_gid) == NO_OWNER:
            if not read_only:
                os.fchown(root, -1, owner)
        elif found != owner:
            raise ShareFailed(
                f"the files on {device} belong to user {found} on disk, and not to {owner} as is recorded",
                hint="find out which is right; the group of the file system's root says whose they are",
            )
    finally:
        os.close(root)


def unmount(target: Path) -> None:
    """Unmount what is mounted there, once nobody uses it, and remove the empty folder. Idempotent."""
    try:
        os.lstat(target)
    except FileNotFoundError:
        return
    except OSError:
        pass  # the root of a file system that has shut down cannot be read
    busy: list[CommandFailed] = []

    def gone() -> bool:
        if not is_mounted(target):
            return True
        try:
            run(("umount", str(target)), timeout=LONG_SECONDS)  # writes what is not on the disk yet
        except CommandFailed as error:
            if not is_mounted(target):
                return True  # by a caller that was killed
            if "busy" not in error.output:
                raise
            busy[:] = [error]
        return not is_mounted(target)

    if not wait_until(gone, _UNMOUNT_SECONDS):
        raise BackendFailure(
            f"{target} cannot be unmounted: it is in use",
            hint=Remedy.of(HostTool("fuser", ("-vm", str(target))), " shows by what"),
        ) from busy[0]
    with os_errors(f"removing {target}"):
        if target.exists():
            target.rmdir()  # only an empty folder: anything in it would be somebody's data
