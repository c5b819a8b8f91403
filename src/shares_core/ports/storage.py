"""Pools and volumes."""

from __future__ import annotations

from abc import ABC, abstractmethod

from attrs import frozen

from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import ShareFailed
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.domain.views import PoolView
from shares_core.domain.volume import PoolName, VolumeRef, VolumeTraits
from shares_core.ports.progress import Report, unreported


@frozen
class VolumeOwner:
    """The ids of a volume's server and share, which some pools can keep with the volume."""

    server_id: str
    share_id: str


@frozen
class Volume:
    """A volume as its pool has it. ``size`` may be larger than requested, by the pool's granularity.

    ``lost`` means that somebody else has deleted it, and only its device is left.
    """

    ref: VolumeRef
    size: Capacity
    traits: VolumeTraits
    lost: bool = False

    @property
    def id(self) -> str:
        return self.ref.id


class BlockStorage(ABC):
    """The pools of volumes. Each has an identity, so another folder or group never passes for an empty pool.

    Every verb but ``pools`` raises HostNotReady if the pool is missing or not configured, and looks at no
    other pool.
    """

    @abstractmethod
    def pools(self) -> tuple[PoolName, ...]:
        """The configured pools in the order of the settings, also those that are missing."""

    @abstractmethod
    def prepare(self, pool: PoolName) -> VolumeTraits:
        """Make the pool usable: the first call gives it its identity, later calls check that.

        Returns the traits of a volume made in it now. Idempotent. Raises HostNotReady if the pool that this
        installation knows is missing.
        """

    @abstractmethod
    def pool(self, pool: PoolName) -> PoolView:
        """The pool's figures, also before it was first used. Raises HostNotReady.

        ``free`` is what one more volume may have: in an overprovisioned pool, the whole size of the pool,
        whatever it has promised.
        """

    @abstractmethod
    def extend_pool(self, pool: PoolName, size: Capacity) -> None:
        """Make a pool larger that makes its own room: one in an xfs image.

        Idempotent. Raises InvalidInput for a smaller size, NoCapacity, and HostNotReady for other pools,
        which says how they get larger. Half-done leaves it as it was, or larger.
        """

    @abstractmethod
    def ensure_volume(self, ref: VolumeRef, size: Capacity, owner: VolumeOwner) -> Volume:
        """Make a volume of at least ``size``, with its space reserved, that holds nothing like data.

        It reads as zeros at both ends, and in between if its traits say so. Idempotent. Raises Conflict if it
        exists in another size, NoCapacity if it does not fit, HostNotReady if the pool is missing. Half-done
        may leave the volume with whatever its space held: the caller that minted the id removes it.
        """

    @abstractmethod
    def find_volume(self, ref: VolumeRef) -> Volume | None:
        """The volume, or None. Raises HostNotReady if the pool is missing."""

    @abstractmethod
    def snapshot_way(self, pool: PoolName) -> SnapshotWay:
        """How ``snapshot_volume`` works in the pool. Cheap."""

    @abstractmethod
    def snapshot_volume(
        self,
        origin: VolumeRef,
        ref: VolumeRef,
        owner: VolumeOwner,
        mount_point: str | None,
        report: Report = unreported,
    ) -> Volume:
        """Make a volume that holds what ``origin``, in the same pool, holds at one moment.

        It may be written to, and neither volume sees what is written to the other. If the origin's file
        system is mounted, ``mount_point`` says where: writers wait for a moment, so that it is whole in the
        new volume; if the ``snapshot_way`` is read-only, the caller has paused writing. The new volume is
        promised its full size, as any other.

        If it copies, it reports how many bytes are done; what the report raises ends it, half-done.

        Idempotent: what exists is returned, and is complete. Raises ShareFailed if the origin is missing, and
        NoCapacity. Half-done may leave the file system frozen, if the very process that froze it is killed
        (see ``FileSystems.resume_writing``), and what only ``remove_volume`` finds.
        """

    @abstractmethod
    def copy_volume(
        self, source: VolumeRef, ref: VolumeRef, owner: VolumeOwner, report: Report = unreported
    ) -> Volume:
        """Make a volume, in any pool, that holds what ``source`` holds, to which nobody writes.

        In the source's pool it is ``snapshot_volume``; in another it always copies. Reports, is idempotent,
        raises and leaves things as that does.
        """

    @abstractmethod
    def grow_volume(self, ref: VolumeRef, size: Capacity) -> Volume:
        """Make the volume at least ``size``, and its device if it is attached. Never shrinks a volume.

        Idempotent, and reserves the space of what a half-done call left. Raises NoCapacity and leaves the
        volume as it was; ShareFailed if it is missing. Half-done leaves a larger volume.
        """

    @abstractmethod
    def cut_volume(self, ref: VolumeRef, size: Capacity) -> None:
        """Give back the space beyond ``size``: the caller has shown that no file system reaches there.

        Idempotent. Raises ShareFailed if the volume is missing. Half-done leaves the larger volume.
        """

    @abstractmethod
    def attach(self, ref: VolumeRef) -> str:
        """The path of the volume's block device, made if need be. Idempotent.

        Raises ShareFailed if the volume is missing.
        """

    @abstractmethod
    def device(self, ref: VolumeRef) -> str | None:
        """The path of the volume's block device; None if it has none, or none that answers.

        Also if somebody else has deleted the volume and only its device is left. Raises HostNotReady if the
        device is another pool's.
        """

    @abstractmethod
    def detach(self, ref: VolumeRef) -> None:
        """Remove the volume's block device, which nothing may have mounted. Idempotent.

        Also the device that is left of a volume that somebody else has deleted.

        Raises BackendFailure if it is still in use.
        """

    @abstractmethod
    def remove_volume(self, ref: VolumeRef, report: Report = unreported) -> None:
        """Remove the volume and what it holds, and what a half-done making left. Idempotent.

        If that takes long, as overwriting does, it reports how many bytes are done.

        Detaches it first; no later volume shows what it held. Raises HostNotReady if the pool is missing,
        because the volume may still exist; BackendFailure, and leaves the volume, if it is in use.
        """

    @abstractmethod
    def list(self, pool: PoolName) -> tuple[Volume, ...]:
        """Every volume in the pool; none before its first use. Raises HostNotReady.

        Also those of which somebody else has left only a block device.
        """


def require_volume(storage: BlockStorage, ref: VolumeRef) -> Volume:
    """The volume. Raises ShareFailed if it is missing, otherwise as ``find_volume`` does."""
    volume = storage.find_volume(ref)
    if volume is None:
        raise volume_missing(ref)
    return volume


def volume_missing(ref: VolumeRef) -> ShareFailed:
    """The error for a volume that a record names and its pool does not have."""
    return ShareFailed(
        f"volume {ref.id} is missing from the pool {ref.pool}",
        hint=Remedy.of(
            Call(UseCase.POOL_SHOW),
            " tells where that pool is; restore the volume from a backup, or delete the share",
        ),
    )
