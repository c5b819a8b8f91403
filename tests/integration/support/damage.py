"""File systems that the kernel finds damaged."""

from __future__ import annotations

import subprocess
from pathlib import Path

from shares_core.domain.share import FileSystemKind


def meet_damage(folder: Path, kind: FileSystemKind) -> None:
    """Let the kernel come upon damage in what is mounted there, once what was written is on the disk."""
    subprocess.run(("sync", "--file-system", folder), check=True)
    if kind is FileSystemKind.XFS:
        subprocess.run(("xfs_io", "-x", "-c", "shutdown", folder), check=True, capture_output=True)
        return
    asking = ("findmnt", "--noheadings", "--output", "SOURCE", folder)
    source = subprocess.run(asking, check=True, capture_output=True, text=True).stdout.strip()
    Path(f"/sys/fs/ext4/{Path(source).resolve().name}/trigger_fs_error").write_text("found by a test")


def ruin_tables(device: str | Path, kind: FileSystemKind) -> None:
    """Damage what the kernel needs to mount it; no file is lost where that is repaired as it should be.

    Of ext4 the first copy of the descriptors: there are others. Of xfs a header of the free space's trees,
    which are made anew from what is in use.
    """
    if kind is FileSystemKind.XFS:
        ruin = ("xfs_db", "-x", "-c", "agf 0", "-c", "write -d magicnum 0", device)
        subprocess.run(ruin, check=True, capture_output=True)
        return
    for request in ("set_block_group 0 inode_table 0", "set_block_group 0 checksum calc"):
        debugfs(device, request)


def ruin_root(device: str | Path) -> None:
    """Lose an ext4's root folder: what was in it is nowhere, until a repair gathers it in lost+found."""
    debugfs(device, "clri <2>")


def debugfs(device: str | Path, request: str, *, write: bool = True) -> str:
    """Do it to an ext4 behind the kernel's back; gives what was said."""
    argv = ("debugfs", *(("-w",) if write else ()), "-R", request, device)
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout
