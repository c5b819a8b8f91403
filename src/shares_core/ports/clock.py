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
        """Seconds since some moment, for measuring; changes of the host's time do not affect it."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Let time pass: for a service that would otherwise ask a silent host without a pause."""
