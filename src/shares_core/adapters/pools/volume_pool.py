"""One pool of volumes, of any kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from shares_core.domain.capacity import Capacity
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.views import PoolView
from shares_core.domain.volume import PoolName, VolumeRef, VolumeTraits
from shares_core.ports.progress import Report, unreported
from shares_core.ports.storage import Volume, VolumeOwner, volume_missing

#: Called with the descriptor of a new volume, and whether it reads as zeros.
Fill = Callable[[int, bool], object]


class VolumePool(ABC):
    """The verbs of ``BlockStorage`` for the pool ``name``, in which ids identify volumes."""

    #: The traits of a volume that is made now.
    traits: VolumeTraits

    def __init__(self, name: PoolName) -> None:
        self.name = name

    @abstractmethod
    def prepare(self) -> VolumeTraits: ...

    @abstractmethod
    def pool(self) -> PoolView: ...

    @abstractmethod
    def extend(self, size: Capacity) -> None: ...

    @abstractmethod
    def ensure_volume(self, volume_id: str, size: Capacity, owner: VolumeOwner) -> Volume: ...

    @abstractmethod
    def find_volume(self, volume_id: str) -> Volume | None: ...

    @abstractmethod
    def snapshot_way(self) -> SnapshotWay: ...

    @abstractmethod
    def snapshot_volume(
        self,
        origin_id: str,
        volume_id: str,
        owner: VolumeOwner,
        mount_point: str | None,
        report: Report = unreported,
    ) -> Volume: ...

    @abstractmethod
    def readable(self, volume_id: str) -> str:
        """The path of the file or device that holds what the volume holds. Raises ShareFailed."""

    @abstractmethod
    def filled(self, volume_id: str, size: Capacity, owner: VolumeOwner, fill: Fill) -> Volume:
        """Make a volume that ``fill`` fills; it has its name when it is complete.

        Idempotent. Raises NoCapacity, and what ``fill`` raises. Half-done leaves what ``remove_volume``
        removes.
        """

    @abstractmethod
    def grow_volume(self, volume_id: str, size: Capacity) -> Volume: ...

    @abstractmethod
    def cut_volume(self, volume_id: str, size: Capacity) -> None: ...

    @abstractmethod
    def attach(self, volume_id: str) -> str: ...

    @abstractmethod
    def device(self, volume_id: str) -> str | None: ...

    @abstractmethod
    def detach(self, volume_id: str) -> None: ...

    @abstractmethod
    def remove_volume(self, volume_id: str, report: Report = unreported) -> None: ...

    @abstractmethod
    def list(self) -> tuple[Volume, ...]: ...

    def require_volume(self, volume_id: str) -> Volume:
        """The volume. Raises ShareFailed if it is missing, otherwise as ``find_volume`` does."""
        volume = self.find_volume(volume_id)
        if volume is None:
            raise volume_missing(self._ref(volume_id))
        return volume

    def _ref(self, volume_id: str) -> VolumeRef:
        return VolumeRef(self.name, volume_id)
