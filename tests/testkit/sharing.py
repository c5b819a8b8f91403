"""A file system whose files can share blocks, on a machine whose own cannot."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.testkit.leftovers import ROOT, remove_installation


@contextmanager
def new_folder() -> Iterator[Path]:
    """A folder for a pool, on the machine's own disk; the end of the block removes all that is in it."""
    folder = ROOT / f"pool-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder / "pool"
    finally:
        remove_installation(folder)


@contextmanager
def sharing_folder(gibibytes: int = 3) -> Iterator[Path]:
    """A folder on an xfs of its own; the end of the block removes both.

    What a killed run leaves is found as its other folders are, by where it is.
    """
    folder = ROOT / f"xfs-{uuid.uuid4().hex[:8]}"
    disk, mounted = folder / "disk", folder / "mounted"
    mounted.mkdir(mode=0o700, parents=True)
    try:
        with disk.open("wb") as file:
            file.truncate(gibibytes << 30)
        subprocess.run(("mkfs.xfs", "-q", str(disk)), check=True)
        subprocess.run(("mount", "-o", "loop,discard", str(disk), str(mounted)), check=True)
        yield mounted / "pool"
    finally:
        remove_installation(folder)
