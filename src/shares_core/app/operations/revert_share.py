"""Reverting a share to one of its snapshots."""

from __future__ import annotations

from typing import ClassVar

from attrs import evolve, frozen

from shares_core.app.lifecycle.shares import serve_again
from shares_core.app.operations.work import ShareWork
from shares_core.domain.operation import ShareOperation, ShareStatus
from shares_core.domain.snapshots import Snapshot
from shares_core.domain.volume import VolumeRef
from shares_core.ports.storage import VolumeOwner


@frozen(kw_only=True)
class RevertShare(ShareOperation):
    """The share gets a copy of the snapshot in a ``new`` volume; then its ``former`` one is removed.

    Undone until the record names the new volume; from there it only goes forward.
    """

    kind: ClassVar[str] = "share.revert"
    status: ClassVar[ShareStatus] = ShareStatus.REVERTING

    snapshot: Snapshot
    new: VolumeRef
    former: VolumeRef
    switched: bool = False

    @property
    def no_return(self) -> str:
        return "what it held is being removed" if self.switched else ""

    @property
    def volumes(self) -> tuple[VolumeRef, ...]:
        return (self.new, self.former)

    def run(self, work: ShareWork) -> None:
        ports, share = work.ports, work.share
        work.withdraw()
        work.checkpoint()
        owner = VolumeOwner(work.server.id, share.id)
        ports.storage.snapshot_volume(share.ref_of(self.snapshot), self.new, owner, None)
        with work.locked() as held:
            reverted = evolve(
                work.share,
                volume=evolve(work.share.volume, ref=self.new),
                capacity=self.snapshot.capacity,
            )
            work.advance(held, evolve(self, switched=True), becoming=reverted)
        self._conclude(work)

    def recover(self, work: ShareWork) -> None:
        work.withdraw()  # which reads the record: the last save may have taken effect although it failed
        if work.share.volume.ref == self.new:
            self._conclude(work)
            return
        work.ports.storage.remove_volume(self.new)
        with work.locked() as held:
            work.finish(held, serve_again(work.ports, held.server, work.share.ready()))

    def _conclude(self, work: ShareWork) -> None:
        ports = work.ports
        former = evolve(work.share.volume, ref=self.former)
        ports.filesystems.unmount_scratch(former)
        ports.storage.remove_volume(self.former, work.report)
        with work.locked() as held:
            work.finish(held, serve_again(ports, held.server, work.share.ready()))
