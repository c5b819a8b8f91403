"""Deleting a snapshot."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from shares_core.app.lifecycle.snapshots import remove_snapshot
from shares_core.app.operations.snapshotting import conclude
from shares_core.app.operations.work import ShareWork
from shares_core.domain.errors import SharesError
from shares_core.domain.operation import ShareOperation, ShareStatus


@frozen(kw_only=True)
class DeleteSnapshot(ShareOperation):
    """Only goes forward, unless the snapshot is in use: then it stays. The share itself is left as it is."""

    kind: ClassVar[str] = "snapshot.delete"
    status: ClassVar[ShareStatus] = ShareStatus.SNAPSHOTTING
    forward_only: ClassVar[bool] = True

    despite_damage: ClassVar[bool] = True
    spares_share: ClassVar[bool] = True

    snapshot_id: str

    @property
    def serves(self) -> bool:
        return True

    @property
    def no_return(self) -> str:
        return "its data is being removed"

    def run(self, work: ShareWork) -> None:
        ports, share = work.ports, work.share
        found = next((each for each in share.snapshots if each.id == self.snapshot_id), None)
        try:
            if found is not None:
                remove_snapshot(ports, work.server, share, found)
        except SharesError:
            # Whoever uses it must not put the share out of service.
            if found is not None and ports.storage.find_volume(share.ref_of(found)) is not None:
                conclude(work, lambda share: share)
            raise
        conclude(work, lambda share: share.without_snapshot(self.snapshot_id))

    def recover(self, work: ShareWork) -> None:
        """Carry on; a snapshot that is still in use stays."""
        try:
            self.run(work)
        except SharesError:
            if work.operation is not None:
                raise
