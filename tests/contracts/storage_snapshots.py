"""How every pool of volumes takes snapshots: without copying, or by a copy."""

from __future__ import annotations

import pytest

from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.errors import Cancelled, NoCapacity, ShareFailed
from shares_core.domain.volume import DEFAULT_POOL
from shares_core.ports.storage import Volume
from tests.contracts.storage_world import StorageWorld
from tests.contracts.values import ABSENT, OWNER, ref

_SIZE = Capacity(32 * MIB)


class StorageSnapshots:
    """The part of the suite about snapshots."""

    @pytest.fixture
    def origin(self, world: StorageWorld) -> Volume:
        """A volume with something on it."""
        world.ports.storage.prepare(DEFAULT_POOL)
        volume = world.ports.storage.ensure_volume(ref(world.new_id()), _SIZE, OWNER)
        world.scribble(world.ports.storage.attach(volume.ref))
        return volume

    def test_a_snapshot_holds_what_its_origin_held(self, world: StorageWorld, origin: Volume) -> None:
        """Twice is once. It has the same size, counts in full, and outlives its origin."""
        storage, new = world.ports.storage, ref(world.new_id())
        way = world.snapshot_way
        assert (way, way) == (storage.snapshot_way(DEFAULT_POOL), storage.pool(DEFAULT_POOL).snapshots)
        before = storage.pool(DEFAULT_POOL)
        made = storage.snapshot_volume(origin.ref, new, OWNER, None)
        assert (new, origin.size) == (made.ref, made.size)
        assert made == storage.snapshot_volume(origin.ref, new, OWNER, None)
        after = storage.pool(DEFAULT_POOL)
        assert after.provisioned - before.provisioned == made.size.bytes
        assert before.free - after.free >= made.size.bytes
        assert {origin.ref, new} == {volume.ref for volume in storage.list(DEFAULT_POOL)}
        storage.remove_volume(origin.ref)
        assert not world.is_blank(storage.attach(new))

    def test_a_volume_and_its_snapshot_do_not_see_each_others_changes(
        self, world: StorageWorld, origin: Volume
    ) -> None:
        """A snapshot of an empty volume stays empty when the volume is written to, and the reverse."""
        storage = world.ports.storage
        empty = storage.ensure_volume(ref(world.new_id()), _SIZE, OWNER)
        first, second = ref(world.new_id()), ref(world.new_id())
        storage.snapshot_volume(empty.ref, first, OWNER, None)
        storage.copy_volume(empty.ref, second, OWNER)
        world.scribble(storage.attach(empty.ref))
        assert world.is_blank(storage.attach(first))
        world.scribble(storage.attach(first))
        assert world.is_blank(storage.attach(second))
        assert origin.size == storage.grow_volume(second, _SIZE).size

    def test_a_snapshot_that_cannot_be_taken_leaves_nothing(
        self, world: StorageWorld, origin: Volume
    ) -> None:
        """Without an origin, and without the room for its promise."""
        storage, new = world.ports.storage, ref(world.new_id())
        with pytest.raises(ShareFailed):
            storage.snapshot_volume(ABSENT, new, OWNER, None)
        free = storage.pool(DEFAULT_POOL).free
        filler = storage.ensure_volume(ref(world.new_id()), Capacity(free - 16 * MIB), OWNER)
        with pytest.raises(NoCapacity):
            storage.snapshot_volume(origin.ref, new, OWNER, None)
        assert {origin.ref, filler.ref} == {volume.ref for volume in storage.list(DEFAULT_POOL)}
        assert storage.find_volume(new) is None

    def test_a_copy_tells_how_far_it_is_and_can_be_stopped(self, world: StorageWorld, origin: Volume) -> None:
        """Then it is no volume, and what it left is removed with it."""
        storage, new, stopped = world.ports.storage, ref(world.new_id()), ref(world.new_id())
        told: list[tuple[int, int]] = []
        storage.snapshot_volume(origin.ref, new, OWNER, None, lambda *parts: told.append(parts))
        assert bool(told) is world.snapshot_way.copies
        assert sorted(told) == told
        assert {origin.size.bytes} >= {total for _, total in told}
        if not world.snapshot_way.copies:
            return
        before = storage.pool(DEFAULT_POOL)

        def stop(done: int, total: int) -> None:
            raise Cancelled("somebody has cancelled it")

        with pytest.raises(Cancelled):
            storage.snapshot_volume(origin.ref, stopped, OWNER, None, stop)
        assert storage.find_volume(stopped) is None
        assert {origin.ref, new} == {volume.ref for volume in storage.list(DEFAULT_POOL)}
        storage.remove_volume(stopped)
        assert before == storage.pool(DEFAULT_POOL)

    def test_a_copy_whose_process_was_killed_is_no_volume(self, world: StorageWorld, origin: Volume) -> None:
        """What it left is removed with it, and can be made anew."""
        storage, new = world.ports.storage, ref(world.new_id())
        if not world.snapshot_way.copies:
            return
        before = storage.pool(DEFAULT_POOL)
        world.half_copied_volume(origin.ref, new)
        assert storage.find_volume(new) is None
        assert (origin,) == storage.list(DEFAULT_POOL)
        storage.remove_volume(new)
        assert before == storage.pool(DEFAULT_POOL)
        assert new == storage.snapshot_volume(origin.ref, new, OWNER, None).ref
        assert not world.is_blank(storage.attach(new))
