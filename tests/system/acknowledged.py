"""What a client was told is on the disk, as it wrote it down."""

from __future__ import annotations

from pathlib import Path


def acknowledged(told: Path) -> dict[str, str]:
    """The checksums of the files that were flushed, by name. The last line may have been cut off."""
    lines = told.read_text().splitlines()
    pairs = [line.split(" ") for line in lines]
    whole = {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and len(pair[1]) == 64}
    assert len(whole) >= len(lines) - 1 > 10
    return whole
