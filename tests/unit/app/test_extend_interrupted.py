"""An extension that is broken off: nothing is cut, and nothing is served before it is whole."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from tests.unit.app.test_extend import OFFLINE_ONLY, serving
from tests.unit.world import LARGE, SMALL, World

from shares_core.adapters.memory import Fault, FaultPlan, Moment
from shares_core.adapters.memory.state import Condition, MemoryFileSystem
from shares_core.domain.capacity import GIB, Capacity
from shares_core.domain.errors import BackendFailure, NoCapacity, SharesError
from shares_core.domain.share import FileSystemKind, ShareStatus


def content(world: World) -> MemoryFileSystem:
    found = world.machine.volumes[world.share("tenant", "files").volume_id].content
    assert found is not None
    return found


@pytest.mark.parametrize("step", [1, 2])
def test_a_growing_that_was_killed_is_made_whole_before_it_is_served(step: int) -> None:
    """Also where it had begun to get larger: then it is carried on to the end."""
    world = serving(online_grow=OFFLINE_ONLY)
    killed = Fault(Moment.HALFWAY, dies=True, step=step)
    with pytest.raises(BaseException, match="died"):
        world.process(FaultPlan().on("filesystems.grow_unmounted", killed)).shares.extend(
            "tenant", "files", LARGE
        )
    assert Condition.TORN is content(world).condition
    assert [""] == [view.problem for view in world.host.fleet.reconcile().servers]
    assert Condition.WHOLE is content(world).condition
    capacity = SMALL if step == 1 else LARGE
    assert (capacity, capacity.bytes) == (world.share("tenant", "files").capacity, content(world).reach)
    assert b"old data" == world.connect("ada").open("files", name="old").read()


@pytest.mark.parametrize("dies", [True, False])
def test_an_online_growing_that_came_half_the_way_is_carried_on(dies: bool) -> None:
    """The share is never said to be larger than its file system."""
    world = serving(online_grow=tuple(FileSystemKind))
    plan = FaultPlan().on("filesystems.grow_mounted", Fault(Moment.HALFWAY, dies=dies))
    with pytest.raises(BaseException, match="died") if dies else nullcontext():
        world.process(plan).shares.extend("tenant", "files", LARGE)
    world.host.fleet.reconcile()
    assert (LARGE, LARGE.bytes) == (world.share("tenant", "files").capacity, content(world).reach)


def test_what_a_person_has_to_repair_is_not_served_and_not_cut() -> None:
    """It is failed, with its volume as it was left."""
    world = serving(online_grow=OFFLINE_ONLY)
    plan = FaultPlan().on("filesystems.grow_unmounted", Fault(Moment.HALFWAY, dies=True))
    with pytest.raises(BaseException, match="died"):
        world.process(plan).shares.extend("tenant", "files", LARGE)
    content(world).condition = Condition.RUINED
    world.host.fleet.reconcile()
    assert ShareStatus.FAILED is world.share("tenant", "files").status
    assert {} == world.machine.mounts
    assert LARGE.bytes == world.host.pool.show().provisioned
    content(world).condition = Condition.WHOLE
    assert "" == world.host.shares.check("tenant", "files").damage
    world.host.fleet.reconcile()
    assert (ShareStatus.READY, SMALL) == (
        world.share("tenant", "files").status,
        world.share("tenant", "files").capacity,
    )


def test_a_record_from_before_an_extension_cuts_nothing_off() -> None:
    """A record that was restored from a backup knows a smaller size than the volume has."""
    world = serving()
    former = world.record("tenant")
    world.host.shares.extend("tenant", "files", LARGE)
    world.machine.records[former.id] = former
    with pytest.raises(NoCapacity):
        world.host.shares.extend("tenant", "files", Capacity(1024 * GIB))
    assert LARGE.bytes == content(world).reach == world.host.pool.show().provisioned
    world.host.shares.extend("tenant", "files", LARGE)
    assert LARGE == world.share("tenant", "files").capacity
    world.host.servers.stop("tenant")
    world.host.servers.start("tenant")
    assert b"old data" == world.connect("ada").open("files", name="old").read()


def test_a_growing_that_cannot_be_carried_on_is_not_served_half_the_way() -> None:
    """The next call sets the share aside; once the host is well, a start finishes it."""
    world = serving(online_grow=OFFLINE_ONLY)
    half = Fault(Moment.HALFWAY, error=BackendFailure("no"), step=2)
    plan = FaultPlan().on("filesystems.grow_unmounted", half, times=None)
    with pytest.raises(SharesError):
        world.process(plan).shares.extend("tenant", "files", LARGE)
    with pytest.raises(SharesError):
        world.process(plan).access.allow("tenant", "files", "ada")
    assert ShareStatus.FAILED is world.share("tenant", "files").status
    world.host.servers.start("tenant")
    assert (LARGE, LARGE.bytes) == (world.share("tenant", "files").capacity, content(world).reach)
    assert b"old data" == world.connect("ada").open("files", name="old").read()


def test_what_is_mounted_is_served_as_far_as_it_grew() -> None:
    """Although growing it on fails: it is whole. Asked again, it grows to its end."""
    world = serving(online_grow=tuple(FileSystemKind))
    half = Fault(Moment.HALFWAY, error=BackendFailure("no"))
    before = Fault(Moment.BEFORE, error=BackendFailure("no"))
    plan = FaultPlan().on("filesystems.grow_mounted", half).on("filesystems.grow_mounted", before, times=None)
    opened = world.connect("ada").open("files", write=True)
    with pytest.raises(BackendFailure):
        world.process(plan).shares.extend("tenant", "files", LARGE)
    opened.write(b"x")
    share = world.share("tenant", "files")
    assert SMALL < share.capacity < LARGE
    assert ShareStatus.READY is share.status
    assert share.capacity.bytes == content(world).reach == world.host.pool.show().provisioned
    world.host.shares.extend("tenant", "files", LARGE)
    assert LARGE.bytes == content(world).reach
