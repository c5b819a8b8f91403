"""When a share's snapshots are taken by themselves, and which of these are kept. Pure: the time is given.

Hours, days and weeks are those of UTC, so that no change of a time zone makes a second snapshot; a week
begins on Monday.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, fields, frozen

from shares_core.domain.errors import InvalidInput
from shares_core.domain.snapshots import MOST_SNAPSHOTS, Snapshot

_HOUR, _DAY = 3600, 86400
#: The first Monday of unix time began after four days.
_MONDAY = 4 * _DAY
#: How to number the periods of each kind, from the shortest.
_PERIODS: Mapping[str, tuple[int, int]] = {
    "hourly": (_HOUR, 0),
    "daily": (_DAY, 0),
    "weekly": (7 * _DAY, _MONDAY),
}


def _count(instance: object, attribute: Any, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MOST_SNAPSHOTS:
        raise InvalidInput(
            f"{value!r} is not a number of {attribute.name} snapshots",
            hint=f"give a number from 0 to {MOST_SNAPSHOTS - 1}",
        )


@frozen
class Schedule:
    """How many snapshots of each kind are kept: the last ones, and the last of each hour, day and week.

    One is taken in every period of the shortest kind. Raises InvalidInput without a period, and for more than
    a share may have, with one left for a person.
    """

    keep_last: int = field(default=0, validator=_count)
    hourly: int = field(default=0, validator=_count)
    daily: int = field(default=0, validator=_count)
    weekly: int = field(default=0, validator=_count)

    def __attrs_post_init__(self) -> None:
        if not (self.hourly or self.daily or self.weekly):
            raise InvalidInput(
                "a schedule says how often: every hour, day or week", hint="give hourly, daily or weekly"
            )
        wanted = sum(getattr(self, each.name) for each in fields(Schedule))
        if wanted >= MOST_SNAPSHOTS:
            raise InvalidInput(
                f"{wanted} snapshots are more than the {MOST_SNAPSHOTS - 1} that a schedule may keep",
                hint="keep fewer",
            )

    @property
    def shortest(self) -> str:
        """The kind of its shortest period: one snapshot is taken in each."""
        return next(kind for kind in _PERIODS if getattr(self, kind))

    def is_due(self, taken: Iterable[Snapshot], now: int) -> bool:
        """Whether one is to be taken: none of the scheduled ones is of the present period or a later one.

        A host that slept through several periods takes one; a clock that was set back takes none until it has
        caught up.
        """
        present = _period(self.shortest, now)
        scheduled = (each for each in taken if each.scheduled)
        return all(_period(self.shortest, each.second) < present for each in scheduled)

    def expired(self, taken: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
        """The scheduled ones that are not kept any more.

        What a person took is never among them, nor what is exported.
        """
        newest_first = sorted(
            (each for each in taken if each.scheduled), key=lambda each: each.second, reverse=True
        )
        kept = {each.id for each in newest_first[: self.keep_last]}
        for kind in _PERIODS:
            last_of: dict[int, str] = {}
            for each in newest_first:
                last_of.setdefault(_period(kind, each.second), each.id)
            kept.update(list(last_of.values())[: getattr(self, kind)])
        gone = (each for each in reversed(newest_first) if each.id not in kept)
        return tuple(each for each in gone if not each.is_exported)


def _period(kind: str, second: int) -> int:
    length, begins = _PERIODS[kind]
    return (second - begins) // length
