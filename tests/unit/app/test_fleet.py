"""All servers at once: reports, repairs and orphans."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve
from tests.contracts.values import ref
from tests.unit.world import LARGE, PASSWORD, RW, SMALL, World

from shares_core.domain.addresses import BridgeName
from shares_core.domain.errors import BackendFailure, Busy, HostNotReady, ShareFailed
from shares_core.domain.network import Bridge
from shares_core.domain.remedy import Call, UseCase
from shares_core.domain.share import ShareStatus
from shares_core.domain.views import Orphan, OrphanKind, ReconcileOutcome, ReconcileReport, UpgradeOutcome
from shares_core.domain.volume import DEFAULT_POOL
from shares_core.testing import Fault, FaultPlan, MemoryHost, Moment, ProcessDied, memory_ports
from shares_core.testing.state import Condition, Container, Folder, MemoryBridge, MemoryMount, MemoryVolume

STRAY = "f" * 12
STRAY_VOLUME = ref(STRAY)


def test_a_host_that_is_as_recorded_has_nothing_to_report(world: World) -> None:
    """Nothing is touched: it takes no lock, and no call changes anything."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    opened = world.connect("ada").open("files", write=True)
    before = dict(world.machine.records)
    assert ReconcileReport(known=1) == world.host.fleet.reconcile()
    assert (before, False) == (world.machine.records, opened.closed)


def test_a_dry_run_changes_nothing(world: World) -> None:
    """It needs no lock to see what there is to do."""
    share = world.served()
    world.machine.reboot()
    before = dict(world.machine.records)
    with memory_ports(world.machine).locks.server(world.machine.server_id("tenant")):
        (view,) = world.process(lock_timeout=0).fleet.reconcile(dry_run=True).servers
    assert ReconcileOutcome.FOUND is view.outcome
    assert {"the container is stopped", "its folders are missing", "share files is not attached"} <= {
        *map(str, view.found)
    }
    assert (before, {}, ShareStatus.READY) == (world.machine.records, world.machine.mounts, share.status)


def untold(machine: MemoryHost) -> None:
    """As left by a process that died before telling smbd."""
    for folder in machine.folders.values():
        folder.told = False


