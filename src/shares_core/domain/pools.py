"""Pools of volumes: which kinds there are, and the names that LVM gives their parts.

The rules for names are those of lvm(8), "Valid names".
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import ClassVar

from attrs import field, frozen

from shares_core.domain.checks import require
from shares_core.domain.errors import InvalidInput
from shares_core.domain.names import Name

#: Device-mapper's limit for the name of a device (DM_NAME_LEN of linux/dm-ioctl.h, less its final zero).
_LONGEST_DEVICE_NAME = 127
_CHARACTERS = "use letters, digits, '_', '.', '+' and '-', and do not begin with '-'"


class PoolKind(StrEnum):
    """Where volumes come from."""

    FILES = "files"
    LVM = "lvm"


class SnapshotWay(StrEnum):
    """How the volumes of a pool get snapshots."""

    #: At once: a snapshot shares the blocks of its share.
    SHARING = "sharing"
    #: By copying; clients go on writing.
    COPYING = "copying"
    #: By copying; clients can only read until it is done.
    COPYING_READ_ONLY = "copying-read-only"

    @property
    def copies(self) -> bool:
        return self is not SnapshotWay.SHARING


@frozen(order=True)
class VolumeGroupName(Name):
    """The name of an LVM volume group."""

    kind: ClassVar[str] = "volume group"
    longest: ClassVar[int] = _LONGEST_DEVICE_NAME
    pattern: ClassVar[re.Pattern[str]] = re.compile(r"[A-Za-z0-9_+.][A-Za-z0-9_+.-]*", re.ASCII)
    forbidden: ClassVar[re.Pattern[str]] = re.compile(r"\.{1,2}")
    rule: ClassVar[str] = _CHARACTERS


@frozen(order=True)
class ThinPoolName(Name):
    """The name of the logical volume that is a thin pool."""

    kind: ClassVar[str] = "thin pool"
    longest: ClassVar[int] = _LONGEST_DEVICE_NAME
    pattern: ClassVar[re.Pattern[str]] = VolumeGroupName.pattern
    forbidden: ClassVar[re.Pattern[str]] = re.compile(
        r"\.{1,2}|(snapshot|pvmove).*|shares-.*"
        r"|.*_(cdata|cmeta|corig|cpool|cvol|imeta|iorig|mlog|mimage|pmspare).*"
        r"|.*_(rimage|rmeta|tdata|tmeta|vdata|vorigin|wcorig).*"
    )
    rule: ClassVar[str] = (
        f"{_CHARACTERS}; LVM keeps snapshot..., pvmove... and ..._tdata and its like for itself, "
        "and shares-... are volumes"
    )


@frozen
class DevicePath:
    """The path of a block device that an operator names, like /dev/sdb."""

    value: str = field()

    @value.validator
    def _check(self, _: object, value: str) -> None:
        hint = "give an absolute path like /dev/sdb"
        require(value, str, "the path of a device", hint=hint)
        if re.fullmatch(r"(/[A-Za-z0-9_.:@+=-]+)+", value, re.ASCII) is None or ".." in value.split("/"):
            raise InvalidInput(f"{value[:100]!a} is not the path of a device", hint=hint)

    def __str__(self) -> str:
        return self.value


def volume_name(volume_id: str) -> str:
    """The logical volume's name, from the volume's id, so that renaming a share does not touch the volume."""
    return f"shares-{volume_id}"


def unfinished_name(volume_id: str) -> str:
    """The name of a logical volume that is being filled."""
    return f"{volume_name(volume_id)}.part"


def moment_name(volume_id: str) -> str:
    """The name of the thick snapshot that the volume is filled from."""
    return f"{volume_name(volume_id)}.moment"


def is_volume_id(text: str) -> bool:
    """Whether it can be a volume's id, unlike the names of what a person has put beside the volumes."""
    return re.fullmatch("[0-9a-f]{12}", text) is not None


def device_name(group: str, volume: str) -> str:
    """The logical volume's name in device-mapper, which doubles hyphens."""
    return "-".join(name.replace("-", "--") for name in (group, volume))


def check_device_names(group: VolumeGroupName, thin_pool: ThinPoolName | None) -> None:
    """Raises InvalidInput if a device's name would be too long for device-mapper."""
    names = [device_name(str(group), volume_name("0" * 12))]
    if thin_pool is not None:
        names.append(device_name(str(group), f"{thin_pool}_tdata"))
    longest = max(map(len, names))
    if longest > _LONGEST_DEVICE_NAME:
        together = " and ".join(repr(str(name)) for name in (group, thin_pool) if name is not None)
        raise InvalidInput(
            f"a device named after {together} would have {longest} characters, "
            f"{_LONGEST_DEVICE_NAME} at most",
            hint="choose a shorter name; a hyphen counts twice",
        )
