"""Giving the copy of a file system an identity of its own."""

from __future__ import annotations

from pathlib import Path

from shares_core.adapters.filesystems.scratch import settle
from shares_core.adapters.linux.commands import run
from shares_core.adapters.linux.mountcalls import MountCalls
from shares_core.domain.share import FileSystem, FileSystemKind
from shares_core.ports.progress import Report


def renew(
    calls: MountCalls, device: str, former: FileSystem, uuid: str, folder: Path, report: Report
) -> None:
    """Replace the UUID of ``former``, which the device holds, after making it whole.

    An ext4 keeps the seed of its checksums (metadata_csum_seed), so that nothing else is written anew. Raises
    as ``settle`` does.
    """
    settle(calls, device, former, folder, report)
    if former.kind is FileSystemKind.XFS:
        run(("xfs_db", "-x", "-p", "xfs_admin", "-c", f"uuid {uuid}", device), holding=device)
    else:
        run(("tune2fs", "-O", "metadata_csum_seed", "-U", uuid, device), holding=device)
