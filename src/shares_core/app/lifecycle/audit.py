"""Taking what a server's log says of audited files into the trails, before the log is gone."""

from __future__ import annotations

from collections.abc import Collection

from shares_core.domain.audit import AuditAction, AuditEntry, day_of
from shares_core.domain.errors import Busy, SharesError
from shares_core.domain.server import ShareServer
from shares_core.ports import Ports
from shares_core.ports.events import Event, EventKind

#: So often may another collector be quicker. Each of them then took something.
_ATTEMPTS = 20


def audited(server: ShareServer) -> frozenset[str]:
    """The ids of the server's audited shares."""
    return frozenset(share.id for share in server.shares if share.options.audit)


def ensure_trails(ports: Ports, server: ShareServer) -> None:
    """Make the trails of the audited shares that are served. Idempotent."""
    for share in server.shares:
        if share.options.audit and share.served:
            ports.audit.ensure(server.id, share.id)


def collect(ports: Ports, server: ShareServer, *, also: Collection[str] = ()) -> None:
    """Take what the server's log says since the last time into its trails. Idempotent, and takes no lock.

    ``also`` are the ids of shares that were audited until now. Does nothing for a server without any. Raises
    Busy if others are always quicker.
    """
    kept = audited(server) | frozenset(also)
    if not kept:
        return
    for _ in range(_ATTEMPTS):
        former = ports.audit.bookmark(server.id)
        part = ports.runtime.log_since(server.id, former)
        entries = ports.smb_config.audited(server, kept, part.lines)
        if not part.complete and part.lines:
            gap = AuditEntry(part.lines[0].time, AuditAction.INCOMPLETE)
            entries = {share_id: [gap, *entries.get(share_id, ())] for share_id in kept}
        if ports.audit.append(server.id, former, part.bookmark, entries, day_of(ports.clock.now())):
            return
    raise Busy(f"others take the log of server {server.name} into its audit trails all the time")


def try_to_collect(ports: Ports, server: ShareServer, *, also: Collection[str] = ()) -> None:
    """The same, but an error is only reported, so that the rest is still done."""
    try:
        collect(ports, server, also=also)
    except SharesError as error:
        ports.events.emit(Event(EventKind.CANNOT_COLLECT, str(server.name), detail=str(error)))


def remove_container(ports: Ports, server: ShareServer) -> None:
    """Remove the server's container, and with it its log, which is collected first. Idempotent.

    The container ends first, so that nothing is logged after that. The audit keeps nobody from stopping a
    server: if it cannot be collected, that is reported, and the trail says later that it is incomplete.
    """
    if audited(server):
        try:
            ports.runtime.end(server.id)
        except SharesError as error:
            ports.events.emit(Event(EventKind.CANNOT_COLLECT, str(server.name), detail=str(error)))
        else:
            try_to_collect(ports, server)
    ports.runtime.remove(server.id)


def collect_all(ports: Ports) -> dict[str, Exception]:
    """Collect of every server with trails, side by side. Returns the errors, by the ids of their servers.

    Where nothing is audited any more, what is older than is kept goes all the same.
    """

    def collected(server_id: str) -> Exception | None:
        try:
            server = ports.records.load(server_id)
            if server is not None and audited(server):
                collect(ports, server)
            else:
                former = ports.audit.bookmark(server_id)
                ports.audit.append(server_id, former, former, {}, day_of(ports.clock.now()))
        except Exception as error:  # noqa: BLE001 - one server's trouble is not the others'
            return error
        return None

    ids = ports.audit.servers()
    found = zip(ids, ports.workers.each(collected, ids), strict=True)
    return {server_id: error for server_id, error in found if error is not None}
