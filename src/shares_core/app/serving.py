"""Bringing a server up and down: mounts, Samba's configuration, container, interfaces."""

from __future__ import annotations

from attrs import evolve

from shares_core.app.looking import trouble_with
from shares_core.domain.errors import BackendFailure, HostNotReady, ShareDamaged, ShareFailed, SharesError
from shares_core.domain.server import DesiredState, ShareServer
from shares_core.domain.share import CifsShare, ShareStatus
from shares_core.domain.views import RunState
from shares_core.ports import Ports
from shares_core.ports.events import Event


def publish(ports: Ports, server: ShareServer) -> None:
    """Make Samba serve what ``server`` says, now or once it runs, with the passwords that are known."""
    have_folders(ports, server)
    _configure(ports, server)


def _configure(ports: Ports, server: ShareServer) -> None:
    ports.smb_config.apply(server, ports.secrets.hashes(server.id))


def have_folders(ports: Ports, server: ShareServer) -> None:
    """Have the server's folders, which a reboot takes away; idempotent.

    A container sees those that were there when it was made. One that has lost them would go on with what it
    was once told: it is removed, and the next look brings the server up.
    """
    if not ports.folders.ensured(server.id, server.uid):
        ports.runtime.remove(server.id)
        ports.folders.ensure(server.id, server.uid)


def run_state(server: ShareServer, found: RunState) -> RunState:
    """A server's state where its container was ``found`` so.

    Stopping removes the container, which holds nothing of its own.
    """
    stopped = found is RunState.ABSENT and server.desired is DesiredState.STOPPED
    return RunState.STOPPED if stopped else found


def is_running(ports: Ports, server: ShareServer) -> bool:
    return ports.runtime.inspect(server.id).state is RunState.RUNNING


def is_outdated(ports: Ports, server: ShareServer) -> bool:
    """Whether the server's container would now be made otherwise."""
    return bool(ports.runtime.outdated({server.id: server.uid}))


def mount_share(ports: Ports, server: ShareServer, share: CifsShare) -> None:
    """Attach and mount one share that has its file system already. Idempotent.

    Raises ShareFailed; it is mounted still where what is to be served is not in it.
    """
    device = ports.storage.attach(share.volume.ref)
    ports.filesystems.mount(server.id, share.id, device, share.volume, server.uid)
    if not ports.filesystems.has_folder(server.id, share.id, share.folder):
        raise ShareFailed(
            f"the folder {share.folder!r} is not in its file system: a repair may have left it in lost+found",
            hint="move it back, then 'shares-core reconcile'",
        )


def unmount_share(ports: Ports, server: ShareServer, share: CifsShare) -> None:
    """Unmount and detach one share. Idempotent."""
    ports.filesystems.unmount(server.id, share.id)
    ports.filesystems.unmount_scratch(share.volume)
    ports.storage.detach(share.volume.ref)


def withdraw(ports: Ports, server: ShareServer, share: CifsShare) -> None:
    """Stop serving a share for a while: unserved first, so that no client comes back meanwhile."""
    publish(ports, server.with_share(share.with_status(ShareStatus.EXTENDING)))
    ports.smb_sessions.close_share(server, share.name)
    ports.filesystems.unmount(server.id, share.id)


def serve_again(ports: Ports, server: ShareServer, share: CifsShare) -> ShareServer:
    """Mount a share that was withdrawn, where its server runs, and serve it; idempotent.

    Gives the server with the share, failed where it cannot be mounted.
    """
    if not is_running(ports, server):
        unmount_share(ports, server, share)
        return server.with_share(share)
    try:
        mount_share(ports, server, share)
    except ShareDamaged as error:
        share = found_damaged(share, str(error))
    except ShareFailed as error:
        share = share.with_status(ShareStatus.FAILED, str(error))
    if share.status is ShareStatus.FAILED:
        return serve_no_more(ports, server, share)
    server = server.with_share(share)
    publish(ports, server)
    return server


def serve_no_more(ports: Ports, server: ShareServer, share: CifsShare) -> ShareServer:
    """Take a share that has failed from whoever uses it, or let go of it where its server does not run.

    Idempotent. Gives the server with the share.
    """
    server = server.with_share(share)
    if is_running(ports, server):
        publish(ports, server)
        ports.smb_sessions.close_share(server, share.name)
    else:
        unmount_share(ports, server, share)
    return server


