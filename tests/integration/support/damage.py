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
