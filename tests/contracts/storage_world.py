"""Where pools are tried."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager

from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.volume import VolumeRef
from shares_core.ports.storage import BlockStorage
from tests.contracts.world import DeviceWorld

#: What a world's pool holds.
POOL = Capacity(1024 * MIB)


class StorageWorld(DeviceWorld):
    """A host with a pool of POOL that nobody has used yet."""

    @abstractmethod
    def lost_pool(self) -> AbstractContextManager[None]:
        """Inside, the pool is not there; where it was is something empty."""

    @abstractmethod
    def pool_on_a_disk(self) -> AbstractContextManager[Callable[[], None]]:
        """Inside, the pool is on a disk; the function mounts it anew under all that is in use there."""

    @abstractmethod
    def in_use(self, ref: VolumeRef) -> AbstractContextManager[None]:
        """Inside, something holds the attached volume's device."""

    @abstractmethod
    def half_made_volume(self, ref: VolumeRef, size: Capacity) -> None:
        """What an ``ensure_volume`` leaves that is killed in the middle."""

    @abstractmethod
    def half_grown_volume(self, ref: VolumeRef, size: Capacity) -> None:
        """What a ``grow_volume`` leaves that is killed in the middle."""

    @abstractmethod
    def lose_volume(self, ref: VolumeRef) -> None:
        """Delete the attached volume by hand; where that can be, its device is left."""

    @abstractmethod
    def is_reserved(self, ref: VolumeRef) -> bool:
        """Whether all of the volume's space is its own."""

    @abstractmethod
    def overprovisioned_pool(self) -> BlockStorage:
        """A further pool of POOL, prepared, that may promise more than it has."""
