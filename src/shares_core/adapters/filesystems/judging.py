"""Whether the right file system is on a device and in a share's place, and undamaged."""

from __future__ import annotations

import os
from pathlib import Path

from shares_core.adapters.filesystems.mounting import NO_OWNER
from shares_core.adapters.filesystems.signatures import has_errors, holds, identify
from shares_core.adapters.linux.idmap import IdMapping
from shares_core.adapters.linux.mountinfo import Mount
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.domain.errors import ShareDamaged, ShareFailed, SharesError
from shares_core.domain.remedy import Call, HostTool, Remedy, UseCase
from shares_core.domain.volume import FileSystem, ShareVolume

#: The kernel's errors for a file system that it finds damaged.
_DAMAGED = "is damaged: the kernel writes to it no more"
_UNCHECKED = "met an error, and was not checked since"
_OTHER_OWNERS = "but not so that the server owns its files"


def require_on(device: str, filesystem: FileSystem) -> None:
    """Raise ShareFailed unless the device holds exactly this file system."""
    if not holds(device, filesystem):
        raise ShareFailed(
            f"{device} does not hold this share's file system ({filesystem.kind} {filesystem.uuid}), "
            f"but {identify(device) or 'nothing that is known'}",
            hint="restore the volume from a backup; it is never formatted again",
        )


def require_mounted(
    mounted: Mount, device: str, filesystem: FileSystem, mapping: IdMapping, *, read_only: bool = False
) -> None:
    """Raise unless this device is mounted there, with this mapping, and was not found damaged.

    A mount that should be ``read_only`` is not broken because it is.
    """
    if mounted.device != device_number(device):
        raise ShareFailed(
            f"{mounted.source} is mounted in the place of {device} at {mounted.target}",
            hint=Remedy.of("find out what it is, then ", HostTool("umount", (mounted.target,))),
        )
    if (_is_broken(mounted) and not read_only) or has_errors(device, filesystem):
        raise damaged(device, filesystem, _DAMAGED)
    if not shows(mounted, mapping):
        raise ShareFailed(
            f"{device} is mounted at {mounted.target}, {_OTHER_OWNERS}",
            hint=Remedy.of(HostTool("umount", (mounted.target,)), ", then ", Call(UseCase.RECONCILE)),
        )


def require_checked(device: str, filesystem: FileSystem) -> None:
    """Raise ShareDamaged if the kernel met an error in it that nobody has checked since."""
    if has_errors(device, filesystem):
        raise damaged(device, filesystem, _UNCHECKED)


def trouble(mounted: Mount | None, device: str, volume: ShareVolume, user: int | None) -> str:
    """What keeps a share from being served, in a few words; empty if nothing does.

    ``user`` is the server's; None skips the check of the files' owner.
    """
    if mounted is None:
        return "is not mounted"
    filesystem = volume.filesystem
    try:
        if mounted.device != device_number(device) or not holds(mounted.source, filesystem):
            return "has another file system in its place"
        if _is_broken(mounted) or has_errors(mounted.source, filesystem):
            return _DAMAGED
        if user is not None and not shows(mounted, IdMapping(on_disk=volume.owner, seen=user)):
            return f"is mounted, {_OTHER_OWNERS}"
    except SharesError as error:
        return f"cannot be looked at: {error}"
    return ""


def damaged(device: str, filesystem: FileSystem, why: str) -> ShareDamaged:
    return ShareDamaged(
        f"the {filesystem.kind} on {device} {why}",
        hint=Remedy.of(Call(UseCase.SHARES_CHECK), " tells what is damaged"),
    )


def _is_broken(mounted: Mount) -> bool:
    """Whether the kernel met damage: ext4 then turns read-only (-e remount-ro), xfs shuts down."""
    if mounted.read_only:
        return True
    try:
        os.listdir(mounted.target)
    except OSError:
        return True
    return False


def shows(mounted: Mount, mapping: IdMapping) -> bool:
    """Whether the mount shows its volume's files as those of ``mapping.seen``.

    The mount table does not tell the mapping, but the mount shows it by the owner of the volume's files. A
    former release's mount maps none, and its volume does not name its owner.
    """
    with os_errors(f"looking at {mounted.target}"):
        shown = os.stat(mounted.target).st_gid
    return shown == mapping.seen or (shown == NO_OWNER and not mapping.changes and not mounted.idmapped)


def device_number(device: str) -> str:
    """The device's number as in the mount table: major:minor."""
    with os_errors(f"looking at {device}"):
        number = Path(device).stat().st_rdev
    return f"{os.major(number)}:{os.minor(number)}"
