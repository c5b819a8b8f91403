"""Taking a snapshot of a share."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from shares_core.app.lifecycle.shares import serve_again
from shares_core.app.operations.work import ShareWork
from shares_core.domain.operation import ShareOperation, ShareStatus
from shares_core.domain.snapshots import Snapshot
from shares_core.ports.storage import VolumeOwner


@frozen(kw_only=True)
class CreateSnapshot(ShareOperation):
    """Undone: recovery lets writers go on, and removes the snapshot's volume. The share stays served."""

    kind: ClassVar[str] = "snapshot.create"
    status: ClassVar[ShareStatus] = ShareStatus.SNAPSHOTTING

    snapshot: Snapshot

    @property
    def serves(self) -> bool:
        return True

    @property
    def taking(self) -> Snapshot:
        return self.snapshot

    def run(self, work: ShareWork) -> None:
        ports, server, share = work.ports, work.server, work.share
        ports.filesystems.sync(server.id, share.id)  # so that little is left to write while it is frozen
        work.checkpoint()
        ports.storage.snapshot_volume(
            share.volume.ref,
            share.ref_of(self.snapshot),
            VolumeOwner(server.id, share.id),
            ports.filesystems.mount_point(server.id, share.id),
        )
        with work.locked() as held:
            taken = work.share.ready().with_snapshot(self.snapshot)
            work.finish(held, serve_again(ports, held.server, taken))

    def recover(self, work: ShareWork) -> None:
        ports, share = work.ports, work.share
        ports.filesystems.thaw(work.server.id, share.id)
        # The last save may have taken effect although it failed.
        ports.filesystems.unmount(work.server.id, self.snapshot.mount_id(share.id))
        ports.storage.remove_volume(share.ref_of(self.snapshot))
        with work.locked() as held:
            without = work.share.ready().without_snapshot(self.snapshot.id)
            work.finish(held, serve_again(ports, held.server, without))
