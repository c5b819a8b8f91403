from __future__ import annotations

import pytest
from tests.unit.world import LARGE, PASSWORD, RW, SMALL, World

from shares_core.domain.capacity import GIB, MIB, Capacity
from shares_core.domain.errors import (
    AlreadyExists,
    BackendFailure,
    HostNotReady,
    InvalidInput,
    NoCapacity,
    NotFound,
    ShareFailed,
    SharesError,
)
from shares_core.domain.share import FileSystemKind, ShareStatus
from shares_core.domain.views import RunState
from shares_core.domain.volume import DEFAULT_POOL
from shares_core.testing import Fault, FaultPlan, Moment, ProcessDied, SmbRefused
from shares_core.testing.clients import DISK_FULL
from shares_core.testing.state import Condition


def test_a_created_share_is_ready_shown_and_listed(world: World) -> None:
    """With its figures, and nobody has access to it."""
    world.served()
    shown = world.host.shares.show("tenant", "FILES")
    assert (ShareStatus.READY, SMALL, ()) == (shown.share.status, shown.share.capacity, shown.share.rules)
    assert shown.usage is not None
    assert 0 < shown.usage.free <= shown.usage.total <= SMALL.bytes
    assert (shown,) == world.host.shares.list("tenant") == world.host.shares.list()
    assert {} == world.admitted()


def test_creating_the_same_share_again_returns_it(world: World) -> None:
    """Twice equals once."""
    world.served()
    assert world.host.shares.show("tenant", "files") == world.host.shares.create("tenant", "files", SMALL)
    assert 1 == len(world.machine.volumes)


def test_a_share_with_other_properties_already_exists(world: World) -> None:
    """Another size, another file system, another case."""
    world.served(size=LARGE)
    for name, size, kind in (
        ("files", SMALL, FileSystemKind.EXT4),
        ("files", LARGE, FileSystemKind.XFS),
        ("Files", LARGE, FileSystemKind.EXT4),
    ):
        with pytest.raises(AlreadyExists):
            world.host.shares.create("tenant", name, size, kind)
    assert 1 == len(world.machine.volumes) == len(world.record("tenant").shares)


@pytest.mark.parametrize(
    "name", ["", "global", "HOMES", "IPC$", "..", "a/b", "a\\b", "%U", "a\nb", "-a", "x" * 81]
)
def test_a_bad_name_of_a_share_is_refused_and_changes_nothing(world: World, name: str) -> None:
    """By every use case."""
    world.host.servers.create("tenant")
    before = world.record("tenant")
    shares = world.host.shares
    for attempt in (
        lambda: shares.create("tenant", name, SMALL),
        lambda: shares.show("tenant", name),
        lambda: shares.extend("tenant", name, SMALL),
        lambda: shares.delete("tenant", name),
        lambda: world.host.access.allow("tenant", name, "ada"),
    ):
        with pytest.raises(InvalidInput):
            attempt()
    assert (before, {}) == (world.record("tenant"), world.machine.volumes)


def test_a_share_smaller_than_its_file_system_can_be_is_refused(world: World) -> None:
    """Before anything is made."""
    world.host.servers.create("tenant")
    for size, kind in ((16 * MIB - 1, FileSystemKind.EXT4), (300 * MIB - 1, FileSystemKind.XFS)):
        with pytest.raises(InvalidInput):
            world.host.shares.create("tenant", "files", Capacity(size), kind)
    assert () == world.record("tenant").shares


def test_a_share_larger_than_the_pool_is_refused(world: World) -> None:
    """Nothing of it is left; what fits exactly is accepted, and then the pool is full."""
    world = World.new(pool_size=LARGE)
    world.served()
    with pytest.raises(NoCapacity):
        world.host.shares.create("tenant", "big", LARGE)
    assert 1 == len(world.record("tenant").shares) == len(world.machine.volumes)
    world.host.shares.create("tenant", "rest", Capacity(GIB - SMALL.bytes))
    pool = world.host.pool.show()
    assert (GIB, GIB, 0) == (pool.total, pool.provisioned, pool.free)


