"""What taking a snapshot and deleting one have in common: the share stays as it is."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from shares_core.app.lifecycle.container import is_running
from shares_core.app.lifecycle.shares import serve_still
from shares_core.app.lifecycle.snapshots import mount_snapshots
from shares_core.app.operations.work import ShareWork
from shares_core.domain.share import CifsShare


def conclude(work: ShareWork, change: Callable[[CifsShare], CifsShare]) -> None:
    """End the operation with the share changed, and see to it that the share and its snapshots are served.

    Its writers go on before that is recorded, which waits for a disk. The snapshots are mounted last.
    """
    ports = work.ports
    with work.locked() as held:
        running = is_running(ports, held.server)
        server = serve_still(ports, held.server, evolve(work.share, operation=None), running=running)
        ports.filesystems.thaw(server.id, work.share.id)
        # The last save may have taken effect although it failed.
        share = change(server.share_by_id(work.share.id) or work.share)
        work.finish(held, server.with_share(share))
        if running:
            mount_snapshots(ports, held.server, share)