@pytest.mark.parametrize(
    ("trick", "told"),
    [
        (lambda m: m.mounts.clear(), "share files is not mounted"),
        (lambda m: m.bridges.clear(), "is not attached to shares0"),
        (lambda m: m.containers.clear(), "the container is absent"),
        (lambda m: setattr(m, "image", "image-2"), "does not have the current image"),
        (untold, "Samba's configuration"),
        (lambda m: m.restart_docker(), "the container is stopped"),
    ],
    ids=["unmounted", "no bridge", "no container", "another image", "other configuration", "docker restart"],
)
def test_every_manual_change_is_repaired(
    world: World, trick: Callable[[MemoryHost], object], told: str
) -> None:
    """It is reported first, and the share is served again."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    trick(world.machine)
    (view,) = world.host.fleet.reconcile().servers
    assert ([True], "", ()) == (
        [told in str(found) for found in view.found[:1]],
        view.problem,
        view.failed_shares,
    )
    assert {("files", "ada"): RW} == world.admitted()
    world.connect("ada").open("files", write=True).write(b"x")
    assert world.host.fleet.reconcile().is_empty


def strays(world: World) -> tuple[Orphan, ...]:
    """One orphan of each kind, as a lost record would leave them."""
    machine = world.machine
    machine.folders[STRAY] = Folder(1, shared=True)
    machine.containers[STRAY] = Container(1, machine.image)
    machine.volumes[STRAY_VOLUME] = MemoryVolume(4096)
    machine.mounts[STRAY, "5" * 12] = MemoryMount(STRAY_VOLUME)
    machine.attached.add(STRAY_VOLUME)
    machine.bridges["stray0"] = MemoryBridge(Bridge(BridgeName("stray0"), (), 1500), complete=True)
    return (
        Orphan(OrphanKind.CONTAINER, STRAY),
        Orphan(OrphanKind.MOUNT, f"{STRAY}/{'5' * 12}"),
        Orphan(OrphanKind.DEVICE, "stray0"),
        Orphan(OrphanKind.FOLDER, STRAY),
        Orphan(OrphanKind.VOLUME, str(STRAY_VOLUME)),
    )


def test_orphans_are_reported_and_removed_only_on_request(world: World) -> None:
    """In an order that works; everything with a record is left alone."""
    world.served()
    expected = strays(world)
    for dry_run in (True, False):
        assert ReconcileReport(orphans=expected, known=1) == world.host.fleet.reconcile(dry_run=dry_run)
    assert expected == world.host.fleet.reconcile(dry_run=True, remove_orphans=expected).orphans
    assert expected == world.host.fleet.reconcile(remove_orphans=expected[:0]).orphans
    assert STRAY_VOLUME in world.machine.volumes
    unknown = (Orphan(OrphanKind.VOLUME, str(world.share("tenant", "files").volume.ref)),)
    assert expected == world.host.fleet.reconcile(remove_orphans=unknown).orphans
    removed = world.host.fleet.reconcile(remove_orphans=expected).orphans
    assert tuple(evolve(orphan, removed=True) for orphan in expected) == removed
    assert world.host.fleet.reconcile().is_empty
    assert world.share("tenant", "files").volume.ref in world.machine.volumes


def test_nothing_is_removed_without_any_records(world: World) -> None:
    """They may have been lost, and everything would be an orphan."""
    expected = strays(world)
    world.machine.prepared_pools.add(DEFAULT_POOL)
    assert expected == world.host.fleet.reconcile(remove_orphans=expected).orphans
    assert STRAY_VOLUME in world.machine.volumes


def test_nothing_is_an_orphan_while_a_record_cannot_be_read(world: World) -> None:
    """It may belong to that server."""
    world.served()
    named = strays(world)
    world.machine.damage_record(world.machine.server_id("tenant"))
    report = world.host.fleet.reconcile(remove_orphans=named)
    assert ((), ReconcileOutcome.UNREADABLE) == (report.orphans, report.servers[0].outcome)
    assert STRAY_VOLUME in world.machine.volumes


def test_an_orphan_that_cannot_be_removed_says_why(world: World) -> None:
    """The others are removed."""
    world.served()
    named = strays(world)
    world.machine.mounts["elsewhere", "6" * 12] = MemoryMount(STRAY_VOLUME)  # so that its volume is in use
    report = world.host.fleet.reconcile(remove_orphans=named)
    problems = {
        (str(orphan.kind), orphan.name): orphan.problem for orphan in report.orphans if not orphan.removed
    }
    assert {
        ("mount", f"elsewhere/{'6' * 12}"): "",
        ("volume", str(STRAY_VOLUME)): f"volume {STRAY_VOLUME} is mounted",
    } == problems
    assert not report.is_well
    assert [world.machine.server_id("tenant")] == list(world.machine.folders)


def test_a_server_that_another_caller_holds_is_busy_and_not_a_failure(world: World) -> None:
    """It is reported, and left to that caller."""
    world.served()
    world.machine.mounts.clear()
    busy = Fault(error=Busy("another caller has been working on it"))
    host = world.process(FaultPlan().on("locks.server", busy))
    report = host.fleet.reconcile()
    assert ([ReconcileOutcome.BUSY], True) == ([view.outcome for view in report.servers], report.is_well)
    assert [ReconcileOutcome.OK] == [view.outcome for view in host.fleet.reconcile().servers]


def test_an_unobservable_share_does_not_keep_its_server_down(world: World) -> None:
    """Its server is still brought up."""
    world.served()
    world.machine.restart_docker()
    host = world.process(FaultPlan().on("filesystems.troubles", times=2))
    (view,) = host.fleet.reconcile().servers
    assert ("", ReconcileOutcome.OK) == (view.problem, view.outcome)
    assert world.host.fleet.reconcile().is_empty


def _delete_share(world: World) -> None:
    world.host.shares.delete("tenant", "files")


def _delete_server(world: World) -> None:
    world.host.servers.delete("tenant", with_shares=True)


def test_a_lost_volume_of_a_mounted_share_is_noticed(world: World) -> None:
    """The mount is used until then; after that nobody uses it, and the share has failed."""
    share = world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    opened = world.connect("ada").open("files", write=True)
    lost = world.machine.volumes.pop(share.volume.ref)
    for _ in range(2):
        (view,) = world.host.fleet.reconcile().servers
        assert (ReconcileOutcome.FAILED, ("files",)) == (view.outcome, view.failed_shares)
    assert opened.closed
    world.machine.volumes[share.volume.ref] = lost
    assert [ReconcileOutcome.OK] == [view.outcome for view in world.host.fleet.reconcile().servers]


@pytest.mark.parametrize("action", [_delete_share, _delete_server])
def test_the_device_of_a_lost_volume_is_listed_until_its_share_is_deleted(
    world: World, action: Callable[[World], None]
) -> None:
    """It is removed with the share, or with the whole server."""
    share = world.served()
    del world.machine.volumes[share.volume.ref]
    (view,) = world.host.fleet.reconcile(dry_run=True).servers
    assert [("files", "has lost its volume")] == [(drift.subject, drift.detail) for drift in view.found]
    assert {share.volume.ref} == world.machine.attached
    action(world)
    assert (set(), {}) == (world.machine.attached, world.machine.mounts)
    assert world.host.fleet.reconcile(dry_run=True).is_empty


def test_the_device_of_an_unrecorded_lost_volume_is_an_orphan(world: World) -> None:
    """As its volume would be."""
    world.served()
    stray = ref("f" * 12)
    world.machine.attached.add(stray)
    expected = (Orphan(OrphanKind.VOLUME, str(stray)),)
    assert expected == world.host.fleet.reconcile(dry_run=True).orphans
    world.host.fleet.reconcile(remove_orphans=expected)
    assert stray not in world.machine.attached
    assert world.host.fleet.reconcile(dry_run=True).is_empty


# -- upgrades


def test_an_upgrade_gives_the_current_image(world: World) -> None:
    """Once: after that there is nothing to do. A stopped server gets the image when it is started."""
    world.served()
    assert UpgradeOutcome.CURRENT is world.host.servers.upgrade("tenant").outcome
    world.machine.image = "image-2"
    for outcome in (UpgradeOutcome.UPGRADED, UpgradeOutcome.CURRENT):
        assert outcome is world.host.servers.upgrade("tenant").outcome
    world.host.servers.stop("tenant")
    assert UpgradeOutcome.STOPPED is world.host.servers.upgrade("tenant").outcome


@pytest.mark.parametrize("stale", [False, True])
def test_a_server_goes_back_to_its_image_if_the_new_one_fails(world: World, stale: bool) -> None:
    """The failure is reported, also by reconcile."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.machine.image = "image-2"
    world.machine.smbd_fails, world.machine.good_images = "no such option", frozenset({"image-1"})
    world.machine.image_stale = stale
    if stale:
        with pytest.raises(HostNotReady):
            world.host.servers.upgrade("tenant")
    else:
        with pytest.raises(BackendFailure, match="no such option") as raised:
            world.host.servers.upgrade("tenant")
        assert ["server tenant is back on its former image: image-1"] == raised.value.__notes__
    (view,) = world.host.fleet.reconcile().servers
    assert "no such option" in view.problem
    world.connect("ada").open("files", write=True).write(b"served")
    assert world.host.fleet.reconcile(upgrade=False).is_empty