def found_damaged(share: CifsShare, reason: str) -> CifsShare:
    """The share as one that is served no more, and not tried again before a person has had it checked."""
    return evolve(share.with_status(ShareStatus.FAILED, reason), damaged=True)


def mount_shares(ports: Ports, server: ShareServer) -> ShareServer:
    """Mount every share that was once ready; one that cannot be mounted is failed, and not served."""
    for share in server.shares:
        if share.status not in (ShareStatus.READY, ShareStatus.FAILED) or share.unfinished or share.damaged:
            continue
        try:
            mount_share(ports, server, share)
        except ShareDamaged as error:
            ports.events.emit(Event("share damaged", f"{server.name}/{share.name}: {error}"))
            server = server.with_share(found_damaged(share, str(error)))
        except (BackendFailure, HostNotReady) as error:
            ports.events.emit(Event("share failed", f"{server.name}/{share.name}: {error}"))
            server = server.with_share(share.with_status(ShareStatus.FAILED, str(error)))
        else:
            server = server.with_share(share.with_status(ShareStatus.READY))
    return server


def bring_up(ports: Ports, server: ShareServer, *, upgrade: bool = False) -> ShareServer:
    """Make the server serve, from whatever is there of it; idempotent.

    Gives the server with its shares' status as it was found. A container that does not run is made anew:
    it holds nothing of its own, and so gets the current image. With ``upgrade`` so does one that runs.
    """
    have_folders(ports, server)
    mounted = mount_shares(ports, server)
    _configure(ports, mounted)
    if not is_running(ports, mounted) or (upgrade and is_outdated(ports, server)):
        replace_container(ports, mounted)
    else:
        _go_on_in_container(ports, mounted)
    _close_what_failed(ports, server, mounted)
    ports.events.emit(Event("server up", str(server.name)))
    return mounted


def _go_on_in_container(ports: Ports, server: ShareServer) -> None:
    """Have everything about the container that runs, or another where that one was just ending."""
    try:
        run_container(ports, server)
    except BackendFailure:
        if is_running(ports, server):
            raise
        replace_container(ports, server)


def _close_what_failed(ports: Ports, before: ShareServer, server: ShareServer) -> None:
    """Disconnect the clients of shares that were served until their volume was lost or found damaged.

    Of those that failed for another reason they may keep what they have: it can pass.
    """
    for share in server.shares:
        former = before.share_by_id(share.id)
        if share.status is not ShareStatus.FAILED or former is None or not former.served:
            continue
        if trouble_with(ports, server, share):
            ports.smb_sessions.close_share(server, share.name)


def replace_container(ports: Ports, server: ShareServer) -> float:
    """Run the server in a new container of the current image; gives for how many seconds it was not there.

    Where the server has had one of another image, and the new one does not get ready, it is back in that one,
    and the error is raised all the same.
    """
    former = ports.runtime.inspect(server.id).image if is_outdated(ports, server) else ""
    began = ports.clock.elapsed()
    ports.runtime.remove(server.id)
    try:
        run_container(ports, server)
    except BaseException as error:  # an interruption too: nobody else knows what to go back to
        if former:
            _go_back(ports, server, former, error)
        raise
    return ports.clock.elapsed() - began


def _go_back(ports: Ports, server: ShareServer, former: str, error: BaseException) -> None:
    """Run the server in the image that it had; what came of that is a note on the error."""
    try:
        ports.runtime.remove(server.id)
        run_container(ports, server, former)
    except SharesError as failure:
        error.add_note(f"going back to the image that it had failed too: {failure}")
    else:
        error.add_note(f"server {server.name} is back on the image that it had: {former}")


def run_container(ports: Ports, server: ShareServer, image: str = "") -> None:
    """Have the server's container, started, plugged and ready; idempotent."""
    ports.runtime.ensure(server.id, server.uid, image)
    state = ports.runtime.start(server.id)
    for index, interface in enumerate(server.interfaces):
        ports.network.plug(server.id, interface, index, state.namespace)
    ports.runtime.wait_ready(server.id)


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
