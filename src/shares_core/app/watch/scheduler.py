"""Take the snapshots that are due, and remove those that are kept no longer."""

from __future__ import annotations

from collections.abc import Mapping

from shares_core.app.usecases.schedules import Schedules
from shares_core.app.watch.periodic import Periodic
from shares_core.ports import Ports
from shares_core.ports.events import Event, EventKind

#: Look this often what is due: a snapshot is so much late at most, beside the ones before it.
LOOK_SECONDS = 30.0


def scheduler(ports: Ports, schedules: Schedules) -> Periodic:
    """What runs the schedules of all shares."""

    def work() -> Mapping[str, Event]:
        return {
            f"{view.server}/{view.share}": Event(
                EventKind.SNAPSHOT_FAILED, view.server, view.share, detail=view.problem
            )
            for view in schedules.run()
            if view.problem
        }

    return Periodic(ports, "snapshots", LOOK_SECONDS, work, EventKind.SNAPSHOT_FAILED)