# -- damage


def test_a_damaged_share_fails_and_the_others_are_served(world: World) -> None:
    """Its clients are disconnected, it says so, and nothing repairs it automatically."""
    share = world.served()
    world.host.shares.create("tenant", "well", share.capacity)
    for name in ("files", "well"):
        world.host.access.allow("tenant", name, "ada", RW, PASSWORD)
    session = world.connect("ada")
    damaged, well = (session.open(name, write=True) for name in ("files", "well"))
    content = world.machine.volumes[share.volume.ref].content
    assert content is not None
    content.condition = Condition.RUINED
    (view,) = world.host.fleet.reconcile().servers
    assert (("files",), ReconcileOutcome.FAILED) == (view.failed_shares, view.outcome)
    assert {("well", "ada"): RW} == world.admitted()
    assert (True, False, Condition.RUINED) == (damaged.closed, well.closed, content.condition)
    assert "damaged" in world.host.shares.show("tenant", "files").share.reason
    for _ in range(2):  # at any number of tries: mounting it again would make it worse
        world.host.servers.stop("tenant")
        world.host.servers.start("tenant")
        assert {("well", "ada"): RW} == world.admitted()
    checked = world.host.shares.check("tenant", "files")
    assert [ReconcileOutcome.FAILED] == [view.outcome for view in world.host.fleet.reconcile().servers]
    assert {("well", "ada"): RW} == world.admitted()
    assert (True, ShareStatus.FAILED) == (bool(checked.damage), checked.share.share.status)
    with pytest.raises(ShareFailed) as refused:
        world.share("tenant", "files").require_ready()
    assert Call(UseCase.SHARES_CHECK) in refused.value.remedy.parts
    repaired = world.host.shares.check("tenant", "files", repair=True)
    assert ("", ShareStatus.READY) == (repaired.damage, repaired.share.share.status)
    assert {("files", "ada"): RW, ("well", "ada"): RW} == world.admitted()
    assert world.host.fleet.reconcile().is_empty


