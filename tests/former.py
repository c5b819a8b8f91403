"""The last releases that wrote former schemas, from this repository's own history."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: By the schema that each wrote, its last commit.
RELEASES: Mapping[int, str] = {1: "ddd57a0", 2: "c56d549", 3: "696f1d2", 4: "dbf19da"}


def extracted(folder: Path, schema: int) -> Path:
    """Put the release's sources and its image's recipe into the folder. Returns the value for PYTHONPATH."""
    archive = subprocess.run(
        ["git", "archive", RELEASES[schema], "src", "images"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as sources:
        sources.extractall(folder, filter="data")
    return folder / "src"


def python(
    sources: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python with such a release."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(sources), "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})},
        stdin=subprocess.DEVNULL,
    )
