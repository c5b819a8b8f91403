"""Shares on thick logical volumes, beside their floor: LVM's commands, mkfs, mount, and one fsynced rename.

Like ``floor`` it imports nothing of shares_core.
"""

from __future__ import annotations

import os
from pathlib import Path

from attrs import define

from benchmarks.floor import UID, Floor, run

CREATE, EXTEND, DELETE = "share create on LVM", "share extend on LVM, online", "share delete on LVM"
#: An operation's goal, as a multiple of its floor.
GOALS = {CREATE: 1.5, EXTEND: 1.5, DELETE: 2.0}


@define
class LvmFloor:
    """The bare steps in a volume group, with the server of the floor."""

    floor: Floor
    group: str

    def create(self, name: str, size: int) -> None:
        """lvcreate, which wipes signatures; mkfs, mount, one fsynced rename."""
        named = ("--name", self._volume(name), *self._size(size), self.group)
        run("lvcreate", "--yes", "--wipesignatures", "y", *named)
        run("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "nodiscard", self._device(name))
        target = self._target(name)
        target.mkdir()
        run("mount", "-o", "noatime,nodev,nosuid,noexec", self._device(name), str(target))
        (target / "data").mkdir()
        os.chown(target / "data", UID, UID)
        self.floor.record()

    def extend(self, name: str, size: int) -> None:
        """lvextend, resize2fs, one fsynced rename."""
        run("lvextend", *self._size(size), f"{self.group}/{self._volume(name)}")
        run("resize2fs", self._device(name))
        self.floor.record()

    def delete(self, name: str) -> None:
        """Withdraw, unmount, overwrite with zeros, lvremove."""
        self.floor.configure()
        self.floor.close(name)
        run("umount", str(self._target(name)))
        self._target(name).rmdir()
        run("blkdiscard", "--zeroout", "--force", self._device(name))
        run("lvremove", "--yes", f"{self.group}/{self._volume(name)}")
        self.floor.record()

    def _target(self, name: str) -> Path:
        return self.floor.folder / "shares" / name

    def _device(self, name: str) -> str:
        return f"/dev/{self.group}/{self._volume(name)}"

    @staticmethod
    def _volume(name: str) -> str:
        return f"sctest-floor-{name}"

    @staticmethod
    def _size(size: int) -> tuple[str, str]:
        return "--size", f"{size}b"
