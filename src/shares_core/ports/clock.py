"""Time."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Clock(ABC):
    """The host's clock."""

    @abstractmethod
    def now(self) -> int:
        """Unix time in whole seconds."""

    @abstractmethod
    def elapsed(self) -> float:
        """Seconds since some moment, whatever is done to the host's time: to measure by."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Let time go by: for a service whose host does not answer, which would else ask without a pause."""
