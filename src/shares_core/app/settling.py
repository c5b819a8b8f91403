"""Settling what an earlier call left open, because it crashed or because its undo failed too."""

from __future__ import annotations

from shares_core.app.checking import finish_checking
from shares_core.app.growing import finish_growing, set_aside
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
            server = _remove_or_mark(ports, server, share_id)
        case intents.NarrowAccess(share_id, users):
            cut_off(ports, server, share_id, users)
        case intents.WidenAccess() as widening:
            undo_widening(ports, server, widening)
        case intents.ExtendShare() as extending:
            server = _finish_or_set_aside(ports, server, extending)
        case intents.EndSessions(user):
            end_sessions(ports, server, user)
        case intents.CheckShare(share_id):
            server = _served_or_failed(ports, server, share_id)
    server = server.intending(None)
    ports.records.save(server)
    return server


def _remove_or_mark(ports: Ports, server: ShareServer, share_id: str) -> ShareServer:
    """Remove the share; where that fails it stays, unserved, until it is deleted again or reconciled.

    One share that cannot be unmounted must not keep anybody from denying a user on another.
    """
    try:
        return finish_removing(ports, server, share_id)
    except SharesError as error:
        share = server.share_by_id(share_id)
        if share is None:
            raise
        return _unserved(ports, server.with_share(share.with_status(ShareStatus.DELETING, str(error))), error)


def _finish_or_set_aside(ports: Ports, server: ShareServer, extending: intents.ExtendShare) -> ShareServer:
    """Finish the extension; where that fails the share stays, unserved, until the server is started."""
    try:
        return finish_growing(ports, server, extending)
    except SharesError as error:
        share = server.share_by_id(extending.share_id)
        if share is None:
            raise
        return _unserved(ports, set_aside(server, share, extending, error), error)


def _served_or_failed(ports: Ports, server: ShareServer, share_id: str) -> ShareServer:
    """Serve the share again; where that fails it stays, unserved, until the server is started."""
    try:
        return finish_checking(ports, server, share_id)
    except SharesError as error:
        share = server.share_by_id(share_id)
        if share is None:
            raise
        return _unserved(ports, server.with_share(share.with_status(ShareStatus.FAILED, str(error))), error)


def _unserved(ports: Ports, server: ShareServer, why: SharesError) -> ShareServer:
    ports.events.emit(Event("settling failed", f"{server.name}: {why}"))
    publish(ports, server)
    return server


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
    for name in widening.accounts:  # a connection would outlive its account, and serve the next of that name
        ports.smb_sessions.end_user(server, name)
    ports.secrets.remove(server.id, widening.accounts)


def end_sessions(ports: Ports, server: ShareServer, user: UserName) -> None:
    """Make the account's recorded state count: its password, or that it is gone."""
    if server.find_account(user) is None:
        ports.secrets.remove(server.id, (user,))
    publish(ports, server)
    ports.smb_sessions.end_user(server, user)
