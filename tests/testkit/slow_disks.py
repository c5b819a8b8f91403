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
    """A device above another, which is quick until it is told otherwise."""

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
        start, sectors, _, device, *_ = lvm("dmsetup", "table", self.name).split()
        table = f"{start} {sectors} delay {device} {_OFFSET} {reads} {device} {_OFFSET} {writes}"
        lvm("dmsetup", "reload", self.name, "--table", table)
        # Udev would read the disk, and be waited for.
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
        table = f"0 {size // 512} delay {below.device} {_OFFSET} 0 {below.device} {_OFFSET} 0"
        lvm("dmsetup", "create", made.name, "--table", table)
        try:
            yield made
        finally:
            made.remove()
    finally:
        below.detach()


def leftover_slow_disks() -> list[SlowDisk]:
    """Those of former runs, which are quick from now on."""
    names = lvm("dmsetup", "info", "-c", "--noheadings", "-o", "name").split()
    found = [SlowDisk(name) for name in names if name.startswith(_PREFIX)]
    for disk in found:
        disk.delay(0, 0)
    return found
