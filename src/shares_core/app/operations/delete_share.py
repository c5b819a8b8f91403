"""Deleting a share and its data."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from attrs import evolve, frozen

from shares_core.app.lifecycle.shares import serve_again
from shares_core.app.lifecycle.snapshots import remove_snapshot
from shares_core.app.operations.work import ShareWork
from shares_core.domain.errors import Cancelled
from shares_core.domain.exports import exports_of
from shares_core.domain.operation import ShareOperation, ShareStatus
from shares_core.domain.volume import VolumeRef
from shares_core.ports.events import Event, EventKind


class DeleteStage(StrEnum):
    """The stages of a deletion."""

    #: Its clients are disconnected; nothing is lost yet.
    CLOSING = "closing"
    #: Its data is being removed.
    REMOVING = "removing"


@frozen(kw_only=True)
class DeleteShare(ShareOperation):
    """Only goes forward, unless it is cancelled before its data is removed."""

    kind: ClassVar[str] = "share.delete"
    status: ClassVar[ShareStatus] = ShareStatus.DELETING
    whole: ClassVar[bool] = False
    forward_only: ClassVar[bool] = True

    stage: DeleteStage = DeleteStage.CLOSING
    #: What an operation has made or kept that this one took the place of.
    others: tuple[VolumeRef, ...] = ()

    @property
    def volumes(self) -> tuple[VolumeRef, ...]:
        return self.others

    @property
    def no_return(self) -> str:
        return "its data is being removed" if self.stage is DeleteStage.REMOVING else ""

    def run(self, work: ShareWork) -> None:
        try:
            self._remove(work)
        except Cancelled:
            self._restore(work)
            raise

    def recover(self, work: ShareWork) -> None:
        if self.cancelled and not self.no_return:
            self._restore(work)
        else:
            self._remove(work)

    def _remove(self, work: ShareWork) -> None:
        """Disconnect whoever uses the share, and remove its volume."""
        work.withdraw()
        for export in exports_of(work.share):
            if export.snapshot is not None:
                work.ports.smb_sessions.close_share(work.server, export.name)
        if self.stage is not DeleteStage.REMOVING:
            with work.locked() as held:
                work.advance(held, evolve(self, stage=DeleteStage.REMOVING))
        remove_volume(work)

    def _restore(self, work: ShareWork) -> None:
        with work.locked() as held:
            work.finish(held, serve_again(work.ports, held.server, work.share.ready()))


def remove_volume(work: ShareWork) -> None:
    """Remove the volume of a share that nobody uses any more, then the share from the record."""
    ports, share = work.ports, work.share
    for snapshot in share.snapshots:
        remove_snapshot(ports, work.server, share, snapshot)
    ports.filesystems.unmount(work.server.id, share.id)
    for ref in share.refs:
        ports.filesystems.unmount_scratch(evolve(share.volume, ref=ref))
        ports.storage.remove_volume(ref, work.report)
    ports.audit.remove(work.server.id, share.id)
    ports.events.emit(Event.of_share(EventKind.SHARE_REMOVED, work.server, share))
    with work.locked() as held:
        work.finish(held, held.server.without_share(share.id))
