"""What happens while a use case works, for whoever wants to watch."""

from __future__ import annotations

from abc import ABC, abstractmethod

from attrs import frozen


@frozen
class Event:
    """Something happened. ``subject`` is what it happened to; neither text ever holds a secret."""

    what: str
    subject: str


class Events(ABC):
    """A listener. It must not fail and must not call back into the library."""

    @abstractmethod
    def emit(self, event: Event) -> None:
        """Take note of the event."""
