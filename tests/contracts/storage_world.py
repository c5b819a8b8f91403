"""The world of the suite of pools."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager

from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.volume import VolumeRef
from shares_core.ports.storage import BlockStorage
from tests.contracts.world import DeviceWorld

#: The size of a world's pool.
POOL = Capacity(1024 * MIB)


class StorageWorld(DeviceWorld):
    """A host with a pool of POOL that nobody has used yet."""

    @property
    @abstractmethod
    def snapshot_way(self) -> SnapshotWay:
        """How volumes of its pool get snapshots."""

    @property
    @abstractmethod
    def extends(self) -> bool:
        """Whether its pool makes its own room, and so can be extended."""

    @abstractmethod
    def lost_pool(self) -> AbstractContextManager[None]:
        """Inside, the pool is missing; something empty is in its place."""

    @abstractmethod
    def pool_on_a_disk(self) -> AbstractContextManager[Callable[[], None]]:
        """Inside, the pool is on a disk; the function mounts it again under everything that is in use."""

    @abstractmethod
    def in_use(self, ref: VolumeRef) -> AbstractContextManager[None]:
        """Inside, something uses the attached volume's device."""

    @abstractmethod
    def half_made_volume(self, ref: VolumeRef, size: Capacity) -> None:
        """What a killed ``ensure_volume`` leaves."""

    @abstractmethod
    def half_copied_volume(self, origin: VolumeRef, ref: VolumeRef) -> None:
        """What a killed ``snapshot_volume`` leaves where it copies."""

    @abstractmethod
    def half_grown_volume(self, ref: VolumeRef, size: Capacity) -> None:
        """What a killed ``grow_volume`` leaves."""

    @abstractmethod
    def lose_volume(self, ref: VolumeRef) -> None:
        """Delete the attached volume by hand; if that is possible, its device is left."""

    @abstractmethod
    def is_reserved(self, ref: VolumeRef) -> bool:
        """Whether all of the volume's space is its own."""

    @abstractmethod
    def overprovisioned_pool(self) -> BlockStorage:
        """Another pool of POOL, prepared, that may promise more than it has."""