def test_a_pool_may_promise_more_than_it_has_when_told_to() -> None:
    """And says so."""
    world = World.new(pool_size=LARGE, overprovision=True)
    world.served(size=LARGE)
    world.host.shares.create("tenant", "more", LARGE)
    pool = world.host.pool.show()
    assert (GIB, 2 * GIB, True) == (pool.total, pool.provisioned, pool.overprovisioned)


def test_a_pool_that_is_not_mounted_is_not_an_empty_pool(world: World) -> None:
    """Nothing is made in it, nothing counts as removed, and the shares are as they were once it is back."""
    before = world.served()
    world.machine.lost_pools.add(DEFAULT_POOL)
    for attempt in (
        lambda: world.host.shares.create("tenant", "other", SMALL),
        lambda: world.host.shares.extend("tenant", "files", LARGE),
        world.host.pool.show,
    ):
        with pytest.raises(HostNotReady):
            attempt()
    world.machine.lost_pools.clear()
    world.host.fleet.reconcile()
    assert (before,) == world.record("tenant").shares


def test_without_idmapped_mounts_no_share_is_made_and_existing_ones_wait(
    world: World,
) -> None:
    """Mounted shares go on; a new mount fails its share, and nothing of a new share is left."""
    world.served()
    world.machine.idmapped_mounts = False
    before = world.record("tenant"), dict(world.machine.volumes)
    with pytest.raises(HostNotReady):
        world.host.shares.create("tenant", "other", SMALL)
    assert before == (world.record("tenant"), world.machine.volumes)
    assert () == world.host.fleet.reconcile().servers
    world.host.servers.stop("tenant")
    started = world.host.servers.start("tenant").server.share("files")
    assert (ShareStatus.FAILED, True) == (started.status, "idmapped" in started.reason)
    world.machine.idmapped_mounts = True
    world.host.fleet.reconcile()
    assert before == (world.record("tenant"), world.machine.volumes)


def test_a_file_system_that_folds_case_is_made_so_once(world: World) -> None:
    """It fits only if it is asked for again; nobody gets it unasked."""
    plain = world.served()
    folding = world.host.shares.create("tenant", "scans", SMALL, case_fold=True)
    assert (False, True) == (plain.filesystem.case_fold, folding.share.filesystem.case_fold)
    assert folding == world.host.shares.create("tenant", "scans", SMALL, case_fold=True)
    for name, case_fold in (("files", True), ("scans", False)):
        with pytest.raises(AlreadyExists, match="case"):
            world.host.shares.create("tenant", name, SMALL, case_fold=case_fold)
    assert 2 == len(world.machine.volumes)


@pytest.mark.parametrize("case_fold", [True, "yes", None])
def test_only_an_ext4_folds_case(world: World, case_fold: bool) -> None:
    """Refused before anything is made, and so is what is not a truth."""
    world.host.servers.create("tenant")
    with pytest.raises(InvalidInput):
        world.host.shares.create("tenant", "files", LARGE, FileSystemKind.XFS, case_fold=case_fold)
    assert ((), {}) == (world.record("tenant").shares, world.machine.volumes)


def test_without_case_folding_in_the_kernel_no_share_has_it_and_existing_ones_wait(world: World) -> None:
    """Mounted shares go on; a new mount fails its share, and other shares are made as before."""
    world.served()
    world.host.shares.create("tenant", "scans", SMALL, case_fold=True)
    before = world.record("tenant"), dict(world.machine.volumes)
    world.machine.case_fold = False
    with pytest.raises(HostNotReady, match="fold"):
        world.host.shares.create("tenant", "other", SMALL, case_fold=True)
    assert before == (world.record("tenant"), world.machine.volumes)
    assert () == world.host.fleet.reconcile().servers
    world.host.servers.stop("tenant")
    started = world.host.servers.start("tenant").server
    assert (ShareStatus.READY, ShareStatus.FAILED) == (
        started.share("files").status,
        started.share("scans").status,
    )
    world.machine.case_fold = True
    world.host.fleet.reconcile()
    assert before == (world.record("tenant"), world.machine.volumes)


