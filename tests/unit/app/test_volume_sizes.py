"""What views say of the volumes of shares, whose sizes a pool rounds up."""

from __future__ import annotations

from attrs import evolve
from tests.unit.world import LARGE, SMALL, World

from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.volume import DEFAULT_POOL
from shares_core.testing import Fault, FaultPlan, Moment


def test_a_share_shows_the_size_of_its_volume() -> None:
    """In every call: create, create again, show, list and extend."""
    world = World.new(granularity=4 * MIB)
    world.host.servers.create("tenant")
    odd, wanted = Capacity(SMALL.bytes + 1), Capacity(2 * SMALL.bytes + 1)
    shares = world.host.shares
    created = shares.create("tenant", "files", odd)
    assert (odd, Capacity(68 * MIB)) == (created.share.capacity, created.volume_size)
    views = [shares.create("tenant", "files", odd), shares.show("tenant", "files"), *shares.list("tenant")]
    assert [created] * 3 == [*views[:2], *shares.list()]
    assert created == views[2] == shares.extend("tenant", "files", odd).share
    extended = shares.extend("tenant", "files", wanted).share
    assert (wanted, Capacity(132 * MIB)) == (extended.share.capacity, extended.volume_size)
    assert (extended,) == shares.list("tenant")
    assert extended == shares.show("tenant", "files")


def test_an_extension_that_grew_before_its_error_returns_the_volume_too() -> None:
    """The answer was lost, not the work."""
    world = World.new(granularity=4 * MIB, online_grow=())
    world.served()
    plan = FaultPlan().on("filesystems.grow_unmounted", Fault(Moment.AFTER))
    wanted = Capacity(2 * SMALL.bytes + 1)
    extended = world.process(plan).shares.extend("tenant", "files", wanted).share
    assert "filesystems.grow_unmounted" in map(str, plan.calls)
    assert (wanted, Capacity(132 * MIB)) == (extended.share.capacity, extended.volume_size)


def test_a_lost_volume_has_no_size(world: World) -> None:
    """The share is still shown and listed, beside one with its volume."""
    world.served()
    world.host.shares.create("tenant", "other", LARGE)
    lost = world.machine.volumes.pop(world.share("tenant", "files").volume.ref)
    assert [None, LARGE] == [view.volume_size for view in world.host.shares.list("tenant")]
    assert world.host.shares.show("tenant", "files").volume_size is None
    world.machine.volumes[world.share("tenant", "files").volume.ref] = lost
    assert SMALL == world.host.shares.show("tenant", "files").volume_size


def test_shares_of_a_missing_pool_are_listed(world: World) -> None:
    """The sizes of their volumes are then not known."""
    world.served()
    whole = world.host.shares.show("tenant", "files")
    world.machine.lost_pools.add(DEFAULT_POOL)
    told = evolve(whole, volume_size=None)
    assert (told, (told,)) == (world.host.shares.show("tenant", "files"), world.host.shares.list())
