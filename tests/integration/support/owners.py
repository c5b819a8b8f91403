"""The owners of files on disk, whatever the mounts of shares show."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def mounted_aside(device: str, folder: Path) -> Iterator[Path]:
    """Another mount of the device, which shows the owners on disk."""
    folder.mkdir(mode=0o700)
    try:
        subprocess.run(("mount", device, folder), check=True)
        try:
            yield folder
        finally:
            subprocess.run(("umount", folder), check=True)
    finally:
        folder.rmdir()


def owners_of(folder: Path) -> dict[str, tuple[int, int]]:
    """User and group of each path below the folder."""
    found = {path: path.lstat() for path in folder.rglob("*")}
    return {str(path.relative_to(folder)): (each.st_uid, each.st_gid) for path, each in found.items()}
