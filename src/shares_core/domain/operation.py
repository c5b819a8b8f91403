"""What is under way: a change that is journaled in a record before it begins.

An operation is a frozen value. The record of its server holds it from before its first step until after its
last one, so that whoever comes after a crash knows what to recover. Each kind is one module below
``app/operations``: the value, its steps forward and its recovery.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Any, ClassVar

from attrs import evolve, frozen


class ShareStatus(StrEnum):
    """Where a share is in its life; derived from its operation and its failure."""

    CREATING = "creating"
    READY = "ready"
    EXTENDING = "extending"
    CHECKING = "checking"
    DELETING = "deleting"
    FAILED = "failed"


@frozen(kw_only=True)
class Operation(ABC):
    """One change under way.

    ``kind`` is its name on disk and on the wire: it outlives renamed classes. ``id`` is 12 hexadecimal
    digits, ``since`` the unix time in seconds at which it was journaled.
    """

    kind: ClassVar[str]
    #: Whether an error leaves it to the next caller, who carries it on. Others are recovered at once.
    forward_only: ClassVar[bool] = False

    id: str
    since: int

    @abstractmethod
    def run(self, work: Any) -> Any:
        """The steps forward; the last one clears the operation. Gives what its caller asked for."""

    def salvaged(self, work: Any) -> Any:
        """The answer, if recovering a failed run has brought it to its end all the same; else None."""
        return None

    @abstractmethod
    def recover(self, work: Any) -> None:
        """Bring an operation that failed or was interrupted to its end or back to its beginning. Idempotent.

        Nothing is known but the record and the host: a step may be half-done, or still at work if its caller
        was killed. Raises SharesError, and leaves the operation open, if that fails too.
        """


@frozen(kw_only=True)
class ServerOperation(Operation):
    """A change that holds its server's lock from its first step to its last."""


@frozen(kw_only=True)
class ShareOperation(Operation):
    """A change that holds its share's slot: its server's lock only for brief steps.

    ``cancelled`` says that somebody asked for it to end: it is recovered before its next step.
    """

    status: ClassVar[ShareStatus]
    #: Whether the share is complete meanwhile; it is not while it is made or removed.
    whole: ClassVar[bool] = True
    #: Whether it is recovered although its share is damaged. Others wait for a person's decision.
    despite_damage: ClassVar[bool] = False

    share_id: str
    cancelled: bool = False

    @property
    def serves(self) -> bool:
        """Whether clients can use the share meanwhile."""
        return False

    @property
    def no_return(self) -> str:
        """Why it cannot be cancelled any more; empty while it can."""
        return ""

    def cancel(self) -> ShareOperation:
        return evolve(self, cancelled=True)
