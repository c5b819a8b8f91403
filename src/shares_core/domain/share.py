"""CIFS shares: one volume, one file system, one export."""

from __future__ import annotations

from enum import StrEnum

from attrs import evolve, field, frozen

from shares_core.domain.access import AccessRule, rule_set
from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import ShareFailed
from shares_core.domain.intent import ExtendShare
from shares_core.domain.names import ShareName
from shares_core.domain.volume import FileSystem as FileSystem
from shares_core.domain.volume import FileSystemKind as FileSystemKind
from shares_core.domain.volume import ShareVolume


class ShareStatus(StrEnum):
    """Where a share is in its life. Only a ready one is served."""

    CREATING = "creating"
    READY = "ready"
    EXTENDING = "extending"
    DELETING = "deleting"
    FAILED = "failed"


@frozen
class CifsShare:
    """One share as its record holds it.

    ``folder`` is what is served inside the volume: it exists nowhere else, so an unmounted share
    cannot be served. ``reason`` says why a share is failed, else it is empty. ``unfinished`` is an extension
    that was interrupted and could not be settled: the share is failed until starting the server settles it.
    A ``damaged`` one is failed until a person has had it checked: mounted again, it would get worse.
    """

    id: str
    name: ShareName
    capacity: Capacity
    volume: ShareVolume
    status: ShareStatus = ShareStatus.CREATING
    reason: str = ""
    folder: str = "data"
    unfinished: ExtendShare | None = None
    damaged: bool = False
    rules: tuple[AccessRule, ...] = field(default=(), converter=rule_set)

    @property
    def filesystem(self) -> FileSystem:
        return self.volume.filesystem

    @property
    def served(self) -> bool:
        """Whether smb.conf has a section for it: no rule, no section."""
        return self.status is ShareStatus.READY and bool(self.rules)

    def with_status(self, status: ShareStatus, reason: str = "") -> CifsShare:
        """The share in another status. One that is deleted is neither extended nor repaired any more."""
        if status is ShareStatus.DELETING:
            return evolve(self, status=status, reason=reason, unfinished=None, damaged=False)
        return evolve(self, status=status, reason=reason)

    def with_rules(self, rules: tuple[AccessRule, ...]) -> CifsShare:
        return evolve(self, rules=rules)

    def require_ready(self) -> CifsShare:
        """The share itself. Raises ShareFailed where it cannot be worked with as it is."""
        if self.status is not ShareStatus.READY:
            raise ShareFailed(
                f"share {self.name.value!r} is {self.status}" + (f": {self.reason}" if self.reason else ""),
                hint="'shares-core share check' tells what is damaged; with --repair it is repaired"
                if self.damaged
                else "its data was left as it is; mend what is wrong, then run 'shares-core reconcile'",
            )
        return self
