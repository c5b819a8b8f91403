"""Volume groups that tests make on their own loop devices, and remove."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from shares_core.domain.capacity import MIB

#: The files of disks of volume groups, below the folder that all test runs share.
DISKS = Path("/var/tmp/shares-core-tests/disks")
PREFIX = "sctest-vg-"
#: The space before the first physical extent (pvcreate(8), --dataalignment), and an extent.
_HEAD, EXTENT = MIB, 4 * MIB


def lvm(*argv: str) -> str:
    """Run an LVM command, which has to succeed."""
    done = subprocess.run(
        argv, check=False, capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"}, close_fds=True
    )
    assert done.returncode == 0, (argv, done.stdout, done.stderr)
    return done.stdout


@frozen
class Disk:
    """A file as a loop device, on which a volume group can be made."""

    file: Path
    device: str

    @classmethod
    def attached(cls, size: int) -> Disk:
        """Attach a sparse file of that many bytes."""
        DISKS.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = DISKS / f"{uuid.uuid4().hex[:8]}.disk"
        with file.open("wb") as opened:
            opened.truncate(size)
        device = subprocess.run(
            ("losetup", "--find", "--show", file), check=True, capture_output=True, text=True
        ).stdout.strip()
        return cls(file, device)

    def detach(self) -> None:
        subprocess.run(("losetup", "--detach", self.device), check=True)
        self.file.unlink()


def size_for(extents: int) -> int:
    """The size of a disk for a volume group of exactly that many extents."""
    return int(_HEAD + extents * EXTENT)


def new_name() -> str:
    """An unused volume group name. Its hyphens are doubled in the names of its devices."""
    return f"{PREFIX}{uuid.uuid4().hex[:8]}"


@contextmanager
def volume_group(extents: int) -> Iterator[str]:
    """A volume group of that many extents, on its own disk; yields its name."""
    disk = Disk.attached(size_for(extents))
    name = new_name()
    try:
        lvm("vgcreate", "--yes", name, disk.device)
        yield name
    finally:
        remove_group_on(disk.device)
        disk.detach()


def remove_group_on(device: str) -> None:
    """Remove the volume group that has the device, whatever its name is by now, with its volumes."""
    report = lvm("pvs", "--reportformat", "json", "--options", "vg_name", device)
    for row in json.loads(report)["report"][0]["pv"]:
        if row["vg_name"]:
            remove_group(row["vg_name"])


def remove_group(name: str) -> None:
    lvm("vgchange", "--activate", "n", name)
    lvm("vgremove", "--force", "--force", "--yes", name)


def has_device_mapper() -> bool:
    """Whether there can be logical volumes on this machine."""
    return shutil.which("vgs") is not None and Path("/dev/mapper/control").exists()


def remove_leftover_groups() -> None:
    """Remove the groups of former runs."""
    report = lvm("vgs", "--reportformat", "json", "--options", "vg_name")
    for row in json.loads(report)["report"][0]["vg"]:
        if row["vg_name"].startswith(PREFIX):
            remove_group(row["vg_name"])


def remove_leftover_disks() -> None:
    """Remove the disks of former runs, whose groups are gone."""
    listing = subprocess.run(
        ("losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for device, file in re.findall(rf"^(/dev/loop\d+)\s+({re.escape(str(DISKS))}/\S+)", listing, re.M):
        Disk(Path(file), device).detach()
