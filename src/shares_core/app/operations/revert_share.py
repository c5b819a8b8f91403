"""Reverting a share to one of its snapshots."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from shares_core.app.operations.replace_volume import ReplaceVolume
from shares_core.app.operations.work import ShareWork
from shares_core.domain.operation import ShareStatus
from shares_core.domain.volume import VolumeRef
from shares_core.ports.storage import VolumeOwner


@frozen(kw_only=True)
class RevertShare(ReplaceVolume):
    """The share gets a copy of the volume of a snapshot, ``source_ref``."""

    kind: ClassVar[str] = "share.revert"
    status: ClassVar[ShareStatus] = ShareStatus.REVERTING
    despite_damage: ClassVar[bool] = True

    source_ref: VolumeRef

    def fill(self, work: ShareWork) -> None:
        owner = VolumeOwner(work.server.id, work.share.id)
        work.ports.storage.copy_volume(self.source_ref, self.new, owner, work.report_or_stop)
