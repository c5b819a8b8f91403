"""Filling the new volume of a share with what another volume holds."""

from __future__ import annotations

from attrs import evolve

from shares_core.app.operations.work import ShareWork
from shares_core.domain.errors import ShareFailed
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.domain.volume import ShareVolume, VolumeRef
from shares_core.ports.storage import Volume, VolumeOwner


def copied(work: ShareWork, source: ShareVolume, ref: VolumeRef) -> Volume:
    """A new volume that holds what ``source`` holds: a snapshot, or the volume of a share that is withdrawn.

    What had to be copied is examined: whoever mounted or removed its source meanwhile has changed it. Raises
    ShareFailed if it is not whole.
    """
    storage = work.ports.storage
    owner = VolumeOwner(work.server.id, work.share.id)
    volume = storage.copy_volume(source.ref, ref, owner, work.report_or_stop)
    if source.pool != ref.pool or storage.snapshot_way(ref.pool).copies:
        work.checkpoint()
        damage = work.ports.filesystems.examine(storage.attach(ref), evolve(source, ref=ref), work.report)
        if damage:
            raise ShareFailed(
                f"the copy of volume {source.ref.id} is not whole: {damage}",
                hint=Remedy.of("try again; if its source is damaged, ", Call(UseCase.SHARES_CHECK), " tells"),
            )
    return volume
