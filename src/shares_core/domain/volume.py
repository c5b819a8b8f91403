"""Volumes: where a share's data is, what file system they carry, and who owns the files on disk."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import ClassVar

from attrs import evolve, field, frozen

from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.checks import must_be, require
from shares_core.domain.errors import InvalidInput
from shares_core.domain.names import Name
from shares_core.domain.pools import is_volume_id

#: The user id that owns what clients write on volumes. Above the servers' user ids: no server uses it.
DISK_OWNER = 3_000_000


@frozen(order=True)
class PoolName(Name):
    """The name of a pool in the settings."""

    kind: ClassVar[str] = "pool"
    longest: ClassVar[int] = 63
    pattern: ClassVar[re.Pattern[str]] = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
    rule: ClassVar[str] = "use letters, digits, '.', '_' and '-', beginning with a letter or a digit"


#: The pool of a share whose caller names none.
DEFAULT_POOL = PoolName("default")


@frozen(order=True)
class VolumeRef:
    """Which volume: its pool and its id. An id is minted for one share and never used for another."""

    pool: PoolName = field(validator=must_be(PoolName, "a volume's pool", hint="PoolName('default') is one"))
    id: str = field()

    @id.validator
    def _check_id(self, _: object, value: str) -> None:
        hint = "12 hexadecimal digits, like 0123456789ab"
        require(value, str, "a volume's id", hint=hint)
        if not is_volume_id(value):
            raise InvalidInput(f"{value[:100]!a} is not a volume's id", hint=hint)

    @classmethod
    def parse(cls, text: str) -> VolumeRef:
        """Read what ``str`` returns. Raises InvalidInput."""
        pool, _, volume_id = text.partition("/")
        return cls(PoolName(pool), volume_id)

    def __str__(self) -> str:
        return f"{self.pool}/{self.id}"


@frozen
class VolumeTraits:
    """The kind of a volume, recorded with it, because the settings of its pool may change later.

    A ``thin`` volume gets its blocks when they are written. A new ``zeroed`` volume reads as zeros
    throughout, others only at both ends. A volume that ``discards`` returns to its pool what its file system
    frees.
    """

    thin: bool = False
    zeroed: bool = False
    discards: bool = False


class FileSystemKind(StrEnum):
    """The file systems that a volume can carry."""

    EXT4 = "ext4"
    XFS = "xfs"

    @classmethod
    def parse(cls, text: str) -> FileSystemKind:
        try:
            return cls(text)
        except ValueError:
            known = " or ".join(cls)
            raise InvalidInput(
                f"{text!r} is not a file system that is known here", hint=f"give {known}"
            ) from None

    @property
    def smallest(self) -> Capacity:
        """Below this size mkfs refuses, or leaves too little room (mkfs.xfs needs 300 MiB)."""
        return Capacity({FileSystemKind.EXT4: 16 * MIB, FileSystemKind.XFS: 300 * MIB}[self])

    def check_case_fold(self, case_fold: bool) -> None:
        """Raises InvalidInput if this file system is to find names in any case, and cannot."""
        require(case_fold, bool, "case_fold", hint="True or False")
        if case_fold and self is not FileSystemKind.EXT4:
            raise InvalidInput(
                f"{self} always tells names apart by case", hint=f"only {FileSystemKind.EXT4} folds case"
            )

    def check(self, capacity: Capacity) -> None:
        """Raises InvalidInput if this file system cannot be that small, or if it is not a capacity."""
        require(capacity, Capacity, "a share's capacity", hint="Capacity.parse('500MiB') reads a size")
        if capacity < self.smallest:
            raise InvalidInput(
                f"{capacity} is too small for {self}",
                hint=f"the smallest {self} share has {self.smallest}",
            )


@frozen
class FileSystem:
    """A file system's identity: only this may be mounted for its share. We mint its ``uuid``.

    One that was made with ``case_fold`` itself finds a name in any case, and a folder of any size costs the
    same.
    """

    kind: FileSystemKind
    uuid: str
    case_fold: bool = field(default=False)

    @case_fold.validator
    def _check_case_fold(self, _: object, value: bool) -> None:
        self.kind.check_case_fold(value)


@frozen
class ShareVolume:
    """The volume of a share. A snapshot's file system has its origin's UUID, so both identify it.

    ``owner`` is the user id that owns, on disk, what clients write. With ``large_attributes`` each extended
    attribute of a file, and so each stream, has up to 64 KiB; without, all of a file share about a block.
    ``executable`` means that every file and folder has its owner's execute bit, without which Samba refuses
    full access. What former releases made lacks both.
    """

    ref: VolumeRef
    filesystem: FileSystem
    owner: int
    traits: VolumeTraits = VolumeTraits()
    large_attributes: bool = True
    executable: bool = True

    @property
    def id(self) -> str:
        return self.ref.id

    @property
    def pool(self) -> PoolName:
        return self.ref.pool

    def made_executable(self) -> ShareVolume:
        return evolve(self, executable=True)
