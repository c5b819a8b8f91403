"""Deleting a snapshot."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from shares_core.app.lifecycle.shares import serve_again
from shares_core.app.lifecycle.snapshots import remove_snapshot
from shares_core.app.operations.work import ShareWork
from shares_core.domain.operation import ShareOperation, ShareStatus


@frozen(kw_only=True)
class DeleteSnapshot(ShareOperation):
    """Only goes forward. The share stays served, and its other snapshots and its files as they are."""

    kind: ClassVar[str] = "snapshot.delete"
    status: ClassVar[ShareStatus] = ShareStatus.SNAPSHOTTING
    forward_only: ClassVar[bool] = True

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
        if found is not None:
            remove_snapshot(ports, work.server, share, found)
        with work.locked() as held:
            without = work.share.ready().without_snapshot(self.snapshot_id)
            work.finish(held, serve_again(ports, held.server, without))

    def recover(self, work: ShareWork) -> None:
        self.run(work)
