"""A share's snapshots on the host: each mounted where the server's Samba finds it, read-only."""

from __future__ import annotations

from shares_core.app.lifecycle.container import is_running
from shares_core.domain.errors import BackendFailure, SharesError
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare
from shares_core.domain.snapshots import Snapshot
from shares_core.ports import Ports
from shares_core.ports.events import Event, EventKind


def mount_snapshots(ports: Ports, server: ShareServer, share: CifsShare) -> None:
    """Mount those of the share that can be mounted. Idempotent. Raises no expected error.

    If one cannot be mounted, an event says so; the share and its other snapshots are served all the same.
    """
    for snapshot in share.snapshots:
        try:
            device = ports.storage.attach(share.ref_of(snapshot))
            volume, mount_id = share.volume_of(snapshot), snapshot.mount_id(share.id)
            ports.filesystems.mount(server.id, mount_id, device, volume, server.uid, read_only=True)
        except SharesError as error:
            said = f"snapshot {snapshot.name}: {error}"
            ports.events.emit(Event.of_share(EventKind.SNAPSHOT_FAILED, server, share, said))


def unmount_snapshots(ports: Ports, server: ShareServer, share: CifsShare) -> None:
    """Unmount and detach those of the share. Idempotent. Raises as ``unmount`` and ``detach`` do."""
    for snapshot in share.all_snapshots:
        ports.filesystems.unmount(server.id, snapshot.mount_id(share.id))
        ports.storage.detach(share.ref_of(snapshot))


def remove_snapshot(ports: Ports, server: ShareServer, share: CifsShare, snapshot: Snapshot) -> None:
    """Remove it with what it holds. Idempotent. Disconnects the share's clients if one has it open."""
    mount_id = snapshot.mount_id(share.id)
    try:
        ports.filesystems.unmount(server.id, mount_id)
    except BackendFailure:
        if not is_running(ports, server):
            raise
        ports.smb_sessions.close_share(server, share.name)
        ports.filesystems.unmount(server.id, mount_id)
    ports.filesystems.unmount_scratch(share.volume_of(snapshot))
    ports.storage.remove_volume(share.ref_of(snapshot))
