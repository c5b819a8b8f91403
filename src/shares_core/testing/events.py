"""Events kept in a list."""

from __future__ import annotations

from shares_core.ports.events import Event, Events
from shares_core.testing.host import MemoryHost


class MemoryEvents(Events):
    """``MemoryHost.events``, oldest first."""

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def emit(self, event: Event) -> None:
        self._host.events.append(event)
