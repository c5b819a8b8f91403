"""Snapshots: what a share held at one moment."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import ClassVar

from attrs import converters, field, frozen

from shares_core.domain.access import AccessLevel, AccessRule, rule_set
from shares_core.domain.capacity import Capacity
from shares_core.domain.checks import require
from shares_core.domain.errors import InvalidInput
from shares_core.domain.names import Name, ServerName, ShareName

#: How many a share may have.
MOST_SNAPSHOTS = 64
#: How SMB clients name a moment, in UTC (MS-SMB2 2.2.32.2).
GMT_FORM = "@GMT-%Y.%m.%d-%H.%M.%S"
#: The seconds that a token can tell: four digits of a year.
_LAST_SECOND = 253_402_300_799


@frozen(order=True)
class SnapshotName(Name):
    """A snapshot's name: unique on its share, in any case."""

    kind: ClassVar[str] = "snapshot"
    longest: ClassVar[int] = 255
    pattern: ClassVar[re.Pattern[str]] = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]*", re.ASCII)
    rule: ClassVar[str] = (
        "use letters, digits, '.', '_', ':', '+' and '-', beginning with a letter or a digit"
    )

    @classmethod
    def at(cls, second: int) -> SnapshotName:
        """The name of one that was given none: ``20261130T223344Z``, in UTC."""
        return cls(_written(second, "%Y%m%dT%H%M%SZ"))


@frozen
class Snapshot:
    """One snapshot of a share, in a volume of its own in the share's pool, which has its ``id``.

    ``second`` is the unix time by which clients know it: no other snapshot of its share has the same.
    ``capacity`` is what the share had then. A ``scheduled`` one was not taken by a person. ``rules`` say who
    may connect to it as to a share; None unless it is exported.
    """

    id: str
    name: SnapshotName
    second: int = field()
    capacity: Capacity
    scheduled: bool = False
    rules: tuple[AccessRule, ...] | None = field(default=None, converter=converters.optional(rule_set))

    @second.validator
    def _check(self, _: object, value: int) -> None:
        require(value, int, "the time of a snapshot", hint="give unix seconds")
        if not 0 <= value <= _LAST_SECOND:
            raise InvalidInput(f"{value} is not the time of a snapshot", hint="give unix seconds")

    @rules.validator
    def _check_rules(self, _: object, rules: tuple[AccessRule, ...] | None) -> None:
        if rules is None:
            return
        ShareName(f"share@{self.name}")
        for rule in rules:
            if rule.level is not AccessLevel.READ_ONLY:
                raise InvalidInput(
                    f"{rule.principal.name} cannot write to snapshot {self.name}: it is read-only",
                    hint=f"give {AccessLevel.READ_ONLY.value!r}",
                )

    @property
    def is_exported(self) -> bool:
        return self.rules is not None

    @property
    def token(self) -> str:
        """Its moment as clients write it."""
        return _written(self.second, GMT_FORM)

    def mount_id(self, share_id: str) -> str:
        """The name of its mount; the share's own mount has the share's id."""
        return f"{share_id}{self.token}"


@frozen
class SnapshotSource:
    """Which snapshot of which share, as ``SERVER/SHARE@SNAPSHOT``."""

    server: ServerName
    share: ShareName
    snapshot: SnapshotName

    @classmethod
    def parse(cls, text: str) -> SnapshotSource:
        """Read what ``str`` returns. Raises InvalidInput."""
        server, slash, rest = text.partition("/")
        share, at, snapshot = rest.rpartition("@")
        if not slash or not at:
            raise InvalidInput(f"{text[:100]!a} does not name a snapshot", hint="give SERVER/SHARE@SNAPSHOT")
        return cls(ServerName(server), ShareName(share), SnapshotName(snapshot))

    def __str__(self) -> str:
        return f"{self.server}/{self.share}@{self.snapshot}"


def _written(second: int, form: str) -> str:
    return datetime.fromtimestamp(second, UTC).strftime(form)


def free_second(now: int, taken: Collection[Snapshot]) -> int:
    """The first second from now on that none of them has."""
    used = {snapshot.second for snapshot in taken}
    while now in used:
        now += 1
    return now
