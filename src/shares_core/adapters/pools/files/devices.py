"""Files as block devices, by losetup(8) and the kernel's /sys/block."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from shares_core.adapters.filesystems.signatures import is_write_protected, smallest_unit
from shares_core.adapters.linux.commands import run
from shares_core.adapters.linux.polling import wait_until
from shares_core.domain.errors import BackendFailure, CommandFailed
from shares_core.domain.remedy import HostTool, Remedy

_SYS_BLOCK = Path("/sys/block")
_DETACH_SECONDS = 10.0
_PAGE = 4096  # no more fits into a file of /sys
_SECTOR = 512  # the kernel's unit for the size of devices
#: What the kernel adds to the path of a file that was deleted while it was attached.
_DELETED = " (deleted)"
#: The devices on which files were last seen, by file name: only a hint where to look first. Without it,
#: looking at all shares would take quadratic time.
_last_seen: dict[str, str] = {}


def device_of(image: Path) -> str | None:
    """The loop device that ``image`` is attached to, as the kernel says; runs no command if there is none.

    The kernel tells the path by which a device was attached. After a new mount of the pool's disk, or from
    another mount namespace, this path leads nowhere or elsewhere; then losetup tells the inode.
    """
    if not _SYS_BLOCK.is_dir():
        return _by_inode(image)
    last = _last_seen.get(image.name)
    if last is not None and _is_same(_backing_file(last), image):
        return f"/dev/{last}"
    unsure = []
    for name, path in _backing_files():
        file_name = os.path.basename(path)
        _last_seen[file_name] = name
        if file_name == image.name:
            if _is_same(path, image):
                return f"/dev/{name}"
            unsure.append(f"/dev/{name}")
    return next((device for device in unsure if _by_inode(image, device)), None)


def lost_devices(folder: Path) -> tuple[tuple[Path, str], ...]:
    """The files of the folder that were deleted while attached, each with its loop device."""
    if not _SYS_BLOCK.is_dir():
        return ()
    return tuple(
        (Path(path.removesuffix(_DELETED)), f"/dev/{name}")
        for name, path in _backing_files()
        if path.endswith(_DELETED)
        and os.path.dirname(path) == str(folder)
        and not os.path.exists(path)  # otherwise somebody's file really has that name
    )


def lost_device_of(image: Path) -> str | None:
    """The loop device, or the first of several, that is left of a deleted ``image``."""
    return next((device for file, device in lost_devices(image.parent) if file == image), None)


def size_of(device: str) -> int:
    """How many bytes a device has."""
    return int((_SYS_BLOCK / Path(device).name / "size").read_text()) * _SECTOR


def _backing_files() -> Iterator[tuple[str, str]]:
    """Every loop device that something is attached to, with the path by which that was attached."""
    for name in os.listdir(_SYS_BLOCK):
        path = _backing_file(name)
        if path is not None:
            yield name, path


def _backing_file(device: str) -> str | None:
    """The path by which a loop device was attached; None if nothing is attached, and for other devices."""
    if not device.startswith("loop"):
        return None
    try:
        with open(f"{_SYS_BLOCK}/{device}/loop/backing_file", "rb", buffering=0) as file:
            told = file.read(_PAGE)
    except OSError:
        return None
    return os.fsdecode(told.removesuffix(b"\n"))


def _is_same(path: str | None, image: Path) -> bool:
    try:
        return path is not None and os.path.samefile(path, image)
    except OSError:
        return False


def _by_inode(image: Path, *among: str) -> str | None:
    """Which of these devices, or of all, ``image`` is attached to, whatever its path."""
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
    """Read ``losetup --json``: each device's file, by the number of its disk and its inode."""
    entries = json.loads(output)["loopdevices"] if output.strip() else ()
    return {
        entry["name"]: (entry["back-maj:min"].strip(), int(entry["back-ino"]))
        for entry in entries
        if entry["back-ino"] is not None
    }


def attach(image: Path, *, new: bool = False) -> str:
    """Attach ``image`` if it is not attached. Returns its device.

    Does not search the devices for a ``new`` file, which nobody can have attached yet.
    """
    found = None if new else device_of(image)
    device = found or _attached(image, new=new)  # losetup would take ten times as long to find it
    _last_seen[image.name] = Path(device).name
    if is_write_protected(device):  # the kernel keeps this setting from the device's former user
        run(("blockdev", "--setrw", device))
    return device


def _attached(image: Path, *, new: bool) -> str:
    # Two devices on one file would corrupt it: losetup looks once more, and returns an existing one.
    attaching = ("losetup", "--find", "--show", *(() if new else ("--nooverlap",)))
    unit = smallest_unit(str(image))
    if unit is not None and unit < _PAGE:
        # The kernel gives a file that shares blocks larger sectors, on which this file system could not be
        # mounted any more. It then does without direct I/O.
        attaching = (*attaching, "--sector-size", str(_SECTOR))
    try:
        return run((*attaching, "--direct-io=on", str(image))).strip()
    except CommandFailed as error:
        if "direct io" not in error.output.lower():
            raise
        # The file system below has no direct I/O: data is cached twice, and equally safe.
        return device_of(image) or run((*attaching, str(image))).strip()


def detach(image: Path) -> None:
    """Detach the device of ``image``. Idempotent. Raises BackendFailure while something uses it."""
    _detach(image, device_of)


def detach_lost(image: Path) -> None:
    """The same for devices that are left of deleted files of that name."""
    while _detach(image, lost_device_of):
        pass


def _detach(image: Path, find: Callable[[Path], str | None]) -> bool:
    """Detach the found device. Returns whether there was one."""
    device = find(image)
    if device is None:
        return False
    attached = _backing_file(Path(device).name)

    def gone() -> bool:
        if attached is None:
            return find(image) != device
        return _backing_file(Path(device).name) != attached

    # Held, so that a command that outlives its killed caller cannot meet another file on its device.
    run(("losetup", "--detach", device), holding=device)
    # losetup exits with 0 even while something uses the device, and then only marks it to be cleared.
    if not wait_until(gone, _DETACH_SECONDS):
        raise BackendFailure(
            f"{device} of {image} is still in use",
            hint=Remedy.of(HostTool("findmnt", (device,)), " shows where it is mounted"),
        )
    return True


def refresh(image: Path) -> None:
    """Give an attached device the present length of its file."""
    device = device_of(image)
    if device is not None:
        run(("losetup", "--set-capacity", device))