def test_a_delete_without_the_pool_fails_and_changes_nothing(world: World) -> None:
    """A failed delete is an error, never a warning; one that cannot begin leaves the record as it was."""
    world.served()
    before = world.record("tenant")
    world.machine.lost_pools.add(DEFAULT_POOL)
    with pytest.raises(HostNotReady):
        world.host.shares.delete("tenant", "files")
    with pytest.raises(HostNotReady):
        world.host.servers.delete("tenant", with_shares=True)
    assert before == world.record("tenant")
    world.machine.lost_pools.clear()
    world.host.shares.delete("tenant", "files")
    assert ({}, ()) == (world.machine.volumes, world.record("tenant").shares)


def test_unknown_servers_and_shares_are_not_found(world: World) -> None:
    """By every use case."""
    world.host.servers.create("tenant")
    for server in ("nobody", "tenant"):
        for verb in (world.host.shares.show, world.host.shares.delete):
            with pytest.raises(NotFound):
                verb(server, "files")
        with pytest.raises(NotFound):
            world.host.shares.extend(server, "files", LARGE)
    with pytest.raises(NotFound):
        world.host.shares.create("nobody", "files", SMALL)


def test_a_full_share_is_full_and_hurts_nobody_else(world: World) -> None:
    """The client gets disk full, the next share takes the same data."""
    world.served()
    world.host.shares.create("tenant", "other", Capacity(2 * SMALL.bytes))
    for share in ("files", "other"):
        world.host.access.allow("tenant", share, "ada", RW, PASSWORD)
    session, data = world.connect("ada"), bytes(SMALL.bytes)
    with pytest.raises(SmbRefused, match=DISK_FULL):
        session.open("files", write=True).write(data)
    session.open("other", write=True).write(data)


def test_a_share_is_deleted_while_files_are_open(world: World) -> None:
    """Its clients are disconnected, its data is gone, the others are undisturbed."""
    world.served()
    world.host.shares.create("tenant", "other", SMALL)
    for share in ("files", "other"):
        world.host.access.allow("tenant", share, "ada", RW, PASSWORD)
    session = world.connect("ada")
    opened, other = session.open("files", write=True), session.open("other", write=True)
    world.host.shares.delete("tenant", "files")
    assert opened.closed
    other.write(b"undisturbed")
    assert ["other"] == [str(view.share.name) for view in world.host.shares.list("tenant")]
    assert 1 == len(world.machine.volumes)


def test_a_share_with_a_former_name_is_empty(world: World) -> None:
    """It shows nothing of the former share."""
    former = world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.connect("ada").open("files", write=True).write(b"secret")
    world.host.shares.delete("tenant", "files")
    latter = world.host.shares.create("tenant", "files", SMALL).share
    assert {former.id, former.volume.ref}.isdisjoint({latter.id, latter.volume.ref})
    assert {} == world.admitted()
    world.host.access.allow("tenant", "files", "ada", RW)
    assert b"" == world.connect("ada").open("files").read()


def test_a_share_on_a_stopped_server_serves_once_it_is_started(world: World) -> None:
    """It is made, rules and all, and mounted by start."""
    world.host.servers.create("tenant")
    world.host.servers.stop("tenant")
    assert world.host.shares.create("tenant", "files", SMALL).usage is None
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    assert not world.machine.mounts
    world.host.servers.start("tenant")
    world.connect("ada").open("files", write=True).write(b"x")


def test_a_share_can_be_created_between_a_reboot_and_a_reconcile(world: World) -> None:
    """The server's folders are gone then; the share is served once the server is up again."""
    world.host.servers.create("tenant")
    world.machine.reboot()
    world.host.shares.create("tenant", "files", SMALL)
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.host.fleet.reconcile()
    world.connect("ada").open("files", write=True).write(b"x")


