"""Shrinking a share."""

from __future__ import annotations

from typing import ClassVar

from attrs import evolve, frozen

from shares_core.app.operations.replace_volume import ReplaceVolume
from shares_core.app.operations.work import ShareWork
from shares_core.domain.operation import ShareStatus
from shares_core.ports.storage import VolumeOwner


@frozen(kw_only=True)
class ShrinkShare(ReplaceVolume):
    """The share gets a copy of its own volume, whose file system was shrunk before the volume was cut.

    No tool shrinks a file system so that a power cut does no harm: so it never is the share's only one.
    """

    kind: ClassVar[str] = "share.shrink"
    status: ClassVar[ShareStatus] = ShareStatus.SHRINKING

    def fill(self, work: ShareWork) -> None:
        ports, share = work.ports, work.share
        owner = VolumeOwner(work.server.id, share.id)
        ports.filesystems.unmount_scratch(share.volume)
        ports.storage.copy_volume(self.former, self.new, owner, work.report_or_stop)
        work.checkpoint()
        copied = evolve(share.volume, ref=self.new)
        ports.filesystems.shrink(ports.storage.attach(self.new), copied, self.capacity, work.report)
        work.checkpoint()
        ports.storage.cut_volume(self.new, self.capacity)
