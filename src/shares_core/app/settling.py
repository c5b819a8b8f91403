"""Settling what an earlier call left open, because it crashed or because its undo failed too."""

from __future__ import annotations

from collections.abc import Callable

from shares_core.app.growing import finish_growing
from shares_core.app.removing import remove_server, remove_share
from shares_core.app.serving import publish
from shares_core.domain import intent as intents
from shares_core.domain.access import narrowed
from shares_core.domain.errors import SharesError
from shares_core.domain.names import UserName
from shares_core.domain.server import ShareServer
from shares_core.domain.share import ShareStatus
from shares_core.ports import Ports
from shares_core.ports.events import Event


def settle(ports: Ports, server: ShareServer) -> ShareServer | None:
    """Carry on or undo the server's open intent; the caller holds its lock.

    Gives the settled server as it is recorded, or None where settling removed it. Idempotent.
    """
    if server.intent is None:
        return server
    ports.events.emit(Event("settling", f"{server.name}: {type(server.intent).__name__}"))
    match server.intent:
        case intents.CreateServer() | intents.DeleteServer():
            remove_server(ports, server)
            return None
        case intents.CreateShare(share_id) | intents.DeleteShare(share_id):
            server = _unless_it_fails(ports, server, share_id, ShareStatus.DELETING, finish_removing)
        case intents.NarrowAccess(share_id, users):
            cut_off(ports, server, share_id, users)
        case intents.WidenAccess() as widening:
            undo_widening(ports, server, widening)
        case intents.ExtendShare(share_id) as extending:
            server = _unless_it_fails(
                ports,
                server,
                share_id,
                ShareStatus.FAILED,
                lambda ports, server, _: finish_growing(ports, server, extending),
            )
        case intents.EndSessions(user):
            end_sessions(ports, server, user)
    server = server.intending(None)
    ports.records.save(server)
    return server


def _unless_it_fails(
    ports: Ports,
    server: ShareServer,
    share_id: str,
    otherwise: ShareStatus,
    step: Callable[[Ports, ShareServer, str], ShareServer],
) -> ShareServer:
    """Settle one share; where that fails, mark it and go on.

    It is not served then, and one share that cannot be unmounted must not keep anybody from denying a
    user on another. Deleting it again, or reconcile, tries again.
    """
    try:
        return step(ports, server, share_id)
    except SharesError as error:
        share = server.share_by_id(share_id)
        if share is None:
            raise
        ports.events.emit(Event("settling failed", f"{server.name}/{share.name}: {error}"))
        marked = server.with_share(share.with_status(otherwise, str(error)))
        publish(ports, marked)
        return marked


def finish_removing(ports: Ports, server: ShareServer, share_id: str) -> ShareServer:
    """Remove a share that is not wanted (any more). Gives the server without it."""
    share = server.share_by_id(share_id)
    return server if share is None else remove_share(ports, server, share)


def cut_off(ports: Ports, server: ShareServer, share_id: str, users: tuple[UserName, ...]) -> None:
    """Make the recorded, narrower rules count, for those who are connected too."""
    publish(ports, server)
    share = server.share_by_id(share_id)
    if share is not None and users:
        ports.smb_sessions.close_user(server, share.name, users)


def undo_widening(ports: Ports, server: ShareServer, widening: intents.WidenAccess) -> None:
    """Go back to the recorded rules, for those too who came in under the wider ones."""
    share = server.share_by_id(widening.share_id)
    if share is None:
        return
    came_in = tuple(principal.name for principal in narrowed(widening.rules, share.rules))
    cut_off(ports, server, share.id, came_in)
    ports.secrets.remove(server.id, widening.accounts)


def end_sessions(ports: Ports, server: ShareServer, user: UserName) -> None:
    """Make the account's recorded state count: its password, or that it is gone."""
    if server.find_account(user) is None:
        ports.secrets.remove(server.id, (user,))
    publish(ports, server)
    ports.smb_sessions.end_user(server, user)
