"""Snapshots, reverts and clones where volumes cannot share blocks, so that they are copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.app.test_crashes import populated
from tests.unit.app.use_cases import SLOW, SOURCE, files, has, snapshots
from tests.unit.world import NETWORK, PASSWORD, RO, RW, World

from shares_core.bootstrap import Host, host
from shares_core.domain.errors import Busy, Cancelled, Conflict, NoCapacity, NotFound
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.schedules import Schedule
from shares_core.domain.share import ShareStatus
from shares_core.testing import Call as PortCall
from shares_core.testing import SmbRefused, memory_ports

COPIES = [SnapshotWay.COPYING, SnapshotWay.COPYING_READ_ONLY]
#: What copies, if it is allowed to.
_CALLS: dict[str, Callable[[Host, bool], object]] = {
    "create": lambda host, copy: host.snapshots.create("tenant", "files", "second", copy=copy),
    "revert": lambda host, copy: host.snapshots.revert("tenant", "files", "before", copy=copy),
    "clone": lambda host, copy: host.shares.clone("tenant", "copy", SOURCE, copy=copy),
    "clone elsewhere": lambda host, copy: host.shares.clone(
        "tenant", "copy", SOURCE, pool=str(SLOW), copy=copy
    ),
}


@pytest.fixture(params=COPIES)
def world(request: pytest.FixtureRequest) -> World:
    """A share in a pool that copies, with a snapshot and a younger file; and another pool."""
    world = populated()
    world.machine.snapshot_way = request.param
    world.machine.pools = (*world.machine.pools, SLOW)
    world.host.snapshots.create("tenant", "files", "before", copy=True)
    files(world).files["since"] = b"then"
    return world


def meanwhile(world: World, work: Callable[[], object]) -> Host:
    """A process in which that happens in the middle of a copy, once."""
    pending = [work]

    def watching(port_call: PortCall, proceed: Callable[[], Any]) -> Any:
        if str(port_call) == "progress.report" and pending:
            pending.pop()()
        return proceed()

    return host(memory_ports(world.machine, faults=watching), NETWORK)


@pytest.mark.parametrize("name", _CALLS)
def test_nothing_is_copied_unasked(world: World, name: str) -> None:
    """The error says how much has to be."""
    before = dict(world.machine.records), set(world.machine.volumes)
    with pytest.raises(Conflict, match="64 MiB have to be copied") as told:
        _CALLS[name](world.host, False)
    assert "copy" in told.value.hint
    assert before == (dict(world.machine.records), set(world.machine.volumes))
    assert has(world, "files", "ada") is RW


@pytest.mark.parametrize("name", _CALLS)
def test_a_copy_tells_how_far_it_is(world: World, name: str) -> None:
    told: list[float | None] = []
    seen = meanwhile(world, lambda: None)

    def watching(port_call: PortCall, proceed: Callable[[], Any]) -> Any:
        answer = proceed()
        if str(port_call) == "progress.report":
            told.extend(view.progress for view in seen.operations.list())
        return answer

    _CALLS[name](host(memory_ports(world.machine, faults=watching), NETWORK), True)
    assert 0.5 == told[0]
    assert [] == list(world.machine.progress)


@pytest.mark.parametrize("name", _CALLS)
def test_a_copy_is_cancelled_in_its_middle(world: World, name: str) -> None:
    """Nothing of it is left, and the share is what it was."""
    before = set(world.machine.volumes)

    def cancel() -> None:
        (operation,) = world.host.operations.list()
        world.host.operations.cancel(operation.id)

    with pytest.raises(Cancelled):
        _CALLS[name](meanwhile(world, cancel), True)
    assert before == set(world.machine.volumes)
    assert (["before"], b"then") == (snapshots(world), files(world).files["since"])
    assert has(world, "files", "ada") is RW
    assert world.host.fleet.reconcile().is_empty


def test_clients_can_read_while_a_snapshot_is_copied(world: World) -> None:
    """In a folder of files they cannot write; elsewhere they stay connected and go on writing."""
    opened = world.connect("ada", PASSWORD).open("files")
    only_read = world.machine.snapshot_way is SnapshotWay.COPYING_READ_ONLY
    found: list[object] = []

    def look() -> None:
        found.append(has(world, "files", "ada"))
        client = world.connect("ada", PASSWORD)
        client.open("files", write=False)
        try:
            client.open("files", write=True)
            found.append("written")
        except SmbRefused:
            found.append("refused")
        client.end()

    meanwhile(world, look).snapshots.create("tenant", "files", "second", copy=True)
    assert ([RO, "refused"] if only_read else [RW, "written"]) == found
    assert opened.closed is only_read
    assert has(world, "files", "ada") is RW
    world.connect("ada", PASSWORD).open("files", write=True)


def test_nobody_waits_for_a_copy(world: World) -> None:
    """Others change the server and deny the very share; only its own changes are refused."""
    share = world.share("tenant", "files")

    def others() -> None:
        assert world.share("tenant", "files").status is ShareStatus.SNAPSHOTTING
        world.host.access.deny("tenant", "files", "ada")
        world.host.shares.create("tenant", "more", share.capacity)
        world.host.access.allow("tenant", "more", "ada")
        with pytest.raises(Busy, match=r"snapshot\.create"):
            world.host.shares.extend("tenant", "files", share.capacity)

    meanwhile(world, others).snapshots.create("tenant", "files", "second", copy=True)
    assert (None, RW) == (has(world, "files", "ada"), has(world, "more", "ada"))


def test_a_server_is_stopped_and_started_while_a_snapshot_is_copied(world: World) -> None:
    """The share is served again when it is done."""

    def restart() -> None:
        world.host.servers.stop("tenant")
        world.host.servers.start("tenant")

    meanwhile(world, restart).snapshots.create("tenant", "files", "second", copy=True)
    assert (["before", "second"], RW) == (snapshots(world), has(world, "files", "ada"))
    assert world.host.fleet.reconcile().is_empty


def test_the_source_of_a_clone_is_deleted_while_it_is_copied(world: World) -> None:
    """The clone is whole, or is not there."""
    process = meanwhile(world, lambda: world.host.snapshots.delete("tenant", "files", "before"))
    process.shares.clone("tenant", "copy", SOURCE, pool=str(SLOW), copy=True)
    assert world.share("tenant", "copy").status is ShareStatus.READY


def test_a_pool_without_room_for_a_copy_keeps_what_it_has(world: World) -> None:
    world.machine.pool_size = type(world.machine.pool_size)(
        sum(volume.size for ref, volume in world.machine.volumes.items() if ref.pool != SLOW)
    )
    with pytest.raises(NoCapacity):
        world.host.snapshots.create("tenant", "files", "second", copy=True)
    assert (["before"], RW) == (snapshots(world), has(world, "files", "ada"))


def test_a_clone_is_made_only_in_a_pool_that_is_there(world: World) -> None:
    with pytest.raises(NotFound, match="pool"):
        world.host.shares.clone("tenant", "copy", SOURCE, pool="fast", copy=True)


def test_no_schedule_copies(world: World) -> None:
    """One that is there from before can be cleared."""
    with pytest.raises(Conflict, match="each would be copied"):
        world.host.schedules.set("tenant", "files", Schedule(daily=1))
    world.host.schedules.clear("tenant", "files")
