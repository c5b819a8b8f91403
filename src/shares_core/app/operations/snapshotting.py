"""What taking a snapshot and deleting one have in common: the share stays as it is."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from shares_core.app.lifecycle.container import is_running
from shares_core.app.lifecycle.publish import publish
from shares_core.app.lifecycle.shares import serve_still
from shares_core.app.lifecycle.snapshots import mount_snapshots
from shares_core.app.operations.work import ShareWork
from shares_core.domain.share import CifsShare


def keep_writers_out(work: ShareWork) -> None:
    """Let clients only read: the journal says so. Whoever is connected comes back by itself."""
    with work.locked() as held:
        publish(work.ports, held.server)
    work.ports.smb_sessions.close_share(work.server, work.share.name)
    work.ports.filesystems.pause_writing(work.server.id, work.share.id)


def conclude(work: ShareWork, change: Callable[[CifsShare], CifsShare]) -> None:
    """End the operation with the share changed, and see to it that the share and its snapshots are served.

    Its writers go on before that is recorded, which waits for a disk. The snapshots are mounted last.
    """
    ports = work.ports
    with work.locked() as held:
        running, writable = is_running(ports, held.server), work.share.is_writable
        ports.filesystems.resume_writing(held.server.id, work.share.id)
        server = serve_still(ports, held.server, evolve(work.share, operation=None), running=running)
        # The last save may have taken effect although it failed.
        share = change(server.share_by_id(work.share.id) or work.share)
        server = server.with_share(share)
        if not writable:  # whoever is connected may write again when it has come back
            publish(ports, server)
            ports.smb_sessions.close_share(server, share.name)
        work.finish(held, server)
        if running:
            mount_snapshots(ports, held.server, share)
