"""Reverting a share to one of its snapshots."""

from __future__ import annotations

from typing import ClassVar

from attrs import evolve, frozen

from shares_core.app.operations.filling import copied
from shares_core.app.operations.replace_volume import ReplaceVolume
from shares_core.app.operations.work import ShareWork
from shares_core.domain.operation import ShareStatus
from shares_core.domain.volume import VolumeRef


@frozen(kw_only=True)
class RevertShare(ReplaceVolume):
    """The share gets a copy of the volume of a snapshot, ``source_ref``."""

    kind: ClassVar[str] = "share.revert"
    status: ClassVar[ShareStatus] = ShareStatus.REVERTING
    despite_damage: ClassVar[bool] = True

    source_ref: VolumeRef

    def fill(self, work: ShareWork) -> None:
        copied(work, evolve(work.share.volume, ref=self.source_ref), self.new)
