"""Giving the copy of a file system an identity of its own."""

from __future__ import annotations

from pathlib import Path

from shares_core.adapters.filesystems.scratch import require_replayed
from shares_core.adapters.linux.commands import run
from shares_core.adapters.linux.mountcalls import MountCalls
from shares_core.domain.share import FileSystem, FileSystemKind


def renew(calls: MountCalls, device: str, former: FileSystem, uuid: str, folder: Path) -> None:
    """Replace the UUID of ``former``, which the device holds, after its journal was replayed.

    An ext4 keeps the seed of its checksums (metadata_csum_seed), so that nothing else is read or written,
    however large it is. Raises as ``require_replayed`` does.
    """
    require_replayed(calls, device, former, folder)
    if former.kind is FileSystemKind.XFS:
        run(("xfs_db", "-x", "-p", "xfs_admin", "-c", f"uuid {uuid}", device), holding=device)
    else:
        run(("tune2fs", "-O", "metadata_csum_seed", "-U", uuid, device), holding=device)
