"""Files as block devices, by losetup(8) and what the kernel tells in /sys/block."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from shares_core.adapters.filesystems.signatures import is_write_protected
from shares_core.adapters.linux.commands import run
from shares_core.adapters.linux.polling import wait_until
from shares_core.domain.errors import BackendFailure, CommandFailed
from shares_core.domain.remedy import HostTool, Remedy

_SYS_BLOCK = Path("/sys/block")
_DETACH_SECONDS = 10.0
_SECTOR = 512  # what the kernel counts devices in
#: What the kernel adds to the path of a file that was deleted while it was attached.
_DELETED = " (deleted)"
#: Where files were seen attached, by their names: where to look first, and no more than that. Without it a
#: look at all shares would take as long as their number squared.
_last_seen: dict[str, str] = {}


def device_of(image: Path) -> str | None:
    """The loop device that ``image`` is attached to, read from the kernel: where nothing is, nothing runs.

    The kernel tells the path that a device was attached by. It leads nowhere, or elsewhere, once the pool's
    disk was mounted anew, or from another mount namespace; there losetup tells the inode.
    """
    if not _SYS_BLOCK.is_dir():
        return _by_inode(image)
    last = _last_seen.get(image.name)
    if last is not None and _is_same(_backing_file(last), image):
        return f"/dev/{last}"
    unsure = []
    for name in os.listdir(_SYS_BLOCK):
        file = _backing_file(name)
        if file is None:
            continue
        _last_seen[file.name] = name
        if file.name == image.name:
            if _is_same(file, image):
                return f"/dev/{name}"
            unsure.append(f"/dev/{name}")
    return next((device for device in unsure if _by_inode(image, device)), None)


def lost_devices(folder: Path) -> tuple[tuple[Path, str], ...]:
    """The files of the folder that were deleted while they were attached, each with its loop device."""
    if not _SYS_BLOCK.is_dir():
        return ()
    backing = ((name, _backing_file(name)) for name in os.listdir(_SYS_BLOCK))
    return tuple(
        (file.with_name(file.name.removesuffix(_DELETED)), f"/dev/{name}")
        for name, file in backing
        if file is not None
        and file.parent == folder
        and file.name.endswith(_DELETED)
        and not file.exists()  # else somebody's file is really called that
    )


def lost_device_of(image: Path) -> str | None:
    """The loop device that is left of a deleted ``image``; the first of several."""
    return next((device for file, device in lost_devices(image.parent) if file == image), None)


def size_of(device: str) -> int:
    """How many bytes a device has."""
    return int((_SYS_BLOCK / Path(device).name / "size").read_text()) * _SECTOR


def _backing_file(device: str) -> Path | None:
    """The path that a loop device was attached by; None where nothing is attached, and for other devices."""
    if not device.startswith("loop"):
        return None
    try:
        told = (_SYS_BLOCK / device / "loop/backing_file").read_bytes()
    except OSError:
        return None
    return Path(os.fsdecode(told.removesuffix(b"\n")))


def _is_same(file: Path | None, image: Path) -> bool:
    try:
        return file is not None and file.samefile(image)
    except OSError:
        return False


def _by_inode(image: Path, *among: str) -> str | None:
    """The one of these devices, or of all, that ``image`` is attached to, whatever path leads there."""
    try:
        there = image.stat()
    except OSError:
        return None
    wanted = f"{os.major(there.st_dev)}:{os.minor(there.st_dev)}", there.st_ino
    listed = parse_backing(
        run(("losetup", "--json", "--list", *among, "--output=NAME,BACK-INO,BACK-MAJ:MIN"))
    )
    return next((device for device, backing in listed.items() if backing == wanted), None)


def parse_backing(output: str) -> dict[str, tuple[str, int]]:
    """Read ``losetup --json``: each device's file, as the number of its own device and its inode."""
    entries = json.loads(output)["loopdevices"] if output.strip() else ()
    return {
        entry["name"]: (entry["back-maj:min"].strip(), int(entry["back-ino"]))
        for entry in entries
        if entry["back-ino"] is not None
    }


def attach(image: Path) -> str:
    """The device that ``image`` is attached to, from now on if not before."""
    device = device_of(image) or _attached(image)  # losetup would take ten times as long to find it
    if is_write_protected(device):  # left so by whoever had it before: the kernel keeps that for the next one
        run(("blockdev", "--setrw", device))
    return device


def _attached(image: Path) -> str:
    # Two devices on one file would corrupt it: losetup looks once more, and gives the one that is there.
    attaching = ("losetup", "--find", "--show", "--nooverlap")
    try:
        return run((*attaching, "--direct-io=on", str(image))).strip()
    except CommandFailed as error:
        if "direct io" not in error.output.lower():
            raise
        # A backing file system without direct I/O: data is cached twice, and as safe.
        return device_of(image) or run((*attaching, str(image))).strip()


def detach(image: Path) -> None:
    """Let go of the device of ``image``. Idempotent. Raises BackendFailure while something holds it."""
    _detach(image, device_of)


def detach_lost(image: Path) -> None:
    """The same for whatever is left of deleted files of that name."""
    while _detach(image, lost_device_of):
        pass


def _detach(image: Path, find: Callable[[Path], str | None]) -> bool:
    """Let go of the device that is found. Gives whether one was."""
    device = find(image)
    if device is None:
        return False
    # Held, so that one that outlives a killed caller finds no other file attached to its device.
    run(("losetup", "--detach", device), holding=device)
    # losetup answers 0 while something still holds the device, and then only marks it to be cleared.
    if not wait_until(lambda: find(image) != device, _DETACH_SECONDS):
        raise BackendFailure(
            f"{device} of {image} is still in use",
            hint=Remedy.of(HostTool("findmnt", (device,)), " shows where it is mounted"),
        )
    return True


def refresh(image: Path) -> None:
    """Let an attached device have the length that its file has now."""
    device = device_of(image)
    if device is not None:
        run(("losetup", "--set-capacity", device))