@pytest.mark.parametrize("loss", ["volume", "content", "other"])
def test_a_share_with_missing_data_fails_and_is_never_made_again(world: World, loss: str) -> None:
    """The other shares are served; existing data is left; once the volume is back, the share is ready."""
    lost = world.served()
    world.host.shares.create("tenant", "other", SMALL)
    for share in ("files", "other"):
        world.host.access.allow("tenant", share, "ada", RW, PASSWORD)
    world.connect("ada").open("files", write=True).write(b"precious")
    world.machine.reboot()
    volumes = world.machine.volumes
    volume = volumes.pop(lost.volume.ref)
    content = volume.content
    if loss != "volume":
        volumes[lost.volume.ref] = volume
        volume.content = (
            None if loss == "content" else volumes[world.share("tenant", "other").volume.ref].content
        )
    before = dict(volumes)
    (view,) = world.host.fleet.reconcile().servers
    assert ("", ("files",)) == (view.problem, view.failed_shares)
    assert "files" in world.host.servers.show("tenant").problem
    assert {("other", "ada"): RW} == world.admitted()
    with pytest.raises(ShareFailed):
        world.host.shares.extend("tenant", "files", LARGE)
    with pytest.raises(ShareFailed):
        world.host.access.allow("tenant", "files", "bob")
    assert before == volumes
    volumes[lost.volume.ref], volume.content = volume, content
    world.host.fleet.reconcile()
    assert b"precious" == world.connect("ada").open("files").read()


def test_a_share_made_on_a_stopped_server_says_so(world: World) -> None:
    """In the same word as showing the server."""
    world.host.servers.create("tenant")
    world.host.servers.stop("tenant")
    view = world.host.shares.create("tenant", "files", SMALL)
    assert RunState.STOPPED is view.state is world.host.servers.show("tenant").state


def test_a_check_does_not_revive_a_damaged_share_that_is_being_deleted(world: World) -> None:
    """Deleting only goes forward, whatever was wrong with it before."""
    world.served()
    world.content().condition = Condition.RUINED
    assert world.host.shares.check("tenant", "files").damage
    held = FaultPlan().on("storage.remove_volume", Fault(), times=None)
    with pytest.raises(BackendFailure):
        world.process(held).shares.delete("tenant", "files")
    with pytest.raises(SharesError):
        world.process(held).shares.check("tenant", "files", repair=True)
    assert ShareStatus.DELETING is world.share("tenant", "files").status


@pytest.mark.parametrize("damaged", [False, True])
def test_a_killed_check_does_not_prevent_a_stop_and_a_delete(world: World, damaged: bool) -> None:
    """It has left a scratch mount."""
    world.served()
    content = world.content()
    if damaged:
        content.condition = Condition.RUINED
        world.host.shares.check("tenant", "files")
    killed = FaultPlan().on("filesystems.examine", Fault(Moment.HALFWAY, dies=True))
    with pytest.raises(ProcessDied):
        world.process(killed).shares.check("tenant", "files")
    assert world.machine.scratch
    world.host.servers.stop("tenant")
    assert (set(), set()) == (world.machine.attached, world.machine.scratch)
    world.host.shares.delete("tenant", "files")
    world.host.servers.delete("tenant")
    assert {} == {name: held for name, held in world.leftovers().items() if name != "locks"}


def test_a_recorded_damage_counts_until_a_check_has_recorded_its_result(world: World) -> None:
    """It died before recording that; the next call believes the record."""
    world.served()
    content = world.content()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    content.condition = Condition.RUINED
    world.host.shares.check("tenant", "files")
    content.condition = Condition.WHOLE
    with pytest.raises(ProcessDied):
        world.process(FaultPlan().on("records.save", Fault(dies=True), skip=1)).shares.check(
            "tenant", "files"
        )
    opened = world.connect("ada").open("files", write=True)
    world.host.fleet.reconcile()
    assert world.share("tenant", "files").damaged
    assert ({}, {}, True) == (world.admitted(), world.machine.mounts, opened.closed)


def test_a_check_of_a_stopped_servers_damaged_share_leaves_nothing_attached(world: World) -> None:
    """Like the check of a whole share."""
    world.served()
    content = world.content()
    world.host.servers.stop("tenant")
    content.condition = Condition.RUINED
    assert world.host.shares.check("tenant", "files").damage
    assert set() == world.machine.attached
    assert world.host.fleet.reconcile(dry_run=True).is_empty


def test_damage_that_could_not_be_recorded_is_not_forgotten(world: World) -> None:
    """The call that found it knows it, whatever a quicker look would say."""
    world.served()
    content = world.content()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    content.condition = Condition.TORN
    with pytest.raises(BackendFailure):
        world.process(FaultPlan().on("records.save", Fault(), skip=1)).shares.check(
            "tenant", "files", repair=True
        )
    assert world.share("tenant", "files").damaged
    assert {} == world.admitted()
