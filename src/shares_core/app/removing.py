"""Taking shares and servers away, for good. Both only go forward, and can be run again from anywhere."""

from __future__ import annotations

from contextlib import suppress

from shares_core.app.serving import bring_down, publish
from shares_core.domain.addresses import BridgeName
from shares_core.domain.errors import RecordUnreadable, SharesError
from shares_core.domain.intent import DeleteServer
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare
from shares_core.ports import Ports
from shares_core.ports.events import Event


def remove_share(ports: Ports, server: ShareServer, share: CifsShare) -> ShareServer:
    """Cut off whoever is connected, and remove the share's volume. Gives the server without it."""
    remaining = server.without_share(share.id)
    publish(ports, remaining)
    ports.smb_sessions.close_share(server, share.name)
    ports.filesystems.unmount(server.id, share.id)
    ports.filesystems.unmount_scratch(share.volume)
    ports.storage.remove_volume(share.volume.ref)
    ports.events.emit(Event("share removed", f"{server.name}/{share.name}"))
    return remaining


def remove_server(ports: Ports, server: ShareServer) -> None:
    """Remove the server with everything it has. Its record goes last, so that nothing is lost sight of.

    The record says first that the server goes, so that others who go at the same time know it.
    """
    if server.intent != DeleteServer():
        ports.records.save(server.intending(DeleteServer()))
    bring_down(ports, server)
    for share in server.shares:
        ports.storage.remove_volume(share.volume.ref)
    _remove_unused_bridges(ports, server)
    ports.folders.remove(server.id)
    ports.secrets.clear(server.id)
    ports.records.remove(server.id)
    ports.locks.forget(server.id)
    ports.events.emit(Event("server removed", str(server.name)))


def _remove_unused_bridges(ports: Ports, server: ShareServer) -> None:
    """Remove the bridges that no other server stays on.

    Those who go too do not count: each tries after it has unplugged, so the last one finds no port left.
    """
    records = ports.records.load_all()
    if any(isinstance(record, RecordUnreadable) for record in records):
        return  # that server may be on the bridge
    in_use = {
        interface.bridge
        for other in records
        if isinstance(other, ShareServer) and other.id != server.id and other.intent != DeleteServer()
        for interface in other.interfaces
    }
    for interface in server.interfaces:
        if interface.bridge not in in_use:
            ports.network.remove_bridge(interface.bridge)
            _tell_if_left(ports, interface.bridge)


def _tell_if_left(ports: Ports, bridge: BridgeName) -> None:
    """A bridge with somebody's own port on it is left on purpose, which is no failure but worth a word."""
    with suppress(SharesError):
        if str(bridge) in ports.network.list():
            ports.events.emit(Event("bridge left", f"{bridge}: something else is on it"))
