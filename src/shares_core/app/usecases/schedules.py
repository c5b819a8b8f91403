"""Snapshots that are taken by themselves."""

from __future__ import annotations

from attrs import frozen

from shares_core.app.leases import Leases
from shares_core.app.usecases.snapshots import Snapshots, take
from shares_core.domain.checks import require
from shares_core.domain.errors import Busy, Conflict, SharesError
from shares_core.domain.schedules import Schedule
from shares_core.domain.server import DesiredState, ShareServer
from shares_core.domain.share import CifsShare, ShareStatus
from shares_core.domain.snapshot_views import ScheduledView
from shares_core.ports import Ports


@frozen
class Schedules:
    """The use cases about schedules.

    Every one may raise NotFound, InvalidInput, BackendFailure, HostNotReady and Busy.
    """

    _ports: Ports
    _leases: Leases
    _snapshots: Snapshots

    def set(self, server: str, share: str, schedule: Schedule) -> None:
        """Have the share's snapshots taken by themselves, as long as the watcher runs. Idempotent.

        Raises Conflict if its pool would have to copy each.
        """
        require(schedule, Schedule, "a schedule", hint="Schedule(daily=7) is one")
        found = self._leases.find(server).share(share)
        if self._ports.storage.snapshot_way(found.volume.pool).copies:
            raise Conflict(
                f"share {found.name.value!r} has no snapshots that are taken by themselves: "
                f"the volumes in its pool {found.volume.pool} cannot share blocks, so each would be copied",
                hint="take them by hand, or put the share in a thin pool or a pool with an xfs image",
            )
        self._record(server, share, schedule)

    def show(self, server: str, share: str) -> Schedule | None:
        """The share's schedule; None without one."""
        return self._leases.find(server).share(share).schedule

    def clear(self, server: str, share: str) -> None:
        """Take no more by themselves; what was taken stays. Idempotent."""
        self._record(server, share, None)

    def _record(self, server: str, share: str, schedule: Schedule | None) -> None:
        with self._leases.server(server) as held:
            found = held.server.share(share)
            if found.schedule != schedule:
                held.save_or_restore(held.server.with_share(found.with_schedule(schedule)))

    def run(self) -> tuple[ScheduledView, ...]:
        """Take every snapshot that is due, and remove those that are kept no longer.

        Returns what was done; a share for which it fails says why, and the others go on. A share that is not
        ready, or somebody is at work on, waits for the next call.
        """
        servers = (record for record in self._ports.records.load_all() if isinstance(record, ShareServer))
        done = [
            self._of_share(server, share, share.schedule)
            for server in servers
            if server.desired is DesiredState.RUNNING
            for share in server.shares
            if share.schedule is not None and share.status is ShareStatus.READY
        ]
        return tuple(view for view in done if view.taken or view.removed or view.problem)

    def _of_share(self, server: ShareServer, share: CifsShare, schedule: Schedule) -> ScheduledView:
        names = str(server.name), str(share.name)
        taken, removed = "", []
        try:
            if schedule.is_due(share.snapshots, self._ports.clock.now()):
                view = take(self._ports, self._leases, *names, scheduled=True)
                taken, share = str(view.snapshot.name), view.share
            for snapshot in schedule.expired(share.snapshots):
                self._snapshots.delete(*names, str(snapshot.name))
                removed.append(str(snapshot.name))
        except Busy:
            pass  # the next call is soon enough
        except SharesError as error:
            return ScheduledView(*names, taken, tuple(removed), str(error))
        return ScheduledView(*names, taken, tuple(removed))
