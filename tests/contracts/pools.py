"""What several pools of one host do."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager
from itertools import permutations

import pytest

from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.errors import Cancelled, HostNotReady, NoCapacity, SharesError
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
        """The pools' names, in the order of the settings."""

    @abstractmethod
    def lost(self, pool: PoolName) -> AbstractContextManager[None]:
        """Inside, only this pool is missing."""

    @abstractmethod
    def without(self, pool: PoolName) -> BlockStorage:
        """The storage of the same installation with that pool removed from the settings."""


class PoolsContract:
    """The suite of ``ports.storage`` for more than one pool."""

    def test_each_pool_has_its_own_volumes_and_figures(self, world: PoolsWorld) -> None:
        """A promise in one does not count in another."""
        storage, made = world.ports.storage, _one_in_each(world)
        assert world.pools == storage.pools()
        assert len(world.pools) > 1
        for pool, volume in made.items():
            view = storage.pool(pool)
            assert (pool, SIZE.bytes) == (view.name, view.provisioned)
            assert (volume,) == storage.list(pool)
            assert pool == volume.ref.pool

    def test_a_change_of_a_volume_affects_only_its_pool(self, world: PoolsWorld) -> None:
        """It is grown, and removed with its data; volumes of other pools stay what they were."""
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

    def test_a_missing_pool_affects_only_its_own_volumes(self, world: PoolsWorld) -> None:
        """Whichever it is; when it is back, so are its volumes."""
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

    def test_a_pool_removed_from_the_settings_affects_only_its_own_volumes(self, world: PoolsWorld) -> None:
        """No other pool has its volumes; configured again, it has what it had."""
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

    def test_a_copy_in_another_pool_holds_what_its_source_holds(self, world: PoolsWorld) -> None:
        """From each pool into each. Twice is once; it outlives its source; empty parts stay empty."""
        storage, made = world.ports.storage, _one_in_each(world)
        written = {pool: VolumeRef(pool, world.new_id()) for pool in made}
        for ref in written.values():
            storage.ensure_volume(ref, SIZE, OWNER)
            world.scribble(storage.attach(ref))
        for source, target in permutations(world.pools, 2):
            told: list[tuple[int, int]] = []
            before = storage.pool(target)
            copied, empty = VolumeRef(target, world.new_id()), VolumeRef(target, world.new_id())
            size = storage.copy_volume(
                written[source], copied, OWNER, lambda *parts, told=told: told.append(parts)
            ).size
            assert size.bytes >= SIZE.bytes
            assert told == sorted(told) != []
            assert storage.find_volume(copied) == storage.copy_volume(written[source], copied, OWNER)
            assert before.provisioned + size.bytes == storage.pool(target).provisioned
            storage.copy_volume(made[source].ref, empty, OWNER)
            assert not world.is_blank(storage.attach(copied))
            assert world.is_blank(storage.attach(empty))
            for ref in (copied, empty):
                storage.remove_volume(ref)
            assert before == storage.pool(target)

    def test_a_copy_that_another_pool_has_no_room_for_leaves_nothing(self, world: PoolsWorld) -> None:
        """Neither does one that is stopped."""
        storage, made = world.ports.storage, _one_in_each(world)
        source, target = world.pools[:2]
        stopped, refused = VolumeRef(target, world.new_id()), VolumeRef(target, world.new_id())
        before = storage.pool(target)

        def stop(done: int, total: int) -> None:
            raise Cancelled("somebody has cancelled it")

        with pytest.raises(Cancelled):
            storage.copy_volume(made[source].ref, stopped, OWNER, stop)
        assert storage.find_volume(stopped) is None
        storage.remove_volume(stopped)
        assert before == storage.pool(target)
        filler = VolumeRef(target, world.new_id())
        storage.ensure_volume(filler, Capacity(before.free - 16 * MIB), OWNER)
        with pytest.raises(NoCapacity):
            storage.copy_volume(made[source].ref, refused, OWNER)
        storage.remove_volume(refused)
        storage.remove_volume(filler)
        assert before == storage.pool(target)

    @staticmethod
    def _goes_on(world: PoolsWorld, storage: BlockStorage, made: dict[PoolName, Volume]) -> None:
        """Volumes are found, made and removed in the pool."""
        for pool, volume in made.items():
            assert volume == storage.find_volume(volume.ref)
            more = storage.ensure_volume(VolumeRef(pool, world.new_id()), SIZE, OWNER)
            assert {volume, more} == set(storage.list(pool))
            storage.remove_volume(more.ref)


def _one_in_each(world: PoolsWorld) -> dict[PoolName, Volume]:
    """Prepare every pool, which has no volumes before its first use, and make a volume in it."""
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
