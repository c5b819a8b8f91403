"""The progress of long operations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping

#: Called by whoever does the work: how much is done, of how much.
Report = Callable[[int, int], None]


def unreported(done: int, total: int) -> None:
    """A report that goes nowhere."""


class Progress(ABC):
    """The progress of operations under way, by their ids, for readers. No verb raises.

    It is not part of the record: a crash may lose it, or leave it for the next reconcile to remove. If it
    cannot be kept, it is dropped.
    """

    @abstractmethod
    def report(self, operation_id: str, done: int, total: int) -> None:
        """Keep the progress of the operation's present step. Cheap, so that it may be called often."""

    @abstractmethod
    def told(self, ids: Collection[str]) -> Mapping[str, float]:
        """The progress, from 0 to 1, by the ids of operations; without those of unknown progress."""

    @abstractmethod
    def list(self) -> tuple[str, ...]:
        """The ids of the operations whose progress is kept."""

    @abstractmethod
    def clear(self, operation_id: str) -> None:
        """Drop the progress of an operation that has ended. Idempotent."""
