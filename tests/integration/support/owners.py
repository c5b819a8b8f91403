"""Whose files are on disk, whatever the mounts of shares show."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def mounted_aside(device: str, folder: Path) -> Iterator[Path]:
    """A further mount of the device, which shows each owner as it is."""
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
    """User and group of what is below the folder, by its path."""
    found = {path: path.lstat() for path in folder.rglob("*")}
    return {str(path.relative_to(folder)): (each.st_uid, each.st_gid) for path, each in found.items()}
