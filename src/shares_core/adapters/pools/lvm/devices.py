"""The block devices of active logical volumes, as the kernel shows them."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import frozen

from shares_core.adapters.linux.commands import run
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.linux.polling import wait_until
from shares_core.domain.capacity import GIB, MIB
from shares_core.domain.errors import BackendFailure
from shares_core.domain.pools import device_name
from shares_core.domain.remedy import HostTool, Remedy
from shares_core.ports.progress import Report, unreported

_DEV, _SYS_BLOCK = Path("/dev"), Path("/sys/block")
_SECTOR = 512  # the kernel's unit, whatever the disk has
#: Device-mapper's ids of LVM's devices: this, then the ids of the volume group and the volume, without
#: hyphens.
_MARK, _UUID_LENGTH = "LVM-", 32
_THIN_POOL = "-tpool"
#: File systems and partition tables have their signatures at both ends of a device (see adapters.signatures).
_ENDS = 4 * MIB
#: linux/fs.h: _IO(0x12, 127). A call cannot be interrupted, so each gets a bounded part of the device.
_BLKZEROOUT = 0x127F
_AT_ONCE = GIB
#: udev opens a device for a moment whenever somebody has written to it.
_IN_USE_SECONDS = 5.0


@frozen
class ActiveDevice:
    """An active volume: the kernel's device, its size in bytes, and the UUID of its volume group.

    A ``suspended`` device does not answer: an LVM command was killed while it changed the device.
    """

    path: str
    size: int
    group_uuid: str
    suspended: bool
    is_thin: bool


def path_of(group: str, volume: str) -> str:
    """The path of the volume's device while it is active (lvm(8))."""
    return str(_DEV / group / volume)


def active_device(group: str, volume: str) -> ActiveDevice | None:
    """The volume's device, or None if the volume is not active or does not exist."""
    path = _DEV / group / volume
    node = Path(os.path.realpath(path)).name
    mapped = _SYS_BLOCK / node
    try:
        uuid = (mapped / "dm/uuid").read_text(encoding="ascii").strip()
        name = (mapped / "dm/name").read_text(encoding="ascii").strip()
        size = int((mapped / "size").read_text(encoding="ascii")) * _SECTOR
        suspended = (mapped / "dm/suspended").read_text(encoding="ascii").strip() == "1"
    except OSError:
        return None
    if not uuid.startswith(_MARK) or name != device_name(group, volume):  # udev's link may be out of date
        return None
    group_uuid = uuid.removeprefix(_MARK)[:_UUID_LENGTH]
    return ActiveDevice(str(path), size, group_uuid, suspended, _lies_on_thin_pool(mapped))


def _lies_on_thin_pool(mapped: Path) -> bool:
    """Whether the device's blocks are on a thin pool, which the end of the id below says."""
    for below in (mapped / "slaves").glob("dm-*"):
        with suppress(OSError):
            if (below / "dm/uuid").read_text(encoding="ascii").strip().endswith(_THIN_POOL):
                return True
    return False


def is_open(device: ActiveDevice) -> bool:
    """Whether anything has the device open or mounted, which device-mapper counts and sysfs does not tell."""
    return _openers(device.path) > 0


def _openers(path: str) -> int:
    return int(run(("dmsetup", "info", "--columns", "--noheadings", "--options", "open", path)))


def active_group_uuid(group: str) -> str:
    """The UUID, without hyphens, of the group of this name with active volumes; empty if there is none."""
    try:
        volumes = os.listdir(_DEV / group)
    except OSError:
        return ""
    found = (active_device(group, volume) for volume in volumes)
    return next((device.group_uuid for device in found if device is not None), "")


def blank_ends(device: str) -> None:
    """Write zeros wherever a signature may be. The space between still holds data of former volumes."""
    with os_errors(f"clearing {device}"), open(device, "r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        for start in {0, max(0, size - _ENDS)}:
            file.seek(start)
            file.write(bytes(min(_ENDS, size)))
        os.fsync(file.fileno())


@contextmanager
def opened(device: str) -> Iterator[int]:
    """The device, open for reading and writing."""
    with os_errors(f"opening {device}"):
        descriptor = os.open(device, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def in_use(device: str) -> BackendFailure:
    """The error of whoever was to wipe or remove it."""
    return BackendFailure(
        f"{device} is in use",
        hint=Remedy.of(
            HostTool("findmnt", (device,)), " and ", HostTool("fuser", ("-v", device)), " show by what"
        ),
    )


def zero_whole(device: str, report: Report = unreported) -> None:
    """Overwrite the whole device with zeros, by the disk itself if it can; reports the bytes done.

    Raises BackendFailure, and writes nothing, if something has the device mounted or open: it may be copied
    just now.
    """
    with os_errors(f"wiping {device}"):
        try:
            descriptor = os.open(device, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            raise in_use(device) from error
        try:
            if not wait_until(lambda: _openers(device) <= 1, _IN_USE_SECONDS):  # this is one
                raise in_use(device)
            size = os.lseek(descriptor, 0, os.SEEK_END)
            for start in range(0, size, _AT_ONCE):
                length = min(_AT_ONCE, size - start)
                fcntl.ioctl(descriptor, _BLKZEROOUT, struct.pack("QQ", start, length))
                report(start + length, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
