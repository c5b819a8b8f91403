from __future__ import annotations

import pytest
from tests.unit.world import LARGE, PASSWORD, RW, SMALL, World

from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.errors import Conflict, InvalidInput, NoCapacity, ShareFailed, SharesError
from shares_core.domain.share import FileSystemKind, ShareStatus
from shares_core.domain.views import ExtendWay
from shares_core.testing import Fault, FaultPlan, Moment, SmbRefused

OFFLINE_ONLY = (FileSystemKind.XFS,)


def serving(**settings: object) -> World:
    world = World.new(**settings)
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.connect("ada").open("files", write=True, name="old").write(b"old data")
    return world


def test_a_share_grows_online_if_the_kernel_allows_it() -> None:
    """Open files stay open, and the new space can be used."""
    world = serving()
    opened = world.connect("ada").open("files", write=True)
    extended = world.host.shares.extend("tenant", "files", LARGE)
    assert (ExtendWay.ONLINE, LARGE) == (extended.way, extended.share.share.capacity)
    opened.write(bytes(2 * SMALL.bytes))


def test_a_share_grows_offline_if_the_kernel_refuses() -> None:
    """Clients are disconnected from this share and find their data when they come back."""
    world = serving(online_grow=OFFLINE_ONLY)
    session = world.connect("ada")
    opened = session.open("files", write=True)
    extended = world.host.shares.extend("tenant", "files", LARGE)
    assert (ExtendWay.OFFLINE, LARGE) == (extended.way, extended.share.share.capacity)
    assert opened.closed
    assert b"old data" == session.open("files", name="old").read()
    session.open("files", write=True).write(bytes(2 * SMALL.bytes))


def test_a_share_of_a_stopped_server_grows_too() -> None:
    """It is not mounted for it."""
    world = serving(online_grow=OFFLINE_ONLY)
    world.host.servers.stop("tenant")
    assert ExtendWay.OFFLINE is world.host.shares.extend("tenant", "files", LARGE).way
    assert (set(), {}) == (world.machine.attached, world.machine.mounts)
    world.host.servers.start("tenant")
    assert b"old data" == world.connect("ada").open("files", name="old").read()


def test_extending_to_the_present_size_changes_nothing() -> None:
    """Twice equals once."""
    world = serving()
    assert ExtendWay.UNCHANGED is world.host.shares.extend("tenant", "files", SMALL).way
    world.host.shares.extend("tenant", "files", LARGE)
    assert ExtendWay.UNCHANGED is world.host.shares.extend("tenant", "files", LARGE).way


def test_a_share_never_shrinks() -> None:
    """Smaller than now is refused, and changes nothing."""
    world = serving()
    with pytest.raises(InvalidInput):
        world.host.shares.extend("tenant", "files", Capacity(SMALL.bytes - 1))
    assert SMALL == world.share("tenant", "files").capacity


def test_a_full_pool_leaves_the_share_as_it_was() -> None:
    """Its clients notice nothing."""
    world = serving(pool_size=Capacity(128 * MIB), online_grow=OFFLINE_ONLY)
    opened = world.connect("ada").open("files", write=True)
    with pytest.raises(NoCapacity):
        world.host.shares.extend("tenant", "files", LARGE)
    opened.write(b"x")
    assert (SMALL, ()) == (world.share("tenant", "files").capacity, world.record("tenant").operations)
    assert SMALL.bytes == world.host.pool.show().provisioned


@pytest.mark.parametrize("more", [1, 4095, 4096, 4097])
def test_an_extension_by_less_than_a_block_has_the_requested_size(more: int) -> None:
    """A pool rounds volumes up: the share may have that space."""
    world = serving()
    odd = Capacity(SMALL.bytes + 1)
    world.host.shares.create("tenant", "odd", odd)
    wanted = Capacity(odd.bytes + more)
    assert wanted == world.host.shares.extend("tenant", "odd", wanted).share.share.capacity
    assert wanted == world.share("tenant", "odd").capacity


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("kinds", [OFFLINE_ONLY, tuple(FileSystemKind)])
def test_a_share_has_its_old_or_its_new_size_whichever_step_fails(
    kinds: tuple[FileSystemKind, ...], moment: Moment
) -> None:
    """For every call of an extension: the data is intact, and the size is new unless there was an error."""
    plan = FaultPlan()
    rehearsal = serving(online_grow=kinds)
    rehearsal.process(plan).shares.extend("tenant", "files", LARGE)
    for number in range(len(plan.calls)):
        world = serving(online_grow=kinds)
        failing = FaultPlan({number: Fault(moment)})
        try:
            world.process(failing).shares.extend("tenant", "files", LARGE)
            failed = False
        except SharesError:
            failed = True
        world.host.fleet.reconcile()
        share = world.share("tenant", "files")
        told = f"{moment} {plan.calls[number]}"
        assert (ShareStatus.READY, ()) == (share.status, world.record("tenant").operations), told
        assert share.capacity in ((SMALL, LARGE) if failed else (LARGE,)), told
        assert share.capacity.bytes == world.host.pool.show().provisioned, told
        session = world.connect("ada")
        assert b"old data" == session.open("files", name="old").read(), told
        if share.capacity == SMALL:
            with pytest.raises(SmbRefused):
                session.open("files", write=True).write(bytes(SMALL.bytes))


