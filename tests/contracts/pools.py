"""What several pools do that a host has at once."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager

import pytest

from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.errors import HostNotReady, SharesError
from shares_core.domain.volume import PoolName, VolumeRef
from shares_core.ports.storage import BlockStorage, Volume
from tests.contracts.values import OWNER
from tests.contracts.world import DeviceWorld

SIZE, LARGER = Capacity(32 * MIB), Capacity(48 * MIB)


class PoolsWorld(DeviceWorld):
    """A host with several pools that nobody has used yet."""

    @property
    @abstractmethod
    def pools(self) -> tuple[PoolName, ...]:
        """Their names, in the order of the settings."""

    @abstractmethod
    def lost(self, pool: PoolName) -> AbstractContextManager[None]:
        """Inside, this pool is not there, and the others are."""

    @abstractmethod
    def without(self, pool: PoolName) -> BlockStorage:
        """The storage of the same installation if the settings do not name that pool any more."""


class PoolsContract:
    """The suite of ``ports.storage`` for more than one pool."""

    def test_each_pool_has_its_own_volumes_and_figures(self, world: PoolsWorld) -> None:
        """What was promised in one is not promised in another."""
        storage, made = world.ports.storage, _one_in_each(world)
        assert world.pools == storage.pools()
        assert len(world.pools) > 1
        for pool, volume in made.items():
            view = storage.pool(pool)
            assert (pool, SIZE.bytes) == (view.name, view.provisioned)
            assert (volume,) == storage.list(pool)
            assert pool == volume.ref.pool

    def test_what_is_done_to_a_volume_is_done_in_its_pool_alone(self, world: PoolsWorld) -> None:
        """It is grown, and removed with what it holds; those of the others stay what they were."""
        storage, made = world.ports.storage, _one_in_each(world)
        devices = {pool: storage.attach(volume.ref) for pool, volume in made.items()}
        assert len(made) == len(set(devices.values()))
        first, *others = made.values()
        for device in devices.values():
            world.scribble(device)
        assert LARGER == storage.grow_volume(first.ref, LARGER).size
        storage.remove_volume(first.ref)
        assert ((), 0) == (storage.list(first.ref.pool), storage.pool(first.ref.pool).provisioned)
        for volume in others:
            assert volume == storage.find_volume(volume.ref)
            assert devices[volume.ref.pool] == storage.device(volume.ref)
            assert not world.is_blank(devices[volume.ref.pool])

    def test_a_pool_that_is_lost_is_missed_by_its_own_volumes_alone(self, world: PoolsWorld) -> None:
        """Whichever it is; when it is back, so is what it holds."""
        storage, made = world.ports.storage, _one_in_each(world)
        for lost in world.pools:
            with world.lost(lost):
                for look in (storage.find_volume, storage.attach, storage.remove_volume):
                    with pytest.raises(HostNotReady, match=str(lost)):
                        look(made[lost].ref)
                with pytest.raises(HostNotReady, match=str(lost)):
                    storage.prepare(lost)
                self._goes_on(world, storage, {p: volume for p, volume in made.items() if p != lost})
            assert made[lost] == storage.find_volume(made[lost].ref)

    def test_a_pool_that_is_not_configured_any_more_is_named_by_its_volumes_alone(
        self, world: PoolsWorld
    ) -> None:
        """Nothing of it is looked for elsewhere; configured again, it has what it had."""
        storage, made = world.ports.storage, _one_in_each(world)
        for gone in world.pools:
            fewer = world.without(gone)
            assert tuple(pool for pool in world.pools if pool != gone) == fewer.pools()
            for look in (fewer.find_volume, fewer.attach, fewer.device, fewer.detach, fewer.remove_volume):
                with pytest.raises(HostNotReady, match=f"the pool {gone} is not ") as told:
                    look(made[gone].ref)
                assert told.value.hint
            self._goes_on(world, fewer, {p: volume for p, volume in made.items() if p != gone})
            assert made[gone] == storage.find_volume(made[gone].ref)

    @staticmethod
    def _goes_on(world: PoolsWorld, storage: BlockStorage, made: dict[PoolName, Volume]) -> None:
        """Volumes are found there, made and removed."""
        for pool, volume in made.items():
            assert volume == storage.find_volume(volume.ref)
            more = storage.ensure_volume(VolumeRef(pool, world.new_id()), SIZE, OWNER)
            assert {volume, more} == set(storage.list(pool))
            storage.remove_volume(more.ref)


def _one_in_each(world: PoolsWorld) -> dict[PoolName, Volume]:
    """Prepare every pool, and make a volume in it; none was there before the first use."""
    storage = world.ports.storage
    made: dict[PoolName, Volume] = {}
    for pool in world.pools:
        assert () == storage.list(pool)
        with pytest.raises(SharesError):
            storage.ensure_volume(VolumeRef(pool, world.new_id()), SIZE, OWNER)
        traits = storage.prepare(pool)
        made[pool] = storage.ensure_volume(VolumeRef(pool, world.new_id()), SIZE, OWNER)
        assert traits == made[pool].traits
    return made
