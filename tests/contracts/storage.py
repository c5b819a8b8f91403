"""What every pool of volumes does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

import pytest
from attrs import evolve

from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.errors import (
    BackendFailure,
    Conflict,
    HostNotReady,
    InvalidInput,
    NoCapacity,
    ShareFailed,
)
from shares_core.domain.volume import DEFAULT_POOL, PoolName, VolumeRef
from shares_core.ports.storage import BlockStorage
from tests.contracts.storage_snapshots import StorageSnapshots
from tests.contracts.storage_world import POOL, StorageWorld
from tests.contracts.values import ABSENT, OWNER, ref

SIZE, LARGER, MOST = Capacity(32 * MIB), Capacity(48 * MIB), Capacity(600 * MIB)
TWICE = Capacity(2 * POOL.bytes)
_NEED_THE_POOL: dict[str, Callable[[BlockStorage, VolumeRef], object]] = {
    "prepare": lambda storage, _: storage.prepare(DEFAULT_POOL),
    "pool": lambda storage, _: storage.pool(DEFAULT_POOL),
    "extend_pool": lambda storage, _: storage.extend_pool(DEFAULT_POOL, TWICE),
    "ensure_volume": lambda storage, ref: storage.ensure_volume(ref, SIZE, OWNER),
    "find_volume": lambda storage, ref: storage.find_volume(ref),
    "grow_volume": lambda storage, ref: storage.grow_volume(ref, LARGER),
    "cut_volume": lambda storage, ref: storage.cut_volume(ref, SIZE),
    "attach": lambda storage, ref: storage.attach(ref),
    "remove_volume": lambda storage, ref: storage.remove_volume(ref),
    "list": lambda storage, _: storage.list(DEFAULT_POOL),
}


class BlockStorageContract(StorageSnapshots):
    """The suite of ``ports.storage``."""

    def test_a_pool_has_figures_before_its_first_use_and_nothing_else(self, world: StorageWorld) -> None:
        """It has no volumes, and none can be made, found or removed before the pool is known."""
        storage = world.ports.storage
        view = storage.pool(DEFAULT_POOL)
        assert (POOL.bytes, 0, POOL.bytes) == (view.total, view.provisioned, view.free)
        assert () == storage.list(DEFAULT_POOL)
        for verb in ("ensure_volume", "find_volume", "remove_volume"):
            with pytest.raises(HostNotReady):
                _NEED_THE_POOL[verb](storage, ABSENT)

    def test_a_pool_gets_larger_or_says_how(self, world: StorageWorld) -> None:
        """Its volumes stay attached; twice is once, and it never gets smaller."""
        storage = _prepared(world)
        volume = storage.ensure_volume(ref(world.new_id()), SIZE, OWNER)
        device, before = storage.attach(volume.ref), storage.pool(DEFAULT_POOL)
        if not world.extends:
            with pytest.raises(HostNotReady, match="the pool default is"):
                storage.extend_pool(DEFAULT_POOL, TWICE)
            assert before == storage.pool(DEFAULT_POOL)
            return
        storage.extend_pool(DEFAULT_POOL, TWICE)
        after = storage.pool(DEFAULT_POOL)
        assert after.total - before.total > POOL.bytes * 9 // 10
        assert after.free - before.free > POOL.bytes * 9 // 10
        storage.extend_pool(DEFAULT_POOL, TWICE)
        with pytest.raises(InvalidInput):
            storage.extend_pool(DEFAULT_POOL, POOL)
        assert after == storage.pool(DEFAULT_POOL)
        assert (device, volume) == (storage.device(volume.ref), storage.find_volume(volume.ref))

    def test_missing_pools_are_named_too(self, world: StorageWorld) -> None:
        """A pool that is not configured is missing for every verb."""
        storage = _prepared(world)
        assert (DEFAULT_POOL,) == storage.pools()
        with world.lost_pool():
            assert (DEFAULT_POOL,) == storage.pools()
        unknown = PoolName("unknown")
        for verb in (storage.prepare, storage.pool, storage.list):
            with pytest.raises(HostNotReady, match="unknown"):
                verb(unknown)
        for look in (storage.find_volume, storage.attach, storage.device, storage.remove_volume):
            with pytest.raises(HostNotReady, match="unknown"):
                look(VolumeRef(unknown, ABSENT.id))

    def test_preparing_twice_is_preparing_once(self, world: StorageWorld) -> None:
        """The pool's volumes stay."""
        storage = _prepared(world)
        made = storage.ensure_volume(ABSENT, SIZE, OWNER)
        storage.prepare(DEFAULT_POOL)
        assert (made,) == storage.list(DEFAULT_POOL)

    def test_something_else_in_the_pools_place_is_not_an_empty_pool(self, world: StorageWorld) -> None:
        """Every verb refuses, and when the pool is back, so are its volumes."""
        storage = _prepared(world)
        volume = storage.ensure_volume(ref(world.new_id()), SIZE, OWNER)
        with world.lost_pool():
            assert [*_NEED_THE_POOL] == _raising(HostNotReady, storage, volume.ref, _NEED_THE_POOL)
        assert (volume,) == storage.list(DEFAULT_POOL)

    def test_a_volume_reads_as_zeros_and_its_space_is_reserved(self, world: StorageWorld) -> None:
        """It has at least the requested size; the figures count its real size."""
        storage = _prepared(world)
        volume = storage.ensure_volume(ref(world.new_id()), Capacity(SIZE.bytes + 1), OWNER)
        assert SIZE.bytes < volume.size.bytes <= SIZE.bytes + 4 * MIB
        assert world.is_blank(storage.attach(volume.ref))
        assert world.is_reserved(volume.ref)
        view = storage.pool(DEFAULT_POOL)
        free = POOL.bytes - volume.size.bytes
        assert (volume.size.bytes, free) == (view.provisioned, view.free)
        assert (True, False) == (view.holds(Capacity(free)), view.holds(Capacity(free + 1)))

    def test_ensuring_twice_is_ensuring_once(self, world: StorageWorld) -> None:
        """With the same size, even if it was rounded up; what was written stays."""
        storage = _prepared(world)
        odd = Capacity(SIZE.bytes + 1)
        volume = storage.ensure_volume(ref(world.new_id()), odd, OWNER)
        world.scribble(storage.attach(volume.ref))
        assert volume == storage.ensure_volume(volume.ref, odd, OWNER)
        assert volume == storage.ensure_volume(volume.ref, volume.size, OWNER)
        assert not world.is_blank(storage.attach(volume.ref))
        assert (volume,) == storage.list(DEFAULT_POOL)

    def test_another_size_is_a_conflict(self, world: StorageWorld) -> None:
        """Larger or smaller; the volume stays as it is."""
        storage = _prepared(world)
        volume = storage.ensure_volume(ref(world.new_id()), SIZE, OWNER)
        for other in (LARGER, Capacity(SIZE.bytes // 2)):
            with pytest.raises(Conflict):
                storage.ensure_volume(volume.ref, other, OWNER)
            assert volume == storage.find_volume(volume.ref)

    def test_a_volume_that_does_not_fit_is_refused(self, world: StorageWorld) -> None:
        """Nothing is left of it, and a volume that fits can be made."""
        storage = _prepared(world)
        first = storage.ensure_volume(ref(world.new_id()), MOST, OWNER)
        before = storage.pool(DEFAULT_POOL)
        with pytest.raises(NoCapacity):
            storage.ensure_volume(ABSENT, MOST, OWNER)
        assert (before, None, (first,)) == (
            storage.pool(DEFAULT_POOL),
            storage.find_volume(ABSENT),
            storage.list(DEFAULT_POOL),
        )
        storage.ensure_volume(ABSENT, Capacity(before.free), OWNER)
        assert 0 == storage.pool(DEFAULT_POOL).free

    def test_an_overprovisioned_pool_promises_more_than_it_has(self, world: StorageWorld) -> None:
        """Its whole size is free for each volume, but no more."""
        storage = world.overprovisioned_pool()
        for _ in range(2):
            storage.ensure_volume(ref(world.new_id()), MOST, OWNER)
        view = storage.pool(DEFAULT_POOL)
        assert (True, 2 * MOST.bytes, POOL.bytes) == (view.overprovisioned, view.provisioned, view.free)
        with pytest.raises(NoCapacity):
            storage.ensure_volume(ABSENT, Capacity(POOL.bytes + 1), OWNER)

    def test_a_half_made_volume_is_removed(self, world: StorageWorld) -> None:
        """Its space is free again: two such volumes would not fit."""
        storage = _prepared(world)
        world.half_made_volume(ABSENT, MOST)
        storage.remove_volume(ABSENT)
        assert (None, ()) == (storage.find_volume(ABSENT), storage.list(DEFAULT_POOL))
        assert (POOL.bytes, 0) == (storage.pool(DEFAULT_POOL).free, storage.pool(DEFAULT_POOL).provisioned)
        assert MOST == storage.ensure_volume(ABSENT, MOST, OWNER).size
        assert world.is_blank(storage.attach(ABSENT))

    def test_a_volume_grows_and_its_device_with_it(self, world: StorageWorld) -> None:
        """Growing twice is growing once, what was written stays, and it never shrinks."""
        storage = _prepared(world)
        volume = storage.ensure_volume(ref(world.new_id()), SIZE, OWNER)
        device = storage.attach(volume.ref)
        world.scribble(device)
        for size in (LARGER, LARGER, SIZE):
            storage.grow_volume(volume.ref, size)
            assert evolve(volume, size=LARGER) == storage.find_volume(volume.ref)
            assert LARGER.bytes == world.device_size(device)
        assert not world.is_blank(device)
        assert world.is_reserved(volume.ref)

    def test_a_volume_that_is_not_attached_grows_too(self, world: StorageWorld) -> None:
        """Its device then has the new size."""
        storage = _prepared(world)
        volume = storage.ensure_volume(ref(world.new_id()), SIZE, OWNER)
        storage.grow_volume(volume.ref, LARGER)
        assert LARGER.bytes == world.device_size(storage.attach(volume.ref))

    def test_a_volume_that_cannot_grow_stays_as_it_was(self, world: StorageWorld) -> None:
        """So does its device."""
        storage = _prepared(world)
        volume = storage.ensure_volume(ref(world.new_id()), SIZE, OWNER)
        device, before = storage.attach(volume.ref), storage.pool(DEFAULT_POOL)
        with pytest.raises(NoCapacity):
            storage.grow_volume(volume.ref, Capacity(POOL.bytes + MIB))
        assert (volume, before) == (storage.find_volume(volume.ref), storage.pool(DEFAULT_POOL))
        assert SIZE.bytes == world.device_size(device)

    def test_a_half_grown_volume_grows_on_or_is_cut_back(self, world: StorageWorld) -> None:
        """It is larger than before; growing it reserves what is not reserved yet."""
        storage = _prepared(world)
        volume = storage.ensure_volume(ref(world.new_id()), SIZE, OWNER)
        device = storage.attach(volume.ref)
        world.half_grown_volume(volume.ref, LARGER)
        found = storage.find_volume(volume.ref)
        assert found is not None
        assert SIZE < found.size <= LARGER
        storage.grow_volume(volume.ref, LARGER)
        assert (LARGER.bytes, True) == (world.device_size(device), world.is_reserved(volume.ref))
        storage.cut_volume(volume.ref, SIZE)
        assert (volume, SIZE.bytes) == (storage.find_volume(volume.ref), world.device_size(device))

    def test_cutting_gives_space_back(self, world: StorageWorld) -> None:
        """Twice is once, what is before the cut stays, and a smaller volume stays as it is."""
        storage = _prepared(world)
        volume = storage.ensure_volume(ref(world.new_id()), LARGER, OWNER)
        device = storage.attach(volume.ref)
        world.scribble(device)
        for size in (SIZE, SIZE, LARGER):
            storage.cut_volume(volume.ref, size)
            assert evolve(volume, size=SIZE) == storage.find_volume(volume.ref)
            assert SIZE.bytes == world.device_size(device)
        assert POOL.bytes - SIZE.bytes == storage.pool(DEFAULT_POOL).free
        assert not world.is_blank(device)

    def test_a_missing_volume_is_a_failed_share(self, world: StorageWorld) -> None:
        """No verb makes it on the way."""
        storage = _prepared(world)
        verbs = ["attach", "grow_volume", "cut_volume"]
        assert verbs == _raising(ShareFailed, storage, ABSENT, verbs)
        assert (None, ()) == (storage.find_volume(ABSENT), storage.list(DEFAULT_POOL))

    def test_attaching_twice_is_attaching_once(self, world: StorageWorld) -> None:
        """Each volume has its own device."""
        storage = _prepared(world)
        first, second = (storage.ensure_volume(ref(world.new_id()), SIZE, OWNER).ref for _ in range(2))
        storage.detach(first)
        assert not storage.device(first)
        device = storage.attach(first)
        assert device == storage.attach(first)
        assert device == storage.device(first)
        assert device != storage.attach(second)

    def test_a_volume_keeps_its_device_if_its_pool_is_mounted_again(self, world: StorageWorld) -> None:
        """A second device beside it could corrupt the volume."""
        storage = world.ports.storage
        with world.pool_on_a_disk() as mount_anew:
            storage.prepare(DEFAULT_POOL)
            volume = storage.ensure_volume(ref(world.new_id()), SIZE, OWNER)
            device = storage.attach(volume.ref)
            world.scribble(device)
            mount_anew()
            assert device == storage.attach(volume.ref)
            storage.grow_volume(volume.ref, LARGER)
            assert LARGER.bytes == world.device_size(device)
            for _ in range(2):
                storage.detach(volume.ref)
                assert 0 == world.device_size(device)
            assert not world.is_blank(storage.attach(volume.ref))
            storage.remove_volume(volume.ref)
            assert () == storage.list(DEFAULT_POOL)

    def test_detaching_removes_only_the_device(self, world: StorageWorld) -> None:
        """Also if it or the volume is missing; attached again, the volume holds what it held."""
        storage = _prepared(world)
        volume = storage.ensure_volume(ref(world.new_id()), SIZE, OWNER)
        storage.detach(ABSENT)
        device = storage.attach(volume.ref)
        world.scribble(device)
        for _ in range(2):
            storage.detach(volume.ref)
            assert 0 == world.device_size(device)
        assert not world.is_blank(storage.attach(volume.ref))

    def test_a_volume_in_use_is_neither_detached_nor_removed(self, world: StorageWorld) -> None:
        """Once it is free, it is both."""
        storage = _prepared(world)
        volume = storage.ensure_volume(ref(world.new_id()), SIZE, OWNER)
        device = storage.attach(volume.ref)
        with world.in_use(volume.ref):
            with pytest.raises(BackendFailure):
                storage.detach(volume.ref)
            with pytest.raises(BackendFailure):
                storage.remove_volume(volume.ref)
            assert (volume, SIZE.bytes) == (storage.find_volume(volume.ref), world.device_size(device))
        storage.detach(volume.ref)
        storage.remove_volume(volume.ref)
        assert () == storage.list(DEFAULT_POOL)

    def test_a_removed_volume_is_gone_and_removing_the_absent_succeeds(self, world: StorageWorld) -> None:
        """With its device; others stay; a new volume with its id holds nothing of it."""
        storage = _prepared(world)
        gone, kept = (storage.ensure_volume(ref(world.new_id()), SIZE, OWNER) for _ in range(2))
        device = storage.attach(gone.ref)
        world.scribble(device)
        for _ in range(2):
            storage.remove_volume(gone.ref)
        assert ((kept,), None, 0) == (
            storage.list(DEFAULT_POOL),
            storage.find_volume(gone.ref),
            world.device_size(device),
        )
        storage.ensure_volume(gone.ref, SIZE, OWNER)
        assert world.is_blank(storage.attach(gone.ref))

    @pytest.mark.parametrize("verb", ["detach", "remove_volume"])
    def test_the_device_of_a_lost_volume_is_listed_and_removed(self, world: StorageWorld, verb: str) -> None:
        """The volume is missing although its device exists, which is listed so that somebody removes it."""
        storage = _prepared(world)
        lost, kept = (storage.ensure_volume(ref(world.new_id()), SIZE, OWNER) for _ in range(2))
        storage.attach(kept.ref)
        device = storage.attach(lost.ref)
        world.lose_volume(lost.ref)
        with pytest.raises(ShareFailed):
            storage.attach(lost.ref)
        assert storage.find_volume(lost.ref) is None
        told = lost.ref in {volume.ref for volume in storage.list(DEFAULT_POOL)}
        assert (device if told else None) == storage.device(lost.ref)
        for _ in range(2):
            getattr(storage, verb)(lost.ref)
            assert (0, None) == (world.device_size(device), storage.device(lost.ref))
            assert (kept,) == storage.list(DEFAULT_POOL)
        assert storage.device(kept.ref) is not None


def _raising(
    error: type[Exception], storage: BlockStorage, volume: VolumeRef, verbs: Iterable[str]
) -> list[str]:
    """The names of the verbs that raise that error. In one test, because making a pool takes long."""
    raised = []
    for verb in verbs:
        with suppress(error):
            _NEED_THE_POOL[verb](storage, volume)
            continue
        raised.append(verb)
    return raised


def _prepared(world: StorageWorld) -> BlockStorage:
    storage = world.ports.storage
    storage.prepare(DEFAULT_POOL)
    return storage
