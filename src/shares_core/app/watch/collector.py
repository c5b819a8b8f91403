"""Take what servers log of audited files into the trails, before their logs are overwritten."""

from __future__ import annotations

from collections.abc import Mapping

from shares_core.app.lifecycle.audit import collect_all
from shares_core.app.watch.periodic import Periodic
from shares_core.ports import Ports
from shares_core.ports.events import Event, EventKind

#: Collect this often: what is done is in the trail so much later at most, while Docker answers.
COLLECT_SECONDS = 2.0


def collector(ports: Ports) -> Periodic:
    """What collects the trails of all servers."""

    def work() -> Mapping[str, Event]:
        return {
            server_id: Event(
                EventKind.CANNOT_COLLECT,
                thing=f"the audit trails of server {server_id}",
                detail=str(error) or repr(error),
            )
            for server_id, error in collect_all(ports).items()
        }

    return Periodic(ports, "audit", COLLECT_SECONDS, work, EventKind.CANNOT_COLLECT)
