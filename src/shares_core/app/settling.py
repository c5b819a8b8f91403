"""Settling what an earlier call left open, because it crashed or because its undo failed too."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from shares_core.app.checking import finish_checking
from shares_core.app.growing import set_aside, settle_growing
from shares_core.app.removing import remove_server, remove_share
from shares_core.app.serving import (
    found_damaged,
    publish,
    serve_again,
    serve_no_more,
    unmount_share,
)
from shares_core.domain import intent as intents
from shares_core.domain.access import narrowed
from shares_core.domain.errors import BackendFailure, ShareDamaged, SharesError
from shares_core.domain.names import UserName
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare, ShareStatus
from shares_core.domain.undo import undone_by
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
        case intents.CreateShare(share_id):
            finish: Callable[[], ShareServer] = partial(undo_creating, ports, server, share_id)
            server = _or_unserved(ports, server, share_id, finish, _left_as(ShareStatus.CREATING))
        case intents.DeleteShare(share_id):
            finish = partial(finish_removing, ports, server, share_id)
            server = _or_unserved(ports, server, share_id, finish, _left_as(ShareStatus.DELETING))
        case intents.NarrowAccess(share_id, users):
            cut_off(ports, server, share_id, users)
        case intents.WidenAccess() as widening:
            undo_widening(ports, server, widening)
        case intents.ExtendShare(share_id) as extending:
            finish = partial(settle_growing, ports, server, extending)
            server = _or_unserved(
                ports, server, share_id, finish, lambda share, error: set_aside(share, extending, error)
            )
        case intents.EndSessions(user):
            end_sessions(ports, server, user)
        case intents.CheckShare(share_id):
            finish = partial(finish_checking, ports, server, share_id)
            server = _or_unserved(ports, server, share_id, finish, _left_as(ShareStatus.FAILED))
    server = server.intending(None)
    ports.records.save(server)
    return server


def _or_unserved(
    ports: Ports,
    server: ShareServer,
    share_id: str,
    finish: Callable[[], ShareServer],
    left: Callable[[CifsShare, SharesError], CifsShare],
) -> ShareServer:
    """Finish what concerns one share; where that fails it is left, unserved, for a start or a reconcile.

    One share that cannot be unmounted must not keep anybody from denying a user on another.
    """
    try:
        return finish()
    except SharesError as error:
        share = server.share_by_id(share_id)
        if share is None:
            raise
        ports.events.emit(Event("settling failed", f"{server.name}: {error}"))
        unserved = server.with_share(left(share, error))
        publish(ports, unserved)
        return unserved


def _left_as(status: ShareStatus) -> Callable[[CifsShare, SharesError], CifsShare]:
    return lambda share, error: share.with_status(status, str(error))


def undo_creating(ports: Ports, server: ShareServer, share_id: str) -> ShareServer:
    """Remove a share whose making was broken off; idempotent. Gives the server without it.

    One that has files in it was made to its end, and its record is a former one, put back from a copy. It is
    kept, and as none of its rules are known, open to nobody. So is one that is known by its superblock, and
    damaged: what is in it a person sees, after a repair.
    """
    share = server.share_by_id(share_id)
    if share is None:
        return server
    publish(ports, server)  # nobody writes to it any more, so that what is seen is all that there is
    ports.smb_sessions.close_share(server, share.name)
    try:
        used = _is_used(ports, server, share)
    except ShareDamaged as error:
        return serve_no_more(ports, server, found_damaged(share, str(error)))
    if not used:
        return remove_share(ports, server, share)
    ports.events.emit(Event("share kept", f"{server.name}/{share.name}: there are files in it"))
    return serve_again(ports, server, share.with_status(ShareStatus.READY))


def _is_used(ports: Ports, server: ShareServer, share: CifsShare) -> bool:
    """Whether there are files in it; it is mounted then. After an error it is not."""
    if ports.storage.find_volume(share.volume.ref) is None:
        return False
    device = ports.storage.attach(share.volume.ref)
    with undone_by(lambda: unmount_share(ports, server, share)):
        if not ports.filesystems.holds(device, share.volume):
            return False
        try:
            ports.filesystems.mount(server.id, share.id, device, share.volume, server.uid)
        except BackendFailure:
            ports.filesystems.check(device, share.volume)  # raises ShareDamaged where it is that
            raise
        return ports.filesystems.has_files(server.id, share.id, share.folder)


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
