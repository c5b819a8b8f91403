"""Pools and volumes."""

from __future__ import annotations

from abc import ABC, abstractmethod

from attrs import frozen

from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import ShareFailed
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.domain.views import PoolView
from shares_core.domain.volume import PoolName, VolumeRef, VolumeTraits
from shares_core.ports.progress import Report, unreported


@frozen
class VolumeOwner:
    """Whose a volume is, by the ids of its server and share: a pool that can keep it tells it without us."""

    server_id: str
    share_id: str


@frozen
class Volume:
    """A volume as its pool has it. ``size`` may exceed what was asked for, to the pool's granularity.

    ``lost`` says that somebody else has deleted it, and that only its device is left.
    """

    ref: VolumeRef
    size: Capacity
    traits: VolumeTraits
    lost: bool = False

    @property
    def id(self) -> str:
        return self.ref.id


class BlockStorage(ABC):
    """The pools of volumes. Each has an identity: a folder or group that is not it is never an empty pool.

    Every verb but ``pools`` raises HostNotReady where the pool is not configured or not there; the other
    pools are not looked at.
    """

    @abstractmethod
    def pools(self) -> tuple[PoolName, ...]:
        """The pools that are configured, in the order of the settings, whether they are there or not."""

    @abstractmethod
    def prepare(self, pool: PoolName) -> VolumeTraits:
        """Make the pool usable: the first time it gets its identity, later that is checked.

        Gives what a volume is that is made in it now. Idempotent. Raises HostNotReady where the pool that
        this installation knows is not there.
        """

    @abstractmethod
    def pool(self, pool: PoolName) -> PoolView:
        """The pool's figures, also before it was first used. Raises HostNotReady.

        ``free`` is what one more volume may have: in an overprovisioned pool its whole size, however much
        was promised.
        """

    @abstractmethod
    def ensure_volume(self, ref: VolumeRef, size: Capacity, owner: VolumeOwner) -> Volume:
        """Make a volume of at least ``size``, its space reserved, that holds nothing which looks like data.

        It reads as zeros at both its ends, and one whose traits say so between them too.
        Idempotent. Raises Conflict where it exists in another size, NoCapacity where it does not fit,
        HostNotReady where the pool is not there. Half-done may leave the volume with whatever its space held:
        whoever minted the id removes it.
        """

    @abstractmethod
    def find_volume(self, ref: VolumeRef) -> Volume | None:
        """The volume, or None. Raises HostNotReady where the pool is not there."""

    @abstractmethod
    def grow_volume(self, ref: VolumeRef, size: Capacity) -> Volume:
        """Make the volume at least ``size``, and its device if it is attached. It never shrinks one.

        Idempotent, and reserves the space of what a half-done call left. Raises NoCapacity and leaves the
        volume as it was; ShareFailed where it is not there. Half-done leaves a larger volume.
        """

    @abstractmethod
    def cut_volume(self, ref: VolumeRef, size: Capacity) -> None:
        """Give back what lies beyond ``size``: the caller has shown that no file system reaches there.

        Idempotent. Raises ShareFailed where the volume is not there. Half-done leaves the larger volume.
        """

    @abstractmethod
    def attach(self, ref: VolumeRef) -> str:
        """The path of the volume's block device, made if need be. Idempotent.

        Raises ShareFailed where the volume is not there.
        """

    @abstractmethod
    def device(self, ref: VolumeRef) -> str | None:
        """The path of the volume's block device; None while it has none that answers.

        Also while the volume itself was deleted by somebody else and its device is left.
        Raises HostNotReady where the device is another pool's.
        """

    @abstractmethod
    def detach(self, ref: VolumeRef) -> None:
        """Take the volume's block device away, once nothing has it mounted. Idempotent.

        Also one that was left of a volume which somebody else has deleted.

        Raises BackendFailure where it is still in use.
        """

    @abstractmethod
    def remove_volume(self, ref: VolumeRef, report: Report = unreported) -> None:
        """Remove the volume and what it holds, and what a half-done making left. Idempotent.

        If that takes its time, as overwriting it does, it reports how many bytes are done.

        Detaches it first; no later volume shows what it held. Raises HostNotReady where the pool is not
        there: that is not a volume that is gone; BackendFailure, with the volume still there, where it is in
        use.
        """

    @abstractmethod
    def list(self, pool: PoolName) -> tuple[Volume, ...]:
        """Every volume in the pool; none before its first use. Raises HostNotReady.

        Those too of which somebody else has left no more than a block device.
        """


def require_volume(storage: BlockStorage, ref: VolumeRef) -> Volume:
    """The volume. Raises ShareFailed where it is not there, else as ``find_volume``."""
    volume = storage.find_volume(ref)
    if volume is None:
        raise volume_missing(ref)
    return volume


def volume_missing(ref: VolumeRef) -> ShareFailed:
    """What is raised where a volume that a record names is not in its pool."""
    return ShareFailed(
        f"volume {ref.id} is missing from the pool {ref.pool}",
        hint=Remedy.of(
            Call(UseCase.POOL_SHOW),
            " tells where that pool is; restore the volume from a backup, or delete the share",
        ),
    )
