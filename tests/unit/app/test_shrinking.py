"""Shrinking shares."""

from __future__ import annotations

from contextlib import suppress

import pytest
from tests.unit.app.test_crashes import populated
from tests.unit.app.use_cases import SMALLER, files, has
from tests.unit.world import PASSWORD, RW, SMALL, World

from shares_core.app.operations.shrink_share import ShrinkShare
from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.errors import Conflict, InvalidInput, NoCapacity, ShareDamaged, WouldLoseData
from shares_core.domain.options import TimeMachine
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.share import FileSystemKind, ShareStatus
from shares_core.testing import Fault, FaultPlan, Moment, ProcessDied
from shares_core.testing.state import Condition


@pytest.fixture
def world() -> World:
    """A share with a file."""
    world = populated()
    files(world).files["kept"] = b"kept"
    return world


def test_a_share_gets_smaller_and_keeps_all_that_it_has(world: World) -> None:
    """Its files, rules, options and snapshots; only the pool has more room."""
    world.host.snapshots.create("tenant", "files", "before")
    free = world.host.pool.show().free
    view = world.host.shares.shrink("tenant", "files", SMALLER)
    assert (SMALLER, SMALLER.bytes) == (view.share.capacity, view.volume_size and view.volume_size.bytes)
    assert free + SMALL.bytes - SMALLER.bytes == world.host.pool.show().free
    assert (b"kept", RW) == (files(world).files["kept"], has(world, "files", "ada"))
    assert [SMALL] == [each.capacity for each in view.share.snapshots]
    assert world.host.fleet.reconcile().is_empty
    world.host.snapshots.revert("tenant", "files", "before")
    assert SMALL == world.share("tenant", "files").capacity


def test_what_does_not_fit_disconnects_nobody(world: World) -> None:
    """The error says how much the share holds."""
    files(world).files["large"] = bytes(40 * MIB)
    opened = world.connect("ada", PASSWORD).open("files")
    before = dict(world.machine.records)
    with pytest.raises(WouldLoseData, match="holds 40") as told:
        world.host.shares.shrink("tenant", "files", SMALLER)
    assert (True, False) == (told.value.needed > 40 * MIB, opened.closed)
    assert before == world.machine.records


def test_what_the_file_system_cannot_do_changes_nothing(world: World) -> None:
    """If it is found out when nobody uses it; then the share is served as before."""
    world.host.servers.stop("tenant")  # nobody can tell how much is used
    files(world).files["large"] = bytes(40 * MIB)
    before = set(world.machine.volumes)
    with pytest.raises(WouldLoseData):
        world.host.shares.shrink("tenant", "files", SMALLER)
    assert (before, SMALL) == (set(world.machine.volumes), world.share("tenant", "files").capacity)
    world.host.servers.start("tenant")
    assert RW is has(world, "files", "ada")


@pytest.mark.parametrize(
    ("capacity", "error"),
    [(Capacity(128 * MIB), InvalidInput), (Capacity(8 * MIB), InvalidInput), ("32MiB", InvalidInput)],
)
def test_sizes_that_are_none_for_shrinking_change_nothing(
    world: World, capacity: Capacity, error: type[Exception]
) -> None:
    before = dict(world.machine.records)
    with pytest.raises(error):
        world.host.shares.shrink("tenant", "files", capacity)
    assert before == world.machine.records


def test_its_own_size_disconnects_nobody(world: World) -> None:
    opened = world.connect("ada", PASSWORD).open("files")
    world.host.shares.shrink("tenant", "files", SMALL)
    assert not opened.closed


def test_a_share_whose_options_need_its_size_is_not_shrunk(world: World) -> None:
    world.host.shares.set("tenant", "files", time_machine=TimeMachine(Capacity(48 * MIB)))
    with pytest.raises(InvalidInput):
        world.host.shares.shrink("tenant", "files", SMALLER)


def test_an_xfs_cannot_shrink(world: World) -> None:
    world.host.shares.create("tenant", "large", Capacity(400 * MIB), FileSystemKind.XFS)
    with pytest.raises(Conflict, match="an xfs, which cannot shrink"):
        world.host.shares.shrink("tenant", "large", Capacity(300 * MIB))
    world.host.shares.shrink("tenant", "large", Capacity(400 * MIB))


def test_the_pool_has_to_hold_both_sizes_for_a_moment(world: World) -> None:
    """Otherwise the share stays as it is."""
    world.machine.pool_size = Capacity(sum(volume.size for volume in world.machine.volumes.values()))
    with pytest.raises(NoCapacity):
        world.host.shares.shrink("tenant", "files", SMALLER)
    assert ShareStatus.READY is world.share("tenant", "files").status
    assert RW is has(world, "files", "ada")


def test_nothing_is_copied_unasked(world: World) -> None:
    world.machine.snapshot_way = SnapshotWay.COPYING_READ_ONLY
    with pytest.raises(Conflict, match="have to be copied"):
        world.host.shares.shrink("tenant", "files", SMALLER)
    world.host.shares.shrink("tenant", "files", SMALLER, copy=True)
    assert SMALLER == world.share("tenant", "files").capacity


def test_damage_that_shrinking_finds_is_the_shares_own(world: World) -> None:
    """It is not served again before somebody has looked at it."""
    files(world).condition = Condition.RUINED
    before = set(world.machine.volumes)
    with pytest.raises(ShareDamaged):
        world.host.shares.shrink("tenant", "files", SMALLER)
    assert (True, before) == (world.share("tenant", "files").damaged, set(world.machine.volumes))
    assert has(world, "files", "ada") is None


@pytest.mark.parametrize("complete", [True, False])
def test_a_record_from_before_a_shrink_ended_believes_only_a_complete_copy(
    world: World, complete: bool
) -> None:
    """The record is restored from a copy that was made while the share was being shrunk."""
    plan = FaultPlan().on("storage.cut_volume", Fault(Moment.AFTER, dies=True))
    with suppress(ProcessDied):
        world.process(plan).shares.shrink("tenant", "files", SMALLER)
    operation = world.share("tenant", "files").operation
    assert isinstance(operation, ShrinkShare)
    del world.machine.volumes[operation.former]
    world.machine.attached.discard(operation.former)
    copy = world.machine.volumes[operation.new].content
    assert copy is not None
    copy.condition = Condition.WHOLE if complete else Condition.RUINED
    world.host.fleet.reconcile()
    assert operation.new in world.machine.volumes
    assert (RW if complete else None) is has(world, "files", "ada")
    assert complete is (world.share("tenant", "files").capacity == SMALLER)
