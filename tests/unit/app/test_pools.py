"""Shares in several pools."""

from __future__ import annotations

import pytest
from attrs import evolve
from tests.unit.world import LARGE, PASSWORD, RW, SMALL, World

from shares_core.domain.errors import AlreadyExists, HostNotReady, InvalidInput, NoCapacity, NotFound
from shares_core.domain.share import ShareStatus
from shares_core.domain.views import Orphan, OrphanKind
from shares_core.domain.volume import DEFAULT_POOL, PoolName, VolumeRef
from shares_core.testing.state import MemoryVolume

FAST = PoolName("fast")


@pytest.fixture
def world() -> World:
    """A server with a share in each of two pools, both writable for one user."""
    world = World.new(pools=(DEFAULT_POOL, FAST))
    world.served(share="usual")
    world.host.shares.create("tenant", "quick", SMALL, pool="fast")
    for share in ("usual", "quick"):
        world.host.access.allow("tenant", share, "ada", RW, PASSWORD)
    return world


def served(world: World) -> set[str]:
    """The shares that the user can open."""
    return {share for share, _ in world.admitted()}


def test_a_share_is_made_in_the_pool_that_is_named(world: World) -> None:
    """Without a name, in the default one; both are served."""
    pools = [world.share("tenant", share).volume.pool for share in ("usual", "quick")]
    assert [DEFAULT_POOL, FAST] == pools
    assert {"usual", "quick"} == served(world)
    assert [(DEFAULT_POOL, SMALL.bytes), (FAST, SMALL.bytes)] == [
        (listed.name, listed.view.provisioned) for listed in world.host.pool.list() if listed.view
    ]


def test_making_a_share_again_fits_only_in_the_same_pool(world: World) -> None:
    """A share stays in its pool."""
    again = world.host.shares.create("tenant", "quick", SMALL, pool="fast")
    assert world.share("tenant", "quick") == again.share
    for share, pool in (("quick", "default"), ("usual", "fast")):
        with pytest.raises(AlreadyExists, match=f"not in {pool}"):
            world.host.shares.create("tenant", share, SMALL, pool=pool)


def test_a_pool_that_is_not_configured_is_not_found(world: World) -> None:
    """The error lists those that are; nothing is made."""
    before = world.record("tenant")
    for ask in (
        lambda: world.host.shares.create("tenant", "new", SMALL, pool="slow"),
        lambda: world.host.pool.show("slow"),
    ):
        with pytest.raises(NotFound, match="slow") as told:
            ask()
        assert "default, fast" in told.value.hint
    for wrong in ("", "a b", 7):
        with pytest.raises(InvalidInput):
            world.host.shares.create("tenant", "new", SMALL, pool=wrong)  # type: ignore[arg-type]
    assert before == world.record("tenant")


def test_each_pool_has_its_own_space(world: World) -> None:
    """A share that does not fit one pool fits the other."""
    small = World.new(pools=(DEFAULT_POOL, FAST), pool_size=LARGE)
    small.served(size=LARGE)
    with pytest.raises(NoCapacity):
        small.host.shares.create("tenant", "new", SMALL)
    assert FAST == small.host.shares.create("tenant", "new", SMALL, pool="fast").share.volume.pool


@pytest.mark.parametrize("how", ["lost", "removed"])
def test_a_missing_pool_fails_only_its_own_shares(world: World, how: str) -> None:
    """After a reboot, say. They name the pool; once it is back, so are they."""
    machine = world.machine
    machine.reboot()
    if how == "lost":
        machine.lost_pools.add(FAST)
    else:
        machine.pools = (DEFAULT_POOL,)
    world.host.fleet.reconcile()
    assert {"usual"} == served(world)
    world.connect("ada").open("usual", write=True).write(b"x")
    failed = world.share("tenant", "quick")
    assert ShareStatus.FAILED is failed.status
    assert "fast" in failed.reason
    with pytest.raises(HostNotReady, match="fast"):
        world.host.shares.delete("tenant", "quick")
    world.host.shares.create("tenant", "new", SMALL)
    machine.pools, machine.lost_pools = (DEFAULT_POOL, FAST), set()
    world.host.fleet.reconcile()
    assert {"usual", "quick"} == served(world)
    assert world.host.fleet.reconcile().is_empty


def test_a_server_is_stopped_and_started_although_one_of_its_pools_is_missing(world: World) -> None:
    """Nothing of the other pool stays attached; what cannot be detached is reported."""
    world.machine.pools = (DEFAULT_POOL,)
    world.host.servers.stop("tenant")
    assert {} == world.machine.containers
    assert {FAST} == {ref.pool for ref in world.machine.attached}
    assert [True] == [bool(view.found) for view in world.host.fleet.reconcile(dry_run=True).servers]
    world.host.servers.start("tenant")
    assert {"usual"} == served(world)
    world.machine.pools = (DEFAULT_POOL, FAST)
    world.host.fleet.reconcile()
    assert {"usual", "quick"} == served(world)


def test_orphans_are_found_in_every_pool_and_removed_from_it(world: World) -> None:
    """The same id in two pools means two volumes."""
    strays = [VolumeRef(pool, "f" * 12) for pool in (DEFAULT_POOL, FAST)]
    for stray in strays:
        world.machine.volumes[stray] = MemoryVolume(4096)
    expected = tuple(Orphan(OrphanKind.VOLUME, str(stray)) for stray in strays)
    assert ("default/ffffffffffff", "fast/ffffffffffff") == tuple(orphan.name for orphan in expected)
    assert expected == world.host.fleet.reconcile(dry_run=True).orphans
    first, second = world.host.fleet.reconcile(remove_orphans=expected[1:]).orphans
    assert (expected[0], evolve(expected[1], removed=True)) == (first, second)
    assert (True, False) == tuple(stray in world.machine.volumes for stray in strays)


def test_a_missing_pool_hides_no_orphan_of_another(world: World) -> None:
    """It has none itself, because its content is not known."""
    stray = VolumeRef(FAST, "f" * 12)
    world.machine.volumes[stray] = MemoryVolume(4096)
    world.machine.lost_pools.add(DEFAULT_POOL)
    assert (Orphan(OrphanKind.VOLUME, str(stray)),) == world.host.fleet.reconcile(dry_run=True).orphans
