"""What every listener does."""

from __future__ import annotations

from abc import abstractmethod

from shares_core.ports.events import Event, EventKind
from tests.contracts.world import World


class EventsWorld(World):
    """A host with a listener."""

    @abstractmethod
    def heard(self) -> tuple[Event, ...]:
        """The events that the listener heard, oldest first."""


class EventsContract:
    """The suite of ``ports.events``."""

    def test_every_event_is_heard_in_order(self, world: EventsWorld) -> None:
        """Equal events are heard as often as they happen."""
        events = world.ports.events
        up, failed = Event(EventKind.SERVER_UP, "a"), Event(EventKind.SHARE_FAILED, "a", "b", detail="why")
        told = (up, failed, up)
        for event in told:
            events.emit(event)
        assert told == world.heard()
