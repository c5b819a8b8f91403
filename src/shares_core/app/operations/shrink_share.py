"""Shrinking a share."""

from __future__ import annotations

from typing import ClassVar

from attrs import evolve, frozen

from shares_core.app.operations.filling import copied
from shares_core.app.operations.replace_volume import ReplaceVolume
from shares_core.app.operations.work import ShareWork
from shares_core.domain.errors import ShareDamaged, ShareFailed
from shares_core.domain.operation import ShareStatus
from shares_core.domain.share import Failure
from shares_core.domain.volume import ShareVolume
from shares_core.ports.storage import volume_missing


@frozen(kw_only=True)
class ShrinkShare(ReplaceVolume):
    """The share gets a copy of its own volume, whose file system was shrunk before the volume was cut.

    No tool shrinks a file system so that a power cut does no harm: so it never is the share's only one.
    """

    kind: ClassVar[str] = "share.shrink"
    status: ClassVar[ShareStatus] = ShareStatus.SHRINKING

    def fill(self, work: ShareWork) -> None:
        ports, volume = work.ports, work.share.volume
        ports.filesystems.unmount_scratch(volume)
        copied(work, volume, self.new)
        work.checkpoint()
        try:
            device = ports.storage.attach(self.new)
            ports.filesystems.shrink(device, self._copy_of(volume), self.capacity, work.report)
        except ShareDamaged as error:
            work.noticed = Failure.damaged(error)  # the share itself has that damage
            raise
        work.checkpoint()
        ports.storage.cut_volume(self.new, self.capacity)

    def _copy_of(self, volume: ShareVolume) -> ShareVolume:
        return evolve(volume, ref=self.new)

    def require_complete(self, work: ShareWork) -> None:
        """It has its name before it is shrunk, and nobody can use it before that has ended."""
        filesystems, copy = work.ports.filesystems, self._copy_of(work.share.volume)
        device = work.ports.storage.attach(self.new)
        try:
            fits = filesystems.size(device, copy) <= self.capacity
            damage = filesystems.examine(device, copy, work.report) if fits else "it was not shrunk"
        except ShareFailed as error:
            damage = str(error)
        if damage:
            missing = volume_missing(self.former)
            missing.add_note(f"volume {self.new.id} is an unfinished copy of it: {damage}")
            raise missing
