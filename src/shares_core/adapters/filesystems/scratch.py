"""Mounting a file system aside, where nobody is served from: so the kernel replays its journal, or grows it.

e2fsck can replay one too, but goes by damaged descriptors where there are copies, and spreads the damage.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shares_core.adapters.filesystems.fsck import examined, ignores_journal, settle_ext4
from shares_core.adapters.filesystems.mounting import CORRUPTED, mount, unmount
from shares_core.adapters.filesystems.signatures import has_clean_journal
from shares_core.adapters.filesystems.xfs import grow_xfs, write_copies
from shares_core.adapters.linux.mountcalls import MountCalls
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.domain.errors import BackendFailure, ShareDamaged, ShareFailed
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.domain.share import FileSystem, FileSystemKind
from shares_core.ports.progress import Report, unreported


def replay(calls: MountCalls, device: str, filesystem: FileSystem, folder: Path) -> BackendFailure | None:
    """Have the kernel write what the journal holds: to a tool that looks beside it, its absence is damage.

    Gives what the kernel says where it does not.
    """
    if has_clean_journal(device, filesystem):
        return None
    is_xfs = filesystem.kind is FileSystemKind.XFS
    with _folder(folder):
        try:
            # To read: an ext4's journal is replayed all the same.
            mount(calls, device, filesystem, folder, read_only=not is_xfs)
            if is_xfs:
                write_copies(folder, device)
        except BackendFailure as error:
            return error
    return None


def settle(
    calls: MountCalls, device: str, filesystem: FileSystem, folder: Path, report: Report = unreported
) -> None:
    """Make it whole as far as that needs no person; what the kernel does not mount is left as it is.

    Raises ShareDamaged where it is that, and ShareFailed where it cannot be mounted for another reason.
    """
    # First: an xfs's journal may hold a larger size than its superblock tells yet.
    if refusal := replay(calls, device, filesystem, folder):
        raise _unusable(device, filesystem, refusal) from refusal
    if filesystem.kind is FileSystemKind.EXT4:
        settle_ext4(device, filesystem, report)


def grow_aside(calls: MountCalls, device: str, filesystem: FileSystem, folder: Path) -> None:
    """Grow an xfs, which it does only while it is mounted, to its device's size. Idempotent."""
    with _folder(folder):
        mount(calls, device, filesystem, folder)
        grow_xfs(folder, device)


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """Inside, there is a folder to mount on; at the end neither is there."""
    with os_errors(f"making {folder}"):
        folder.mkdir(mode=0o700)
    try:
        yield
    finally:
        unmount(folder)


def _unusable(device: str, filesystem: FileSystem, refusal: BackendFailure) -> ShareFailed:
    """What its own tool, too, says of a file system that the kernel did not mount, or gave up."""
    damage = examined(device, filesystem)
    damaged = CORRUPTED in str(refusal) or (damage and not ignores_journal(damage))
    return (ShareDamaged if damaged else ShareFailed)(
        f"the {filesystem.kind} on {device} cannot be used: {refusal} {damage}".rstrip(),
        hint=Remedy.of(Call(UseCase.SHARES_CHECK), " tells what is damaged; before a repair take a copy"),
    )
