"""Making an ext4, and understanding what resize2fs says of growing one."""

from __future__ import annotations

import os
from pathlib import Path

from shares_core.adapters.filesystems.casefold import search_by_hash_alone
from shares_core.adapters.filesystems.fsck import LONG_SECONDS
from shares_core.adapters.filesystems.sizes import parse_minimum
from shares_core.adapters.linux.commands import run
from shares_core.domain.capacity import GIB, KIB, MIB, Capacity
from shares_core.domain.errors import CommandFailed

_CAP_SYS_RESOURCE = 24  # linux/capability.h


def make_ext4(device: str, uuid: str, *, zeroed: bool, case_fold: bool) -> None:
    _format(device, uuid, zeroed=zeroed, case_fold=case_fold)
    if case_fold:
        search_by_hash_alone(device)


def _format(device: str, uuid: str, *, zeroed: bool, case_fold: bool) -> None:
    # Keep no blocks for root, which writes nothing here. An error makes it read-only, so that it gets no
    # worse.
    features = "ea_inode,casefold" if case_fold else "ea_inode"
    options = ("mkfs.ext4", "-q", "-F", "-m", "0", "-e", "remount-ro", "-O", features)
    ratio = bytes_per_inode(_size(device))
    own = (*(() if ratio is None else ("-i", str(ratio))), "-U", uuid)

    def make(extended: str) -> None:
        # Not strict: a name that is not UTF-8 is a name too, in its own case only.
        said = f"{extended},encoding=utf8" if case_fold else extended
        run((*options, *own, "-E", said, device), timeout=LONG_SECONDS, holding=device)

    if zeroed:
        try:
            make("nodiscard,assume_storage_prezeroed=1")
        except CommandFailed as error:
            if "bad option" not in error.output.lower():  # as e2fsprogs before 1.47 says
                raise
        else:
            return
    make("nodiscard")


def bytes_per_inode(size: int) -> int | None:
    """How many bytes of the file system there are for each file that it can hold; None for mke2fs's own.

    People keep many small files. mke2fs would give one for 16 KiB; below 512 MiB it gives one for 4 KiB,
    which stays. From 4 TiB on it gives fewer, and so should we: an ext4 cannot grow beyond 2**32 inodes.
    """
    if size >= 4 * 1024 * GIB:
        return None
    ratio: int = 4 * KIB if size < 512 * MIB else 8 * KIB
    return ratio


def _size(device: str) -> int:
    with Path(device).open("rb") as opened:
        return opened.seek(0, os.SEEK_END)


def smallest_ext4(device: str) -> Capacity:
    """How large an unmounted ext4 has to be for what it holds. Raises ValueError if the tools do not tell."""
    return parse_minimum(
        run(("resize2fs", "-P", device), holding=device), run(("dumpe2fs", "-h", device), holding=device)
    )


def shrink_ext4(device: str, size: Capacity) -> None:
    """Shrink an unmounted ext4 that was checked: in whole blocks, it takes no other sizes and rounds none."""
    run(("resize2fs", device, f"{size.bytes // (64 * KIB) * 64}K"), timeout=LONG_SECONDS, holding=device)


def may_resize_mounted() -> bool:
    """Whether this process has the capability that the kernel asks for (ext4_resize_begin)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    effective = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) >> _CAP_SYS_RESOURCE & 1)


def refused_online(output: str) -> bool:
    """Whether resize2fs says that the kernel, not the file system, prevents growing it while mounted."""
    said = output.lower()
    return any(
        phrase in said
        for phrase in (
            "permission denied",
            "not permitted",
            "not supported",
            "does not support online resizing",
        )
    )
