"""Looking at a share's file system thoroughly, and repairing it where a person says so."""

from __future__ import annotations

from attrs import evolve

from shares_core.app.growing import set_aside
from shares_core.app.serving import found_damaged, serve_again, serve_no_more, withdraw
from shares_core.domain.errors import ShareDamaged, ShareFailed
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare, ShareStatus
from shares_core.ports import Ports


def examine(ports: Ports, server: ShareServer, share: CifsShare) -> str:
    """Take the share away from its clients and look. Gives what is damaged.

    After an error ``finish_checking`` finds the way out.
    """
    withdraw(ports, server, share)
    return ports.filesystems.examine(ports.storage.attach(share.volume.ref), share.volume)


def with_damage(share: CifsShare, damage: str) -> CifsShare:
    """The share as one in which this was found."""
    reason = "its file system is damaged ('shares-core share check --repair' repairs it): "
    return found_damaged(share, reason + _shortened(damage))


def finish_checking(
    ports: Ports, server: ShareServer, share_id: str, damage: str | None = None
) -> ShareServer:
    """Serve the share again, unless it is damaged; idempotent, so also what settles a crash.

    Where nobody came to know (None), what was broken off is made whole if that needs no person, else the
    share is failed; one that was damaged before stays so. Gives the server with the share as it is: where its
    extension was not finished it is failed still, until that is.
    """
    share = server.share_by_id(share_id)
    if share is None:
        return server
    if damage is None and share.damaged:  # it may be served already, where its end was not recorded
        withdraw(ports, server, share)
        return serve_no_more(ports, server, share)
    if damage:
        return serve_no_more(ports, server, with_damage(share, damage))
    if share.unfinished is not None:
        unfinished = set_aside(share, share.unfinished, "its extension is not finished")
        return serve_no_more(ports, server, unfinished)
    try:
        if damage is None and not ports.filesystems.mounted(server.id, share.id):
            ports.filesystems.check(ports.storage.attach(share.volume.ref), share.volume)
    except ShareDamaged as error:
        return serve_no_more(ports, server, found_damaged(share, str(error)))
    except ShareFailed as error:
        return serve_no_more(ports, server, share.with_status(ShareStatus.FAILED, str(error)))
    return serve_again(ports, server, evolve(share.with_status(ShareStatus.READY), damaged=False))


def _shortened(damage: str) -> str:
    """The first of what was said: a record is no place for pages of it."""
    line = " ".join(damage.split())
    return line if len(line) <= 300 else f"{line[:300]}..."
