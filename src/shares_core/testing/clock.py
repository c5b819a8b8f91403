"""Time that passes only when it is told to."""

from __future__ import annotations

from shares_core.ports.clock import Clock
from shares_core.testing.host import MemoryHost


class MemoryClock(Clock):
    """``MemoryHost.time`` and ``uptime``."""

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def now(self) -> int:
        return self._host.time

    def elapsed(self) -> float:
        return self._host.uptime

    def wait(self, seconds: float) -> None:
        self._host.uptime += seconds
