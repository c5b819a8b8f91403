"""Bringing a server up and down: mounts, Samba's configuration, container, interfaces."""

from __future__ import annotations

from shares_core.domain.errors import BackendFailure, HostNotReady
from shares_core.domain.server import DesiredState, ShareServer
from shares_core.domain.share import CifsShare, ShareStatus
from shares_core.domain.views import RunState
from shares_core.ports import Ports
from shares_core.ports.events import Event


def publish(ports: Ports, server: ShareServer) -> None:
    """Make Samba serve what ``server`` says, with the passwords that are known.

    Also for a server that does not run: its folders, which a reboot takes away, are made if need be.
    """
    ports.folders.ensure(server.id, server.uid)
    ports.smb_config.apply(server, ports.secrets.hashes(server.id))


def run_state(server: ShareServer, found: RunState) -> RunState:
    """A server's state where its container was ``found`` so.

    Stopping removes the container, which holds nothing of its own.
    """
    stopped = found is RunState.ABSENT and server.desired is DesiredState.STOPPED
    return RunState.STOPPED if stopped else found


def is_running(ports: Ports, server: ShareServer) -> bool:
    return ports.runtime.inspect(server.id).state is RunState.RUNNING


def mount_share(ports: Ports, server: ShareServer, share: CifsShare) -> None:
    """Attach and mount one share that has its file system already. Idempotent. Raises ShareFailed."""
    device = ports.storage.attach(share.volume_id)
    ports.filesystems.mount(server.id, share.id, device, share.filesystem)


def unmount_share(ports: Ports, server: ShareServer, share: CifsShare) -> None:
    """Unmount and detach one share. Idempotent."""
    ports.filesystems.unmount(server.id, share.id)
    ports.storage.detach(share.volume_id)


def mount_shares(ports: Ports, server: ShareServer) -> ShareServer:
    """Mount every share that was once ready; one that cannot be mounted is failed, and not served."""
    for share in server.shares:
        if share.status not in (ShareStatus.READY, ShareStatus.FAILED) or share.unfinished:
            continue
        try:
            mount_share(ports, server, share)
        except (BackendFailure, HostNotReady) as error:
            ports.events.emit(Event("share failed", f"{server.name}/{share.name}: {error}"))
            server = server.with_share(share.with_status(ShareStatus.FAILED, str(error)))
        else:
            server = server.with_share(share.with_status(ShareStatus.READY))
    return server


def bring_up(ports: Ports, server: ShareServer) -> ShareServer:
    """Make the server serve, from whatever is there of it; idempotent.

    Gives the server with its shares' status as it was found. A container that does not run is made anew:
    it holds nothing of its own, and so gets the current image.
    """
    ports.folders.ensure(server.id, server.uid)
    server = mount_shares(ports, server)
    publish(ports, server)
    if not is_running(ports, server):
        ports.runtime.remove(server.id)
    ports.runtime.ensure(server.id, server.uid)
    state = ports.runtime.start(server.id)
    for index, interface in enumerate(server.interfaces):
        ports.network.plug(server.id, interface, index, state.namespace)
    ports.runtime.wait_ready(server.id)
    ports.events.emit(Event("server up", str(server.name)))
    return server


def bring_down(ports: Ports, server: ShareServer) -> None:
    """Stop serving and let go of everything but the data and the record; idempotent.

    The container goes first: then nothing holds the shares' files open any more.
    """
    ports.runtime.remove(server.id)
    for interface in server.interfaces:
        ports.network.unplug(interface)
    for share in server.shares:
        unmount_share(ports, server, share)
    ports.events.emit(Event("server down", str(server.name)))
