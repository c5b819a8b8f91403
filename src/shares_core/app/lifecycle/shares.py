"""Bringing a share up and down: mounted and served, or neither."""

from __future__ import annotations

from collections.abc import Mapping

from shares_core.app.lifecycle.container import is_running
from shares_core.app.lifecycle.publish import publish
from shares_core.app.lifecycle.snapshots import mount_snapshots, unmount_snapshots
from shares_core.domain.errors import BackendFailure, HostNotReady, ShareDamaged, ShareFailed, SharesError
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare, Failure, ShareStatus
from shares_core.domain.volume import ShareVolume
from shares_core.ports import Ports
from shares_core.ports.events import Event, EventKind


def mount_share(ports: Ports, server: ShareServer, share: CifsShare) -> None:
    """Attach and mount one share, which already has its file system. Idempotent.

    Raises ShareFailed; if only the served folder is missing, the file system stays mounted.
    """
    device = ports.storage.attach(share.volume.ref)
    ports.filesystems.mount(server.id, share.id, device, share.volume, server.uid)
    if not ports.filesystems.has_folder(server.id, share.id, share.folder):
        raise ShareFailed(
            f"the folder {share.folder!r} is not in its file system: a repair may have left it in lost+found",
            hint=Remedy.of("move it back, then ", Call(UseCase.RECONCILE)),
        )


def unmount_share(ports: Ports, server: ShareServer, share: CifsShare) -> None:
    """Unmount and detach one share. Idempotent. If its pool is missing, unmounts and raises HostNotReady."""
    unmount_snapshots(ports, server, share)
    ports.filesystems.unmount(server.id, share.id)
    ports.filesystems.unmount_scratch(share.volume)
    ports.storage.detach(share.volume.ref)


def let_go_of_share(ports: Ports, server: ShareServer, share: CifsShare) -> None:
    """The same, but a share whose pool is missing keeps its device. Idempotent.

    So does a share that is not ready and cannot be unmounted: a killed caller's command may still be at work
    on it. The next reconcile tries again.
    """
    ports.filesystems.unmount(server.id, share.id)
    try:
        unmount_snapshots(ports, server, share)
        ports.filesystems.unmount_scratch(share.volume)
        ports.storage.detach(share.volume.ref)
    except SharesError as error:
        if share.status is ShareStatus.READY and not isinstance(error, HostNotReady):
            raise
        ports.events.emit(Event.of_share(EventKind.SHARE_FAILED, server, share, str(error)))


def serve_again(ports: Ports, server: ShareServer, share: CifsShare) -> ShareServer:
    """Mount a share and serve it if its server runs, otherwise unmount and detach it. Idempotent.

    ``share`` is its new state. Returns the server with the share, which has failed if it cannot be mounted.
    """
    if not is_running(ports, server):
        unmount_share(ports, server, share)
        return server.with_share(share)
    try:
        mount_share(ports, server, share)
    except ShareFailed as error:
        return fail_share(ports, server, share.failed(failure_of(error)))
    server = server.with_share(share)
    publish(ports, server)
    mount_snapshots(ports, server, share)
    return server


def serve_still(ports: Ports, server: ShareServer, share: CifsShare, *, running: bool) -> ShareServer:
    """Serve a share that is served, unless its server was started or stopped meanwhile. Idempotent.

    ``running`` is whether the server runs. Returns it with the share; one that has failed stays as it is.
    """
    if share.failure is not None:
        return server.with_share(share)
    if running and ports.filesystems.mounted(server.id, share.id):
        return server.with_share(share)
    return serve_again(ports, server, share)


def fail_share(ports: Ports, server: ShareServer, share: CifsShare) -> ShareServer:
    """Unpublish a failed share and close its connections; unmount and detach it if its server does not run.

    Idempotent. Returns the server with the share.
    """
    server = server.with_share(share)
    if is_running(ports, server):
        publish(ports, server)
        ports.smb_sessions.close_share(server, share.name)
    else:
        unmount_share(ports, server, share)
    return server


def failure_of(error: SharesError) -> Failure:
    """The failure of a share after this error."""
    return Failure.damaged(error) if isinstance(error, ShareDamaged) else Failure.unavailable(error)


def mount_shares(ports: Ports, server: ShareServer) -> ShareServer:
    """Mount every share without an operation under way; one that cannot be mounted has failed.

    A damaged share stays unmounted: only a check finds out its state.
    """
    for share in server.shares:
        if share.operation is not None or share.damaged:
            continue
        try:
            mount_share(ports, server, share)
        except (BackendFailure, HostNotReady) as error:
            damaged = isinstance(error, ShareDamaged)
            what = EventKind.SHARE_DAMAGED if damaged else EventKind.SHARE_FAILED
            ports.events.emit(Event.of_share(what, server, share, str(error)))
            server = server.with_share(share.failed(failure_of(error)))
        else:
            server = server.with_share(share.ready())
    return server


def trouble_with(ports: Ports, server: ShareServer, share: CifsShare) -> str:
    """What keeps a share from being served, in a few words; empty if nothing."""
    ids = (server.id, share.id)
    return troubles(ports, {ids: share}).get(ids, "")


def troubles(ports: Ports, shares: Mapping[tuple[str, str], CifsShare]) -> dict[tuple[str, str], str]:
    """The same for several shares, by the ids of server and share; shares without trouble are left out."""
    found: dict[tuple[str, str], str] = {}
    attached: dict[tuple[str, str], tuple[str, ShareVolume]] = {}
    for ids, share in shares.items():
        device, trouble = _device_of(ports, share)
        # Ask before reading a device: one that a killed command left suspended would not answer.
        if device:
            attached[ids] = device, share.volume
        else:
            found[ids] = trouble
    try:
        found.update(ports.filesystems.troubles(attached))
    except SharesError as error:
        found.update(dict.fromkeys(attached, f"cannot be looked at: {error}"))
    return found


def _device_of(ports: Ports, share: CifsShare) -> tuple[str, str]:
    """The path of the share's block device, or what is wrong with its volume."""
    try:
        if ports.storage.find_volume(share.volume.ref) is None:
            return "", "has lost its volume"
        device = ports.storage.device(share.volume.ref)
    except SharesError as error:
        return "", f"cannot be looked at: {error}"
    return (device, "") if device else ("", "is not attached")