@pytest.mark.parametrize("verb", ["storage.grow_volume", "filesystems.grow_unmounted", "filesystems.unmount"])
def test_a_failed_extension_serves_the_old_size_before_it_returns(verb: str) -> None:
    """It needs no reconcile."""
    world = serving(online_grow=OFFLINE_ONLY)
    with pytest.raises(SharesError):
        world.process(FaultPlan().on(verb)).shares.extend("tenant", "files", LARGE)
    assert (SMALL, ()) == (world.share("tenant", "files").capacity, world.record("tenant").operations)
    assert SMALL.bytes == world.host.pool.show().provisioned
    world.connect("ada").open("files", write=True).write(b"x")


def test_a_share_lost_while_growing_does_not_block_its_server() -> None:
    """It fails, and the others go on."""
    world = serving(online_grow=OFFLINE_ONLY)
    world.host.shares.create("tenant", "other", SMALL)
    plan = FaultPlan().on("filesystems.mount", Fault(dies=True))
    with pytest.raises(BaseException, match="died"):
        world.process(plan).shares.extend("tenant", "files", LARGE)
    volume = world.machine.volumes[world.share("tenant", "files").volume.ref]
    assert volume.content is not None
    volume.content = None
    world.host.access.allow("tenant", "other", "ada")
    world.host.fleet.reconcile()
    assert ShareStatus.FAILED is world.share("tenant", "files").status
    world.host.servers.delete("tenant", with_shares=True)
    assert {} == world.leftovers()


def test_a_share_that_cannot_be_mounted_after_growing_does_not_block_its_server() -> None:
    """It fails, the next call for another share works, and a later start finds it whole."""
    world = serving(online_grow=OFFLINE_ONLY)
    world.host.shares.create("tenant", "other", SMALL)
    plan = FaultPlan().on("filesystems.mount", Fault(error=ShareFailed("its log is dirty")), times=None)
    with pytest.raises(ShareFailed, match="its log is dirty"):
        world.process(plan).shares.extend("tenant", "files", LARGE)
    world.process(plan).access.allow("tenant", "other", "ada", RW)
    assert (ShareStatus.FAILED, LARGE) == (
        world.share("tenant", "files").status,
        world.share("tenant", "files").capacity,
    )
    assert {("other", "ada"): RW} == world.admitted()
    world.host.servers.start("tenant")
    assert b"old data" == world.connect("ada").open("files", name="old").read()


@pytest.mark.parametrize("settling", ["filesystems.size", "storage.cut_volume"])
def test_an_extension_that_could_not_be_recovered_at_once_is_recovered_later(settling: str) -> None:
    """Whichever size results, record, volume and file system agree once the host is well again."""
    world = serving(online_grow=OFFLINE_ONLY)
    verb = "filesystems.mount" if settling == "filesystems.size" else "filesystems.unmount"
    with pytest.raises(BaseException, match="died"):
        world.process(FaultPlan().on(verb, Fault(dies=True))).shares.extend("tenant", "files", LARGE)
    world.process(FaultPlan().on(settling)).fleet.reconcile()
    world.host.fleet.reconcile()
    share = world.share("tenant", "files")
    volume = world.machine.volumes[share.volume.ref]
    assert volume.content is not None
    assert share.capacity.bytes == volume.size == volume.content.reach


def test_an_extension_that_may_disconnect_nobody_is_refused() -> None:
    """If the kernel does not grow the mounted file system: everything is as before, and clients go on."""
    world = serving(online_grow=OFFLINE_ONLY)
    opened = world.connect("ada").open("files", write=True)
    before = world.share("tenant", "files")
    with pytest.raises(Conflict, match="cannot grow while clients use it"):
        world.host.shares.extend("tenant", "files", LARGE, online_only=True)
    assert before == world.share("tenant", "files")
    assert before.capacity.bytes == world.machine.volumes[before.volume.ref].size
    opened.write(b"still here")
    assert world.host.fleet.reconcile().is_empty


def test_an_extension_that_may_disconnect_nobody_grows_online() -> None:
    """If the kernel allows it."""
    view = serving().host.shares.extend("tenant", "files", LARGE, online_only=True)
    assert (ExtendWay.ONLINE, LARGE) == (view.way, view.share.share.capacity)
