"""How far what takes its time has come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping

#: Told by whoever works: how much is done, of how much.
Report = Callable[[int, int], None]


def unreported(done: int, total: int) -> None:
    """For those who need not know."""


class Progress(ABC):
    """What is kept while an operation is at work, by its id, for whoever looks. No verb raises.

    It is not part of the record: a crash may lose it, or leave it behind, which the next reconcile removes.
    What cannot be kept is not told.
    """

    @abstractmethod
    def report(self, operation_id: str, done: int, total: int) -> None:
        """Keep how far the step that the operation is at has come. Cheap, so that it may be called often."""

    @abstractmethod
    def told(self, ids: Collection[str]) -> Mapping[str, float]:
        """From 0 to 1, by the ids of operations; those of which nothing is known are left out."""

    @abstractmethod
    def list(self) -> tuple[str, ...]:
        """The ids of the operations of which something is kept."""

    @abstractmethod
    def clear(self, operation_id: str) -> None:
        """Drop what is kept of an operation that has ended. Idempotent."""
