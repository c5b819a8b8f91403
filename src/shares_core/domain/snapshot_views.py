"""The answers of the use cases about snapshots and schedules."""

from __future__ import annotations

from attrs import frozen

from shares_core.domain.capacity import Capacity
from shares_core.domain.exports import Export
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare
from shares_core.domain.snapshots import Snapshot


@frozen
class SnapshotView:
    """A snapshot of a share of a server."""

    server: ShareServer
    share: CifsShare
    snapshot: Snapshot

    @property
    def export(self) -> Export | None:
        """The snapshot as clients connect to it; None unless it is exported."""
        return Export(self.share, self.snapshot) if self.snapshot.is_exported else None


@frozen
class ScheduledView:
    """What a schedule did with a share's snapshots, by their names; ``problem`` says why it failed."""

    server: str
    share: str
    taken: str = ""
    removed: tuple[str, ...] = ()
    problem: str = ""


@frozen
class RevertView:
    """What a revert did: the share holds what ``snapshot`` holds. ``capacity_before`` was its capacity."""

    snapshot: SnapshotView
    capacity_before: Capacity
