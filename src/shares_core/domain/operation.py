"""Operations: changes that are journaled in a record before they begin.

An operation is a frozen value. Its server's record holds it from before the first step until after the last,
so that the next caller after a crash knows what to recover. Each kind is one module below ``app/operations``:
the value, its steps forward and its recovery.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Any, ClassVar

from attrs import evolve, frozen

from shares_core.domain.snapshots import Snapshot
from shares_core.domain.volume import VolumeRef


class ShareStatus(StrEnum):
    """The state of a share, derived from its operation and its failure."""

    CREATING = "creating"
    READY = "ready"
    EXTENDING = "extending"
    CHECKING = "checking"
    SNAPSHOTTING = "snapshotting"
    REVERTING = "reverting"
    SHRINKING = "shrinking"
    DELETING = "deleting"
    FAILED = "failed"


@frozen(kw_only=True)
class Operation(ABC):
    """One change under way.

    ``kind`` is its name on disk and on the wire, which stays if the class is renamed. ``id`` is 12
    hexadecimal digits, ``since`` the unix time in seconds at which it was journaled.
    """

    kind: ClassVar[str]
    #: Whether the next caller carries it on after an error. Other operations are recovered at once.
    forward_only: ClassVar[bool] = False

    id: str
    since: int

    @abstractmethod
    def run(self, work: Any) -> Any:
        """Take the steps forward; the last one clears the operation. Returns what the caller asked for."""

    def salvaged(self, work: Any) -> Any:
        """The answer, if recovering a failed run has nevertheless completed it; otherwise None."""
        return None

    @abstractmethod
    def recover(self, work: Any) -> None:
        """Bring a failed or interrupted operation to its end or back to its beginning. Idempotent.

        It knows only the record and the host: a step may be half-done, or still at work if its caller was
        killed. Raises SharesError, and leaves the operation open, if it fails too.
        """


@frozen(kw_only=True)
class ServerOperation(Operation):
    """A change that holds its server's lock from the first step to the last."""


@frozen(kw_only=True)
class ShareOperation(Operation):
    """A change that holds its share's slot, and its server's lock only for brief steps.

    ``cancelled`` means that somebody asked it to end: it is recovered before its next step.
    """

    status: ClassVar[ShareStatus]
    #: Whether the share is complete meanwhile; not while it is being made or removed.
    whole: ClassVar[bool] = True
    #: Whether it can be recovered if its share is damaged. Other operations wait for a person's decision.
    despite_damage: ClassVar[bool] = False
    #: Whether the share stays as it was, and served, if this cannot be recovered.
    spares_share: ClassVar[bool] = False

    share_id: str
    cancelled: bool = False

    @property
    def serves(self) -> bool:
        """Whether clients can use the share meanwhile."""
        return False

    @property
    def keeps_writers_out(self) -> bool:
        """Whether clients can only read meanwhile."""
        return False

    @property
    def no_return(self) -> str:
        """Why it can no longer be cancelled; empty while it can."""
        return ""

    @property
    def taking(self) -> Snapshot | None:
        """The snapshot that it is taking, which its share does not name yet."""
        return None

    @property
    def volumes(self) -> tuple[VolumeRef, ...]:
        """Other volumes that it makes or removes and that its share does not name."""
        return ()

    def cancel(self) -> ShareOperation:
        return evolve(self, cancelled=True)
