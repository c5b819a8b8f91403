"""Bringing a server up and down."""

from __future__ import annotations

from collections.abc import Collection

from shares_core.app.lifecycle.audit import remove_container
from shares_core.app.lifecycle.container import (
    ensure_running,
    is_outdated,
    is_running,
    replace_container,
)
from shares_core.app.lifecycle.publish import configure, ensure_folders
from shares_core.app.lifecycle.shares import let_go_of_share, mount_shares, trouble_with
from shares_core.app.lifecycle.snapshots import mount_snapshots
from shares_core.domain.server import ShareServer
from shares_core.ports import Ports
from shares_core.ports.events import Event, EventKind


def bring_up(ports: Ports, server: ShareServer, *, upgrade: bool = False) -> ShareServer:
    """Make the server serve, whatever of it exists already. Idempotent.

    Returns the server with its shares as found; leaves shares with an operation to that. A container that
    does not run is replaced: it holds nothing of its own, and so gets the current image. With ``upgrade`` a
    running container is replaced too.
    """
    ensure_folders(ports, server)
    mounted = mount_shares(ports, server)
    configure(ports, mounted)
    if not is_running(ports, mounted) or (upgrade and is_outdated(ports, server)):
        replace_container(ports, mounted)
    else:
        ensure_running(ports, mounted)
    _close_what_failed(ports, server, mounted)
    for share in mounted.shares:  # now that the shares themselves are served
        if share.operation is None:  # also of one that has failed: they may be all that is left
            mount_snapshots(ports, mounted, share)
    ports.events.emit(Event(EventKind.SERVER_UP, str(server.name)))
    return mounted


def _close_what_failed(ports: Ports, before: ShareServer, server: ShareServer) -> None:
    """Disconnect the clients of shares that were served until their volume was lost or found damaged.

    The clients of shares that failed for another reason stay connected: the failure may pass.
    """
    for share in server.shares:
        former = before.share_by_id(share.id)
        if share.failure is None or former is None or not former.served:
            continue
        if trouble_with(ports, server, share):
            ports.smb_sessions.close_share(server, share.name)


def bring_down(ports: Ports, server: ShareServer, *, leave: Collection[str] = ()) -> None:
    """Stop serving, and take everything down but the data and the record. Idempotent.

    The container goes first: then nothing holds the shares' files open. The shares in ``leave``, given by id,
    are left to the operations at work on them. A share whose pool is missing keeps its device, and the others
    go on.
    """
    remove_container(ports, server)
    for interface in server.interfaces:
        ports.network.unplug(interface)
    for share in server.shares:
        if share.id not in leave:
            let_go_of_share(ports, server, share)
    ports.events.emit(Event(EventKind.SERVER_DOWN, str(server.name)))
