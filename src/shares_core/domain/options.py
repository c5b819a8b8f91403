"""What can be set on a share.

Each option has one name: at creation, in ``set``, in records and on the command line. Presets are named
choices of options.
"""

from __future__ import annotations

from typing import Any

from attrs import field, fields, frozen

from shares_core.domain.capacity import Capacity
from shares_core.domain.checks import require
from shares_core.domain.errors import InvalidInput

_LONGEST_DAYS = 3650


def differing_from_default(options: Any) -> tuple[str, ...]:
    """The names of the fields of an attrs instance that are not as its class makes them by itself."""
    default = type(options)()
    names = (each.name for each in fields(type(options)))
    return tuple(name for name in names if getattr(options, name) != getattr(default, name))


@frozen
class TimeMachine:
    """That Macs may back up to the share, and how much of it their backups may take; None for all of it."""

    limit: Capacity | None = None


@frozen
class RecycleBin:
    """That deleted files are kept in the share's bin, for ``days`` from their deletion.

    Raises InvalidInput for less than a day or more than ten years.
    """

    days: int = field(default=30)

    @days.validator
    def _check(self, _: object, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LONGEST_DAYS:
            raise InvalidInput(
                f"a recycle bin keeps files for 1 to {_LONGEST_DAYS} days, not for {value!r}",
                hint="give a number of days",
            )


@frozen
class ShareOptions:
    """The options of a share; each is off by default.

    ``audit`` records who opened files for writing, renamed and deleted them. Raises InvalidInput for a
    recycle bin beside Time Machine: a Mac deletes old backups to make room, and the bin would keep them.
    """

    time_machine: TimeMachine | None = None
    recycle_bin: RecycleBin | None = None
    audit: bool = False

    def __attrs_post_init__(self) -> None:
        for value, kind, what in (
            (self.time_machine, TimeMachine, "what is offered to Time Machine"),
            (self.recycle_bin, RecycleBin, "a recycle bin"),
        ):
            if value is not None:
                require(value, kind, what, hint=f"give a {kind.__name__}")
        require(self.audit, bool, "whether a share is audited", hint="give True or False")
        if self.time_machine is not None and self.recycle_bin is not None:
            raise InvalidInput(
                "a share for Time Machine has no recycle bin: Macs delete old backups to make room",
                hint="leave one of them out",
            )

    def changed(
        self,
        *,
        time_machine: TimeMachine | bool | None = None,
        recycle_bin: RecycleBin | bool | None = None,
        audit: bool | None = None,
    ) -> ShareOptions:
        """With what is given in place of what was.

        None leaves an option as it is, False turns it off, and True sets it with its defaults. Raises
        InvalidInput.
        """
        return ShareOptions(
            _chosen(time_machine, self.time_machine, TimeMachine),
            _chosen(recycle_bin, self.recycle_bin, RecycleBin),
            self.audit if audit is None else audit,
        )

    def check(self, capacity: Capacity) -> None:
        """Raise InvalidInput if they do not fit a share of that capacity."""
        limit = self.backup_limit
        if limit is not None and capacity < limit:
            raise InvalidInput(
                f"backups may not take {limit} of a share of {capacity}",
                hint="give a smaller limit, or none",
            )

    @property
    def backup_limit(self) -> Capacity | None:
        """How much Macs' backups may take; None if they have no limit, or it is not offered to them."""
        return self.time_machine.limit if self.time_machine is not None else None

    @property
    def differing(self) -> tuple[str, ...]:
        """The names of those that differ from the default."""
        return differing_from_default(self)


def _chosen(given: Any, present: Any, kind: type) -> Any:
    if given is None:
        return present
    return {True: kind(), False: None}[given] if isinstance(given, bool) else given
