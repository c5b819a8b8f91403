"""An interrupted extension: nothing is cut, and nothing is served before it is whole."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from attrs import evolve
from tests.unit.app.test_extend import OFFLINE_ONLY, serving
from tests.unit.world import LARGE, NETWORK, RW, SMALL, World

from shares_core.bootstrap import host
from shares_core.domain.capacity import GIB, MIB, Capacity
from shares_core.domain.errors import BackendFailure, NoCapacity, ShareFailed, SharesError
from shares_core.domain.share import FileSystemKind, ShareStatus
from shares_core.testing import Call, Fault, FaultPlan, Moment, memory_ports
from shares_core.testing.state import Condition


def set_aside() -> World:
    """A share whose extension failed twice."""
    world = serving(online_grow=OFFLINE_ONLY)
    half = Fault(Moment.HALFWAY, error=BackendFailure("no"), step=2)
    process = world.process(FaultPlan().on("filesystems.grow_unmounted", half, times=None))
    with pytest.raises(SharesError):
        process.shares.extend("tenant", "files", LARGE)
    with pytest.raises(SharesError):
        process.access.allow("tenant", "files", "ada")
    assert ShareStatus.FAILED is world.share("tenant", "files").status
    return world


@pytest.mark.parametrize("step", [1, 2])
def test_a_killed_growing_is_made_whole_before_the_share_is_served(step: int) -> None:
    """If it had begun to grow, it is carried on to the end."""
    world = serving(online_grow=OFFLINE_ONLY)
    killed = Fault(Moment.HALFWAY, dies=True, step=step)
    with pytest.raises(BaseException, match="died"):
        world.process(FaultPlan().on("filesystems.grow_unmounted", killed)).shares.extend(
            "tenant", "files", LARGE
        )
    assert Condition.TORN is world.content().condition
    assert [""] == [view.problem for view in world.host.fleet.reconcile().servers]
    assert Condition.WHOLE is world.content().condition
    capacity = SMALL if step == 1 else LARGE
    assert (capacity, capacity.bytes) == (world.share("tenant", "files").capacity, world.content().reach)
    assert b"old data" == world.connect("ada").open("files", name="old").read()


@pytest.mark.parametrize("dies", [True, False])
def test_a_half_done_online_growing_is_carried_on(dies: bool) -> None:
    """The share never claims to be larger than its file system."""
    world = serving(online_grow=tuple(FileSystemKind))
    plan = FaultPlan().on("filesystems.grow_mounted", Fault(Moment.HALFWAY, dies=dies))
    with pytest.raises(BaseException, match="died") if dies else nullcontext():
        world.process(plan).shares.extend("tenant", "files", LARGE)
    world.host.fleet.reconcile()
    assert (LARGE, LARGE.bytes) == (world.share("tenant", "files").capacity, world.content().reach)


def test_a_share_that_needs_a_repair_is_neither_served_nor_cut() -> None:
    """It fails, with its volume as it was left."""
    world = serving(online_grow=OFFLINE_ONLY)
    plan = FaultPlan().on("filesystems.grow_unmounted", Fault(Moment.HALFWAY, dies=True))
    with pytest.raises(BaseException, match="died"):
        world.process(plan).shares.extend("tenant", "files", LARGE)
    world.content().condition = Condition.RUINED
    world.host.fleet.reconcile()
    assert ShareStatus.FAILED is world.share("tenant", "files").status
    assert {} == world.machine.mounts
    assert LARGE.bytes == world.host.pool.show().provisioned
    world.content().condition = Condition.WHOLE
    assert "" == world.host.shares.check("tenant", "files").damage
    world.host.fleet.reconcile()
    assert (ShareStatus.READY, SMALL) == (
        world.share("tenant", "files").status,
        world.share("tenant", "files").capacity,
    )


def test_a_record_from_before_an_extension_cuts_nothing_off() -> None:
    """A record from a backup has a smaller size than the volume."""
    world = serving()
    former = world.record("tenant")
    world.host.shares.extend("tenant", "files", LARGE)
    world.machine.records[former.id] = former
    with pytest.raises(NoCapacity):
        world.host.shares.extend("tenant", "files", Capacity(1024 * GIB))
    assert LARGE.bytes == world.content().reach == world.host.pool.show().provisioned
    world.host.shares.extend("tenant", "files", LARGE)
    assert LARGE == world.share("tenant", "files").capacity
    world.host.servers.stop("tenant")
    world.host.servers.start("tenant")
    assert b"old data" == world.connect("ada").open("files", name="old").read()


def test_a_half_grown_share_is_not_served() -> None:
    """The next call leaves it failed; once the host is well, a start finishes it."""
    world = set_aside()
    world.host.servers.start("tenant")
    assert (LARGE, LARGE.bytes) == (world.share("tenant", "files").capacity, world.content().reach)
    assert b"old data" == world.connect("ada").open("files", name="old").read()


def test_a_mounted_share_is_served_as_far_as_it_grew() -> None:
    """Even if growing it further fails, because it is whole. The next try completes it."""
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
    assert share.capacity.bytes == world.content().reach == world.host.pool.show().provisioned
    world.host.shares.extend("tenant", "files", LARGE)
    assert LARGE.bytes == world.content().reach


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.HALFWAY])
def test_no_volume_is_cut_while_a_killed_callers_command_may_be_at_work(moment: Moment) -> None:
    """The command that grows a mounted file system outlives its caller, and keeps the mount in use.

    Meanwhile the share has failed, and the server's other shares go on.
    """
    world = serving(online_grow=tuple(FileSystemKind))
    world.host.shares.create("tenant", "other", SMALL)
    with pytest.raises(BaseException, match="died"):
        world.process(FaultPlan().on("filesystems.grow_mounted", Fault(moment, dies=True))).shares.extend(
            "tenant", "files", LARGE
        )
    busy = Fault(Moment.BEFORE, error=BackendFailure("it is in use"))
    plan = FaultPlan()
    for verb in ("unmount", "grow_mounted"):
        plan.on(f"filesystems.{verb}", busy, times=None)
    for _ in range(2):
        world.process(plan).access.allow("tenant", "other", "ada")
        world.process(plan).fleet.reconcile()
        share = world.share("tenant", "files")
        assert (ShareStatus.FAILED, True) == (share.status, share.operation is not None)
        assert LARGE.bytes + SMALL.bytes == world.host.pool.show().provisioned
    world.content().reach = LARGE.bytes  # the command has ended
    world.host.fleet.reconcile()
    assert (LARGE, ShareStatus.READY) == (
        world.share("tenant", "files").capacity,
        world.share("tenant", "files").status,
    )
    assert b"old data" == world.connect("ada").open("files", name="old").read()


def test_a_failed_share_that_is_deleted_does_not_come_back() -> None:
    """Even if its volume cannot be removed for long: deleting only goes forward."""
    world = set_aside()
    held = FaultPlan().on("storage.remove_volume", Fault(error=BackendFailure("in use")), times=None)
    with pytest.raises(BackendFailure, match="in use"):
        world.process(held).shares.delete("tenant", "files")
    for _ in range(3):
        world.process(held).fleet.reconcile()
        assert ShareStatus.DELETING is world.share("tenant", "files").status
        assert {} == world.admitted()
    world.host.fleet.reconcile()
    assert () == world.record("tenant").shares


def test_a_stuck_delete_does_not_keep_another_share_down() -> None:
    """An extension on the same server is still finished, and the error is raised."""
    world = set_aside()
    world.host.shares.create("tenant", "a", SMALL)
    stuck = world.share("tenant", "a").volume.ref

    def held(call: Call, proceed: Callable[[], Any]) -> Any:
        if str(call) == "storage.remove_volume" and call.args[0] == stuck:
            raise BackendFailure("in use")
        return proceed()

    process = host(memory_ports(world.machine, faults=held), NETWORK)
    with pytest.raises(BackendFailure, match="in use"):
        process.shares.delete("tenant", "a")
    record = world.record("tenant")
    first = next(share for share in record.shares if share.volume.ref == stuck)
    others = [share for share in record.shares if share is not first]
    world.machine.records[record.id] = evolve(record, shares=(first, *others))
    (view,) = process.fleet.reconcile().servers
    assert "in use" in view.problem
    assert ShareStatus.READY is world.share("tenant", "files").status
    assert {("files", "ada"): RW} == world.admitted()


def test_a_larger_volume_does_not_stand_for_a_grown_file_system() -> None:
    """It has whole extents, or was grown by hand: if growing fails, the share has its file system's size."""
    world = serving(online_grow=tuple(FileSystemKind), granularity=4 * MIB)
    world.machine.volumes[world.share("tenant", "files").volume.ref].size = LARGE.bytes
    wanted = Capacity(SMALL.bytes + MIB)
    plan = FaultPlan().on("filesystems.grow_mounted", Fault(error=BackendFailure("no")), times=None)
    with pytest.raises(BackendFailure):
        world.process(plan).shares.extend("tenant", "files", wanted)
    assert SMALL == world.share("tenant", "files").capacity
    died = FaultPlan().on("filesystems.grow_mounted", Fault(dies=True))
    with pytest.raises(BaseException, match="died"):
        world.process(died).shares.extend("tenant", "files", wanted)
    world.host.fleet.reconcile()
    assert SMALL == world.share("tenant", "files").capacity
    world.host.shares.extend("tenant", "files", wanted)
    assert world.content().reach >= wanted.bytes


@pytest.mark.parametrize("found", ["unreadable", "damaged"])
def test_a_share_that_fails_while_extending_is_withdrawn(found: str) -> None:
    """Also from connected clients: their writes would be lost, or make it worse."""
    world = serving(online_grow=tuple(FileSystemKind))
    opened = world.connect("ada").open("files", write=True)

    def failing(call: Call, proceed: Callable[[], Any]) -> Any:
        if str(call) == "filesystems.grow_mounted":
            if found == "damaged":
                world.content().condition = Condition.RUINED
            raise BackendFailure("no")
        if found == "unreadable" and str(call) == "filesystems.size":
            raise ShareFailed("it holds nothing that can be read")
        return proceed()

    with pytest.raises(SharesError):
        host(memory_ports(world.machine, faults=failing), NETWORK).shares.extend("tenant", "files", LARGE)
    share = world.share("tenant", "files")
    assert (ShareStatus.FAILED, found == "damaged") == (share.status, share.damaged)
    assert {} == world.admitted()
    assert opened.closed
