"""File systems that the kernel finds damaged."""

from __future__ import annotations

import subprocess
from pathlib import Path

from shares_core.domain.share import FileSystemKind


def meet_damage(folder: Path, kind: FileSystemKind) -> None:
    """Make the kernel meet damage in the mounted file system, after what was written is on the disk."""
    subprocess.run(("sync", "--file-system", folder), check=True)
    if kind is FileSystemKind.XFS:
        subprocess.run(("xfs_io", "-x", "-c", "shutdown", folder), check=True, capture_output=True)
        return
    asking = ("findmnt", "--noheadings", "--output", "SOURCE", folder)
    source = subprocess.run(asking, check=True, capture_output=True, text=True).stdout.strip()
    Path(f"/sys/fs/ext4/{Path(source).resolve().name}/trigger_fs_error").write_text("found by a test")


def ruin_tables(device: str | Path, kind: FileSystemKind) -> None:
    """Damage what the kernel needs to mount it; a proper repair loses no file.

    For ext4, the first copy of the descriptors: there are others. For xfs, a header of the free space's
    trees, which can be made again from what is in use.
    """
    if kind is FileSystemKind.XFS:
        ruin = ("xfs_db", "-x", "-c", "agf 0", "-c", "write -d magicnum 0", device)
        subprocess.run(ruin, check=True, capture_output=True)
        return
    for request in ("set_block_group 0 inode_table 0", "set_block_group 0 checksum calc"):
        debugfs(device, request)


def ruin_root(device: str | Path) -> None:
    """Lose an ext4's root folder: its content is lost until a repair gathers it in lost+found."""
    debugfs(device, "clri <2>")


def debugfs(device: str | Path, request: str, *, write: bool = True) -> str:
    """Change an ext4 without the kernel's knowledge. Returns the output."""
    argv = ("debugfs", *(("-w",) if write else ()), "-R", request, device)
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout
