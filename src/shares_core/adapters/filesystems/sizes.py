"""The size of a file system, from the output of its own tools."""

from __future__ import annotations

import re

from shares_core.domain.capacity import Capacity


def parse_dumpe2fs(output: str) -> Capacity:
    """The size of an ext4 in ``dumpe2fs -h``."""
    blocks, unit = (
        re.search(rf"^{key}:\s+(\d+)$", output, re.MULTILINE) for key in ("Block count", "Block size")
    )
    if blocks is None or unit is None:
        raise ValueError("dumpe2fs printed no size")
    return Capacity(int(blocks[1]) * int(unit[1]))


def parse_minimum(said: str, superblock: str) -> Capacity:
    """The smallest size of an ext4, in ``resize2fs -P`` with ``dumpe2fs -h``."""
    blocks = re.search(r"^Estimated minimum size of the filesystem: (\d+)$", said, re.MULTILINE)
    unit = re.search(r"^Block size:\s+(\d+)$", superblock, re.MULTILINE)
    if blocks is None or unit is None:
        raise ValueError("resize2fs printed no smallest size")
    return Capacity(int(blocks[1]) * int(unit[1]))


def parse_xfs_info(output: str) -> Capacity:
    """The size of an xfs's data section in ``xfs_info``."""
    match = re.search(r"^data\s+=\s*bsize=(\d+)\s+blocks=(\d+)", output, re.MULTILINE)
    if match is None:
        raise ValueError("xfs_info printed no size")
    return Capacity(int(match[1]) * int(match[2]))
