"""Taking a snapshot of a share."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from shares_core.app.operations.snapshotting import conclude, keep_writers_out
from shares_core.app.operations.work import ShareWork
from shares_core.domain.operation import ShareOperation, ShareStatus
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.share import CifsShare
from shares_core.domain.snapshots import Snapshot
from shares_core.ports.storage import VolumeOwner


@frozen(kw_only=True)
class CreateSnapshot(ShareOperation):
    """Undone, unless the snapshot's volume is complete. The share stays served all the time.

    ``way`` is how its pool takes snapshots.
    """

    kind: ClassVar[str] = "snapshot.create"
    status: ClassVar[ShareStatus] = ShareStatus.SNAPSHOTTING

    spares_share: ClassVar[bool] = True

    snapshot: Snapshot
    way: SnapshotWay = SnapshotWay.SHARING

    @property
    def serves(self) -> bool:
        return True

    @property
    def taking(self) -> Snapshot:
        return self.snapshot

    @property
    def keeps_writers_out(self) -> bool:
        return self.way is SnapshotWay.COPYING_READ_ONLY

    def run(self, work: ShareWork) -> None:
        ports, server, share = work.ports, work.server, work.share
        if self.keeps_writers_out:
            keep_writers_out(work)
        else:
            ports.filesystems.sync(server.id, share.id)  # so that little is left to write while it is frozen
        work.checkpoint()
        ports.storage.snapshot_volume(
            share.volume.ref,
            share.ref_of(self.snapshot),
            VolumeOwner(server.id, share.id),
            ports.filesystems.mount_point(server.id, share.id),
            work.report_or_stop,
        )
        work.checkpoint()
        self._conclude(work, taken=True)

    def recover(self, work: ShareWork) -> None:
        """Let writers go on. A complete volume of an interrupted call is kept: it is a snapshot."""
        ports, share = work.ports, work.share
        ports.filesystems.resume_writing(work.server.id, share.id)
        ref = share.ref_of(self.snapshot)
        taken = work.interrupted and ports.storage.find_volume(ref) is not None
        if not taken:
            ports.filesystems.unmount(work.server.id, self.snapshot.mount_id(share.id))
            ports.storage.remove_volume(ref)
        self._conclude(work, taken=taken)

    def _conclude(self, work: ShareWork, *, taken: bool) -> None:
        def change(share: CifsShare) -> CifsShare:
            without = share.without_snapshot(self.snapshot.id)
            return without.with_snapshot(self.snapshot) if taken else without

        conclude(work, change)