@pytest.mark.parametrize("away", [lambda w: w.machine.reboot(), lambda w: w.host.servers.stop("tenant")])
def test_a_share_damaged_before_a_reboot_is_not_mounted_again(
    world: World, away: Callable[[World], object]
) -> None:
    """The device has a mark of the damage that its former mount met."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.ruin()
    away(world)
    world.host.servers.start("tenant")
    assert ({}, True) == (world.admitted(), world.share("tenant", "files").damaged)


@pytest.mark.parametrize("known", [True, False])
def test_an_interrupted_check_serves_nothing_that_may_be_damaged(world: World, known: bool) -> None:
    """Whether it was found damaged before or not."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.ruin()
    if known:
        world.host.fleet.reconcile()
    with pytest.raises(ProcessDied):
        world.process(FaultPlan().on("filesystems.examine", Fault(dies=True))).shares.check("tenant", "files")
    for _ in range(2):
        world.host.fleet.reconcile()
        share = world.share("tenant", "files")
        assert (ShareStatus.FAILED, True, {}) == (share.status, share.damaged, world.admitted())
    world.host.shares.check("tenant", "files", repair=True)
    assert {("files", "ada"): RW} == world.admitted()


def test_a_share_is_not_served_after_an_interrupted_repair(world: World) -> None:
    """The damage is recorded before the repair writes anything."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.ruin()
    plan = FaultPlan().on("filesystems.repair", Fault(Moment.HALFWAY, dies=True))
    with pytest.raises(ProcessDied):
        world.process(plan).shares.check("tenant", "files", repair=True)
    assert world.share("tenant", "files").damaged
    plan = FaultPlan().on("filesystems.repair")  # as after its time limit
    with pytest.raises(BackendFailure):
        world.process(plan).shares.check("tenant", "files", repair=True)
    world.host.fleet.reconcile()
    assert ({}, True) == (world.admitted(), world.share("tenant", "files").damaged)
    world.host.shares.check("tenant", "files", repair=True)
    assert {("files", "ada"): RW} == world.admitted()


def test_damage_found_while_growing_is_repaired_like_any_other(world: World) -> None:
    """The extension is not tried again and again; after the repair it is finished."""
    share = world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.machine.online_grow = frozenset()
    plan = FaultPlan().on("filesystems.grow_unmounted", Fault(Moment.HALFWAY, dies=True))
    with pytest.raises(ProcessDied):
        world.process(plan).shares.extend("tenant", "files", LARGE)
    world.ruin()
    for _ in range(2):
        world.host.fleet.reconcile()
        found = world.share("tenant", "files")
        assert (True, ShareStatus.FAILED, {}) == (found.damaged, found.status, world.admitted())
    (view,) = world.host.fleet.reconcile(dry_run=True).servers
    assert 1 == len(view.found), view.found
    world.host.shares.check("tenant", "files", repair=True)
    world.host.fleet.reconcile()
    found = world.share("tenant", "files")
    assert (None, False, ShareStatus.READY) == (found.operation, found.damaged, found.status)
    assert found.capacity in (share.capacity, LARGE)
    assert {("files", "ada"): RW} == world.admitted()


def test_a_container_without_its_folders_does_not_outlive_a_change(world: World) -> None:
    """It would go on admitting a denied user, because it cannot see a new configuration."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.machine.folders.pop(world.machine.server_id("tenant"))
    world.host.access.deny("tenant", "files", "ada")
    assert {} == world.machine.containers
    world.host.fleet.reconcile()
    assert {} == world.admitted()
    assert world.host.fleet.reconcile().is_empty


def test_a_check_of_a_missing_volume_reports_no_damage(world: World) -> None:
    """It is served again once the volume is back."""
    volume = world.served().volume.ref
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.host.servers.stop("tenant")
    away = world.machine.volumes.pop(volume)
    with pytest.raises(ShareFailed):
        world.host.shares.check("tenant", "files")
    assert not world.share("tenant", "files").damaged
    world.machine.volumes[volume] = away
    world.host.servers.start("tenant")
    assert {("files", "ada"): RW} == world.admitted()


def test_a_share_of_a_stopped_server_can_be_checked(world: World) -> None:
    """It stays unmounted."""
    world.served()
    world.host.servers.stop("tenant")
    assert "" == world.host.shares.check("tenant", "files").damage
    assert ({}, set()) == (world.machine.mounts, world.machine.attached)
    assert world.host.fleet.reconcile().is_empty


def test_a_server_without_its_folders_is_brought_up_after_a_share_is_made(world: World) -> None:
    """Its container would not see new folders, and everything would look well."""
    world.served()
    world.machine.folders.pop(world.machine.server_id("tenant"))
    world.machine.mounts.clear()
    world.host.shares.create("tenant", "new", SMALL)
    assert {} == world.machine.containers
    world.host.access.allow("tenant", "new", "ada", RW, PASSWORD)
    world.host.fleet.reconcile()
    assert {("new", "ada"): RW} == world.admitted()
    assert world.host.fleet.reconcile().is_empty
