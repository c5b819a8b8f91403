"""Growing a share: online where the kernel allows it, else with a short interruption."""

from __future__ import annotations

from attrs import evolve, frozen

from shares_core.app.serving import mount_share, serve_again, serve_no_more, withdraw
from shares_core.domain.errors import (
    BackendFailure,
    OnlineGrowRefused,
    ShareDamaged,
    ShareFailed,
    SharesError,
)
from shares_core.domain.intent import ExtendShare
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare, ShareStatus
from shares_core.domain.views import ExtendWay
from shares_core.ports import Ports
from shares_core.ports.storage import Volume


@frozen
class Grown:
    """A volume that has grown with its file system, and which way."""

    way: ExtendWay
    volume: Volume


def grow(ports: Ports, server: ShareServer, share: CifsShare, intent: ExtendShare) -> Grown:
    """Grow the volume and the file system on it. After an error, ``finish_growing`` finds the way out."""
    volume = ports.storage.grow_volume(share.volume.ref, intent.after)
    device = ports.storage.attach(share.volume.ref)
    if ports.filesystems.mounted(server.id, share.id):
        try:
            ports.filesystems.grow_mounted(server.id, share.id, device, share.volume)
        except OnlineGrowRefused:
            withdraw(ports, server, share)
        else:
            return Grown(ExtendWay.ONLINE, volume)
    ports.filesystems.grow_unmounted(device, share.volume)
    return Grown(ExtendWay.OFFLINE, volume)


def finish_growing(
    ports: Ports, server: ShareServer, intent: ExtendShare, *, interrupted: bool = True
) -> ShareServer:
    """Serve the share again, in the size that its file system really has; run after success and failure.

    Nothing that was begun is at work any more: ``settle_growing`` is for what another call has begun.

    ``interrupted`` says that a step may be half-done: the file system is made whole before it is mounted, and
    if it had begun to grow, it is grown to the end. Where it had not, the volume gives back what it had
    gained. Idempotent. Gives the server with the share's capacity.
    """
    share = server.share_by_id(intent.share_id)
    if share is None:
        return server
    try:
        device = ports.storage.attach(share.volume.ref)
        finished = not interrupted or _finished(ports, server, share, device, intent)
        reached = ports.filesystems.size(device, share.volume)
    except ShareFailed as error:
        return serve_no_more(ports, server, set_aside(share, intent, error))
    if reached < intent.after and reached <= intent.volume_before:
        # No further than the volume was: it may have been larger than the record knew, or than was asked for.
        ports.storage.cut_volume(share.volume.ref, intent.volume_before)
        share = evolve(share, capacity=intent.before)
    elif finished:
        share = evolve(share, capacity=intent.after)
    else:
        ports.storage.cut_volume(share.volume.ref, reached)
        share = evolve(share, capacity=reached)
    server = server.with_share(share)
    if not interrupted and ports.filesystems.mounted(server.id, share.id):
        return server  # it was served all the while
    return serve_again(ports, server, share)


def settle_growing(ports: Ports, server: ShareServer, intent: ExtendShare) -> ShareServer:
    """Finish what a call has left that was killed, or whose end failed too.

    What it had begun to grow while it was mounted may be growing still, and its volume must not be cut
    below that: only what could be unmounted is nobody's any more. Raises and gives as ``finish_growing``.
    """
    share = server.share_by_id(intent.share_id)
    if share is not None and ports.filesystems.mounted(server.id, share.id):
        volume = ports.storage.find_volume(share.volume.ref)
        if volume is not None and volume.size > intent.volume_before:
            withdraw(ports, server, share)
    return finish_growing(ports, server, intent)


def _finished(ports: Ports, server: ShareServer, share: CifsShare, device: str, intent: ExtendShare) -> bool:
    """Make the file system whole, and grow it to the end if it had begun to grow.

    Gives whether it got there: one that is mounted is whole on its way too, and goes on being served.
    """
    filesystems = ports.filesystems
    mounted = filesystems.mounted(server.id, share.id)
    if mounted:
        mount_share(ports, server, share)  # raises where it is damaged: its size is not to be believed then
    else:
        filesystems.check(device, share.volume)
    if filesystems.size(device, share.volume) <= intent.volume_before:
        return True  # it had not begun
    if not mounted:
        filesystems.grow_unmounted(device, share.volume)
        return True
    try:
        filesystems.grow_mounted(server.id, share.id, device, share.volume)
    except OnlineGrowRefused:
        return True  # it has grown before, unmounted, and was mounted after that
    except ShareFailed:
        raise
    except BackendFailure:
        return False
    return True


def set_aside(share: CifsShare, intent: ExtendShare, why: SharesError | str) -> CifsShare:
    """The share as failed, its extension left for ``resume_growing``; after a check where it is damaged.

    One share whose volume is lost, or cannot be unmounted, must not block the server's others.
    """
    damaged, failed = isinstance(why, ShareDamaged), share.with_status(ShareStatus.FAILED, str(why))
    return evolve(failed, unfinished=intent, damaged=damaged)


def resume_growing(ports: Ports, server: ShareServer, share: CifsShare) -> ShareServer:
    """Settle an extension that was set aside. Raises as ``settle_growing`` does, or gives the server."""
    if share.unfinished is None:
        return server
    ready = evolve(share.with_status(ShareStatus.READY), unfinished=None)
    return settle_growing(ports, server.with_share(ready), share.unfinished)
