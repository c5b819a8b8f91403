"""Scratch mounts, from which nothing is served: they make the kernel replay a journal, or grow an xfs.

e2fsck can replay a journal too, but it trusts damaged descriptors although there are copies, and so spreads
damage.
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
    """Have the kernel replay the journal: a tool that ignores it would take what is missing for damage.

    Returns what the kernel says if it does not.
    """
    if has_clean_journal(device, filesystem):
        return None
    is_xfs = filesystem.kind is FileSystemKind.XFS
    with _folder(folder):
        try:
            # Read-only: an ext4's journal is still replayed.
            mount(calls, device, filesystem, folder, read_only=not is_xfs)
            if is_xfs:
                write_copies(folder, device)
        except BackendFailure as error:
            return error
    return None


def require_replayed(calls: MountCalls, device: str, filesystem: FileSystem, folder: Path) -> None:
    """Have the kernel replay the journal. Raises as ``settle`` does if it does not."""
    if refusal := replay(calls, device, filesystem, folder):
        raise _unusable(device, filesystem, refusal) from refusal


def settle(
    calls: MountCalls, device: str, filesystem: FileSystem, folder: Path, report: Report = unreported
) -> None:
    """Make it whole, as far as that needs no person; if the kernel does not mount it, leave it as it is.

    Raises ShareDamaged if it is damaged, and ShareFailed if it cannot be mounted for another reason.
    """
    # First, because an xfs's journal may hold a larger size than its superblock.
    require_replayed(calls, device, filesystem, folder)
    if filesystem.kind is FileSystemKind.EXT4:
        settle_ext4(device, filesystem, report)


def grow_aside(calls: MountCalls, device: str, filesystem: FileSystem, folder: Path) -> None:
    """Grow an xfs, which grows only while it is mounted, to its device's size. Idempotent."""
    with _folder(folder):
        mount(calls, device, filesystem, folder)
        grow_xfs(folder, device)


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """A folder to mount on; the end of the block unmounts and removes it."""
    with os_errors(f"making {folder}"):
        folder.mkdir(mode=0o700)
    try:
        yield
    finally:
        unmount(folder)


def _unusable(device: str, filesystem: FileSystem, refusal: BackendFailure) -> ShareFailed:
    """The error for a file system that the kernel did not mount, or gave up, with its own tool's words."""
    damage = examined(device, filesystem)
    damaged = CORRUPTED in str(refusal) or (damage and not ignores_journal(damage))
    return (ShareDamaged if damaged else ShareFailed)(
        f"the {filesystem.kind} on {device} cannot be used: {refusal} {damage}".rstrip(),
        hint=Remedy.of(Call(UseCase.SHARES_CHECK), " tells what is damaged; before a repair take a copy"),
    )
