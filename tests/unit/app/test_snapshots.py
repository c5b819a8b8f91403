"""Snapshots, reverts and clones when something is wrong with the share, the snapshot or the record."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from tests.unit.app.test_crashes import populated
from tests.unit.app.use_cases import files
from tests.unit.world import LARGE, NETWORK, PASSWORD, RO, RW, SMALL, World

from shares_core.app.operations.revert_share import RevertShare
from shares_core.bootstrap import Host, host
from shares_core.domain.access import AccessRule
from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import AlreadyExists, InvalidInput, ShareFailed, SharesError
from shares_core.domain.options import TimeMachine
from shares_core.domain.schedules import Schedule
from shares_core.domain.server import ShareServer
from shares_core.domain.share import Failure, ShareStatus
from shares_core.domain.snapshots import SnapshotSource
from shares_core.testing import Call as PortCall
from shares_core.testing import Fault, FaultPlan, Moment, ProcessDied, memory_ports
from shares_core.testing.state import Condition, MemoryVolume

SOURCE = SnapshotSource.parse("tenant/files@before")


@pytest.fixture
def world() -> World:
    """A share with a snapshot, and a file that is younger."""
    world = populated()
    world.host.snapshots.create("tenant", "files", "before")
    files(world).files["since"] = b"then"
    return world


def dies(world: World, verb: str, work: Callable[[Host], object], moment: Moment = Moment.AFTER) -> None:
    """Let another process die in that call."""
    with suppress(ProcessDied, SharesError):
        work(world.process(FaultPlan().on(verb, Fault(moment, dies=True))))


def snapshot_volume(world: World) -> MemoryVolume:
    share = world.share("tenant", "files")
    return world.machine.volumes[share.ref_of(share.snapshots[0])]


def volumes(world: World) -> set[object]:
    return {
        ref for name in ("tenant", "neighbour") for share in world.record(name).shares for ref in share.refs
    }


def test_a_revert_loses_nothing_to_a_snapshot_that_cannot_be_used(world: World) -> None:
    """A damaged one is noticed before anything of the share is removed."""
    content = snapshot_volume(world).content
    assert content is not None
    content.condition = Condition.RUINED
    with pytest.raises(SharesError):
        world.host.snapshots.revert("tenant", "files", "before")
    assert b"then" == files(world).files["since"]
    assert world.share("tenant", "files").status is ShareStatus.READY
    assert world.admitted()
    assert volumes(world) == set(world.machine.volumes)


@pytest.mark.parametrize("verb", ["storage.remove_volume", "storage.snapshot_volume", "records.save"])
def test_deleting_a_share_removes_what_an_interrupted_revert_kept(world: World, verb: str) -> None:
    dies(world, verb, lambda host: host.snapshots.revert("tenant", "files", "before"), Moment.BEFORE)
    world.host.shares.delete("tenant", "files", with_snapshots=True)
    assert volumes(world) == set(world.machine.volumes)
    assert world.host.fleet.reconcile().orphans == ()


def test_deleting_a_share_removes_what_an_interrupted_snapshot_made(world: World) -> None:
    dies(world, "storage.snapshot_volume", lambda host: host.snapshots.create("tenant", "files"))
    world.host.shares.delete("tenant", "files", with_snapshots=True)
    assert volumes(world) == set(world.machine.volumes)


def test_a_snapshot_in_use_takes_no_share_out_of_service(world: World) -> None:
    """It stays, and can be deleted when nobody uses it."""
    plan = FaultPlan().on("filesystems.unmount").on("filesystems.unmount")
    before = world.admitted()
    with pytest.raises(SharesError):
        world.process(plan).snapshots.delete("tenant", "files", "before")
    world.host.fleet.reconcile()
    assert before == world.admitted()
    assert ["before"] == [str(view.snapshot.name) for view in world.host.snapshots.list("tenant")]
    world.host.snapshots.delete("tenant", "files", "before")
    assert volumes(world) == set(world.machine.volumes)


def test_a_record_from_before_a_revert_ended_loses_nothing(world: World) -> None:
    """The record is restored from a copy that was made while the share was being reverted."""
    dies(world, "storage.copy_volume", lambda host: host.snapshots.revert("tenant", "files", "before"))
    kept = dict(world.machine.records)
    world.host.fleet.reconcile()
    world.host.snapshots.revert("tenant", "files", "before")
    record = kept[world.record("tenant").id]
    assert isinstance(record, ShareServer)
    operation = record.share("files").operation
    assert isinstance(operation, RevertShare)
    current = world.share("tenant", "files").volume.ref
    # As if that very revert had been the one that ended.
    world.machine.volumes[operation.new] = world.machine.volumes.pop(current)
    world.machine.attached.discard(current)
    world.machine.mounts = {ids: each for ids, each in world.machine.mounts.items() if each.volume != current}
    content = world.machine.volumes[operation.new].content
    assert content is not None
    content.files["weeks"] = b"of work"
    world.machine.records.update(kept)
    world.host.fleet.reconcile()
    assert b"of work" == files(world).files["weeks"]


def test_a_file_system_that_was_left_frozen_is_thawed(world: World) -> None:
    """Also if its server was stopped before anybody recovered it."""
    dies(
        world,
        "storage.snapshot_volume",
        lambda host: host.snapshots.create("tenant", "files"),
        Moment.HALFWAY,
    )
    assert files(world).frozen
    world.host.servers.stop("tenant")
    world.host.servers.start("tenant")
    assert not files(world).frozen


@pytest.mark.parametrize("verb", ["filesystems.renew", "filesystems.grow_unmounted", "storage.grow_volume"])
@pytest.mark.parametrize("moment", list(Moment))
def test_an_interrupted_larger_clone_is_as_large_as_it_says(world: World, verb: str, moment: Moment) -> None:
    """Or it is not there."""
    dies(world, verb, lambda host: host.shares.clone("tenant", "copy", SOURCE, LARGE), moment)
    world.host.fleet.reconcile()
    found = world.record("tenant").find_share("copy")
    if found is not None:
        content = world.machine.volumes[found.volume.ref].content
        assert content is not None
        assert content.reach == found.capacity.bytes == LARGE.bytes


def test_a_deletion_that_lost_a_snapshot_cannot_be_cancelled(world: World) -> None:
    """Not even if it failed, and was begun again."""
    plan = FaultPlan().on("filesystems.unmount_scratch").on("filesystems.unmount_scratch")
    with pytest.raises(SharesError):
        world.process(plan).shares.delete("tenant", "files", with_snapshots=True)
    dies(
        world,
        "smb_sessions.close_share",
        lambda host: host.shares.delete("tenant", "files", with_snapshots=True),
    )
    (operation,) = world.host.operations.list()
    assert operation.no_return == "its data is being removed"


def test_options_that_do_not_fit_the_former_size_are_named(world: World) -> None:
    world.host.shares.extend("tenant", "files", LARGE)
    world.host.shares.set("tenant", "files", time_machine=TimeMachine(LARGE))
    with pytest.raises(InvalidInput, match="backups may not take"):
        world.host.snapshots.revert("tenant", "files", "before")
    assert LARGE == world.share("tenant", "files").capacity


def test_a_damaged_share_can_be_reverted_and_lose_snapshots(world: World) -> None:
    files(world).condition = Condition.RUINED
    with suppress(SharesError):
        world.host.shares.check("tenant", "files")
    assert world.share("tenant", "files").damaged
    world.host.snapshots.revert("tenant", "files", "before")
    assert world.share("tenant", "files").status is ShareStatus.READY
    files(world).condition = Condition.RUINED
    with suppress(SharesError):
        world.host.shares.check("tenant", "files")
    world.host.snapshots.delete("tenant", "files", "before")
    assert world.share("tenant", "files").damaged
    with pytest.raises(ShareFailed):
        world.host.snapshots.create("tenant", "files")


def test_another_share_does_not_pass_for_a_clone(world: World) -> None:
    """A clone of that very snapshot does, however often it is asked for."""
    capacity = world.share("tenant", "files").capacity
    world.host.shares.create("tenant", "copy", Capacity(capacity.bytes))
    with pytest.raises(AlreadyExists, match="it was not made from that snapshot"):
        world.host.shares.clone("tenant", "copy", SOURCE)
    first = world.host.shares.clone("tenant", "second", SOURCE)
    assert first.share == world.host.shares.clone("tenant", "second", SOURCE).share


def test_a_cancelled_snapshot_is_not_taken(world: World) -> None:
    """A cancel takes effect between two steps."""
    before = set(world.machine.volumes)

    def cancelling(port_call: PortCall, proceed: Callable[[], Any]) -> Any:
        answer = proceed()
        if str(port_call) == "storage.snapshot_volume":
            (operation,) = world.host.operations.list()
            world.host.operations.cancel(operation.id)
        return answer

    process = host(memory_ports(world.machine, faults=cancelling), NETWORK)
    with pytest.raises(SharesError):
        process.snapshots.create("tenant", "files", "now")
    assert before == set(world.machine.volumes)
    assert world.admitted()


@pytest.fixture
def exported(world: World) -> World:
    """A snapshot that ada may read."""
    world.host.snapshots.export("tenant", "files", "before")
    world.host.access.allow("tenant", "files@before", "ada")
    return world


def test_an_exported_snapshot_can_only_be_read(exported: World) -> None:
    """Nobody is let in to write, and the rules of its share do not count there."""
    access = exported.host.access
    assert [AccessRule.for_user("ada", RO)] == list(access.list("tenant", "files@before"))
    before = dict(exported.machine.records)
    with pytest.raises(InvalidInput, match="cannot write to snapshot before"):
        access.allow("tenant", "files@before", "bob", RW)
    with pytest.raises(InvalidInput, match="cannot write to snapshot before"):
        access.replace("tenant", "files@before", [AccessRule.for_user("bob", RW)])
    assert before == exported.machine.records
    assert ("files@before", "bob") not in exported.admitted()


def test_an_exported_snapshot_outlives_what_happens_to_its_share(exported: World) -> None:
    """A revert and a check do not disconnect its clients; deleting the share does."""
    client = exported.connect("ada", PASSWORD)
    opened = client.open("files@before")
    exported.host.snapshots.revert("tenant", "files", "before")
    exported.host.shares.check("tenant", "files")
    assert [opened] == client.files
    exported.host.shares.delete("tenant", "files", with_snapshots=True)
    assert [] == client.files
    assert {} == exported.admitted()


def test_an_exported_snapshot_of_a_damaged_share_is_served(exported: World) -> None:
    """It may be all that is left, and somebody else can be let in to it."""
    machine, server = exported.machine, exported.record("tenant")
    exported.host.servers.stop("tenant")
    damaged = server.share("files").failed(Failure.damaged("its tables are gone"))
    machine.records[server.id] = exported.record("tenant").with_share(damaged)
    exported.host.servers.start("tenant")
    assert {("files@before", "ada"): RO} == exported.admitted()
    exported.host.access.allow("tenant", "files@before", "bob")
    assert {"ada", "bob"} == {user for _, user in exported.admitted()}


def test_a_share_whose_exports_do_not_close_loses_nothing(exported: World) -> None:
    """Its deletion can still be cancelled."""
    server = exported.record("tenant")
    plan = FaultPlan().on("smb_sessions.close_share", skip=1)
    before = set(exported.machine.volumes)
    with pytest.raises(SharesError):
        exported.process(plan).shares.delete("tenant", "files", with_snapshots=True)
    assert before == set(exported.machine.volumes)
    (operation,) = exported.host.operations.list()
    assert (operation.server, operation.no_return) == (str(server.name), "")
    exported.host.operations.cancel(operation.id)
    assert ("files@before", "ada") in exported.admitted()


def test_a_schedule_removes_no_exported_snapshot(world: World) -> None:
    """It does once it is exported no more."""
    host = world.host
    host.snapshots.delete("tenant", "files", "before")
    host.schedules.set("tenant", "files", Schedule(hourly=1))
    ((first,),) = ([each.taken] for each in host.schedules.run())
    host.snapshots.export("tenant", "files", first)
    for _ in range(2):
        world.machine.time += 3600
        host.schedules.run()
    assert [True, False] == [view.snapshot.is_exported for view in host.snapshots.list("tenant")]
    host.snapshots.unexport("tenant", "files", first)
    host.schedules.run()
    assert first not in [str(view.snapshot.name) for view in host.snapshots.list("tenant")]


def test_no_two_things_are_served_under_one_name(exported: World) -> None:
    """Neither a share beside an exported snapshot nor the reverse."""
    host = exported.host
    with pytest.raises(AlreadyExists, match="a snapshot is exported under that name"):
        host.shares.create("tenant", "Files@Before", SMALL)
    host.shares.create("tenant", "files@other", SMALL)
    host.snapshots.create("tenant", "files", "other")
    with pytest.raises(AlreadyExists):
        host.snapshots.export("tenant", "files", "other")
    host.snapshots.create("tenant", "files", "20:00")
    with pytest.raises(InvalidInput, match="files@20:00"):
        host.snapshots.export("tenant", "files", "20:00")
    assert [True, False, False] == [v.snapshot.is_exported for v in host.snapshots.list("tenant", "files")]
