"""What happens while a use case works, for listeners."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum

from attrs import frozen

from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare


class EventKind(StrEnum):
    """What can happen, in the words that people read."""

    SERVER_UP = "server up"
    SERVER_DOWN = "server down"
    SERVER_REMOVED = "server removed"
    SHARE_REMOVED = "share removed"
    #: A share whose creation should be undone has files in it.
    SHARE_KEPT = "share kept"
    SHARE_FAILED = "share failed"
    SHARE_DAMAGED = "share damaged"
    #: It cannot be mounted, so clients do not see it.
    SNAPSHOT_FAILED = "snapshot failed"
    #: It runs out of space or files.
    SHARE_NEARLY_FULL = "share nearly full"
    #: A bridge that no server needs any more has a port that is not a server's.
    BRIDGE_LEFT = "bridge left"
    #: An interrupted operation is brought to its end, or back to its beginning.
    RECOVERING = "recovering"
    RECOVERY_FAILED = "recovery failed"
    #: The service watches this many servers.
    WATCHING = "watching"
    CANNOT_WATCH = "cannot watch"
    CANNOT_LOOK = "cannot look"
    #: What a server's log says of audited files could not be taken into the trails.
    CANNOT_COLLECT = "cannot collect"
    REPAIRED = "repaired"
    REPAIR_FAILED = "repair failed"
    ORPHAN = "orphan"


@frozen
class Event:
    """Something happened to a server, to one of its shares, or to another ``thing`` of the host.

    ``detail`` says more, as an error does. No field ever holds a secret.
    """

    what: EventKind
    server: str = ""
    share: str = ""
    thing: str = ""
    detail: str = ""

    @classmethod
    def of_share(
        cls, what: EventKind, server: ShareServer, share: CifsShare | None, detail: str = ""
    ) -> Event:
        """An event of a share, or without a share of its server."""
        return cls(what, str(server.name), "" if share is None else str(share.name), detail=detail)

    @property
    def subject(self) -> str:
        """What it happened to, and the detail, for people: ``tenant/files: its volume is missing``."""
        place = "/".join(filter(None, (self.server, self.share))) or self.thing
        return ": ".join(filter(None, (place, self.detail)))


class Events(ABC):
    """A listener. It must not fail and must not call back into the library."""

    @abstractmethod
    def emit(self, event: Event) -> None:
        """Take note of the event."""
