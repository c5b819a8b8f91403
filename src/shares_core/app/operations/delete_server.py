"""Deleting a server: its shares, its container, its interfaces and its record go."""

from __future__ import annotations

from contextlib import ExitStack
from typing import ClassVar

from attrs import frozen

from shares_core.app.lifecycle.server import bring_down
from shares_core.app.operations.work import ServerWork
from shares_core.domain.claim import Claim
from shares_core.domain.errors import RecordUnreadable
from shares_core.domain.operation import ServerOperation
from shares_core.domain.server import ShareServer
from shares_core.ports import Ports
from shares_core.ports.events import Event, EventKind


@frozen(kw_only=True)
class DeleteServer(ServerOperation):
    """Only goes forward. Runs while its caller holds the slots of all shares, so nothing is at work on them.

    The caller takes them before it journals this: a caller that gets Busy has deleted nothing.
    """

    kind: ClassVar[str] = "server.delete"
    forward_only: ClassVar[bool] = True

    def run(self, work: ServerWork) -> None:
        remove_server(work)

    def recover(self, work: ServerWork) -> None:
        """Carry on. Raises Busy while somebody holds the slot of one of the shares."""
        with ExitStack() as slots:
            for share in work.server.shares:
                slots.enter_context(work.ports.locks.share(share.id))
            remove_server(work)


def remove_server(work: ServerWork) -> None:
    """Remove the server with everything it has, while the slots of its shares are held.

    Its record goes last, so that nothing is forgotten.
    """
    ports, server = work.ports, work.server
    bring_down(ports, server)
    whole, removed = sum(share.capacity.bytes for share in server.shares), 0
    for share in server.shares:
        for ref in share.refs:
            ports.storage.remove_volume(ref, work.report_part(removed, share.capacity.bytes, whole))
        removed += share.capacity.bytes
    _release_networks(ports, server)
    ports.folders.remove(server.id)
    ports.secrets.clear(server.id)
    ports.audit.clear(server.id)
    ports.records.remove(server.id)
    for share in server.shares:
        ports.locks.forget(share.id)
    ports.locks.forget(server.id)
    ports.events.emit(Event(EventKind.SERVER_REMOVED, str(server.name)))
    work.server = server.performing(None)


def _release_networks(ports: Ports, server: ShareServer) -> None:
    """Remove what the server's interfaces were attached to, unless another server needs it.

    Servers that are being deleted do not count: each tries after unplugging, so the last one finds nothing
    plugged in.
    """
    claims = ports.records.claims()
    if any(isinstance(claim, RecordUnreadable) for claim in claims):
        return  # that server may be attached there
    staying = (
        interface
        for other in claims
        if isinstance(other, Claim) and other.id != server.id and other.operation != DeleteServer.kind
        for interface in other.interfaces
    )
    # If it has a port that is not a server's, it is left on purpose, which is worth an event.
    for device in ports.network.release(server.interfaces, staying):
        ports.events.emit(Event(EventKind.BRIDGE_LEFT, thing=device, detail="something else is on it"))
