"""Disks of which reads or writes take their time, by the kernel's own dm-delay."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import frozen

from tests.testkit.volume_groups import Disk, lvm

_PREFIX = "sctest-slow-"
#: Longer than any test: whoever waits goes on when the disk is quick again, and not before.
_MILLISECONDS = 600_000
#: In sectors: where it begins on the disk below, so that LVM does not find its label there too.
_OFFSET = 2048


@frozen
class SlowDisk:
    """A device on top of a disk, quick unless reads or writes are delayed."""

    name: str

    @property
    def device(self) -> str:
        return f"/dev/mapper/{self.name}"

    @contextmanager
    def slow(self, *, reads: bool = False, writes: bool = False) -> Iterator[None]:
        """In the body reads or writes wait; at its end all of them go on."""
        self.delay(reads * _MILLISECONDS, writes * _MILLISECONDS)
        try:
            yield
        finally:
            self.delay(0, 0)

    def delay(self, reads: int, writes: int) -> None:
        """Set the milliseconds that each takes; the kernel lets those that wait go on."""
        _, sectors, _, device, *_ = lvm("dmsetup", "table", self.name).split()
        lvm("dmsetup", "reload", self.name, "--table", _table(int(sectors), device, reads, writes))
        # Without these options dmsetup waits for udev, which reads the disk.
        lvm("dmsetup", "resume", "--noudevsync", "--noudevrules", self.name)

    def remove(self) -> None:
        lvm("dmsetup", "remove", "--retry", self.name)


@contextmanager
def slow_disk(size: int) -> Iterator[SlowDisk]:
    """A disk of that many bytes, quick at first."""
    below = Disk.attached(size + _OFFSET * 512)
    try:
        subprocess.run(("modprobe", "dm-delay"), check=True)
        made = SlowDisk(f"{_PREFIX}{uuid.uuid4().hex[:8]}")
        lvm("dmsetup", "create", made.name, "--table", _table(size // 512, below.device, 0, 0))
        try:
            yield made
        finally:
            made.remove()
    finally:
        below.detach()


def leftover_slow_disks() -> list[SlowDisk]:
    """The slow disks that former runs left. Makes them quick, so that nobody waits for them."""
    names = lvm("dmsetup", "info", "-c", "--noheadings", "-o", "name").split()
    found = [SlowDisk(name) for name in names if name.startswith(_PREFIX)]
    for disk in found:
        disk.delay(0, 0)
    return found


def _table(sectors: int, device: str, reads: int, writes: int) -> str:
    """A table of dm-delay, with the milliseconds that each read and write takes."""
    return f"0 {sectors} delay {device} {_OFFSET} {reads} {device} {_OFFSET} {writes}"
