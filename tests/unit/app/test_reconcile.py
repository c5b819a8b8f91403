from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.world import NETWORK, PASSWORD, RW, World

from shares_core.app.operations.create_server import CreateServer
from shares_core.app.operations.delete_server import DeleteServer
from shares_core.app.operations.end_sessions import EndSessions
from shares_core.app.operations.perform import Begun
from shares_core.bootstrap import host
from shares_core.domain.errors import (
    RecordUnreadable,
    SharesError,
)
from shares_core.domain.names import UserName
from shares_core.domain.operation import ServerOperation
from shares_core.domain.views import ReconcileOutcome, ReconcileReport, RunState
from shares_core.testing import Call, Fault, FaultPlan, ProcessDied, memory_ports

BEGUN = Begun(id="0badc0ffee00", since=1)


@pytest.mark.parametrize("shock", ["reboot", "restart_docker"])
def test_reconcile_makes_the_host_agree_with_the_records(world: World, shock: str) -> None:
    """After a reboot or a Docker restart exactly those servers serve that should."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.connect("ada").open("files", write=True).write(b"kept")
    world.served(server="resting")
    world.host.servers.stop("resting")
    getattr(world.machine, shock)()
    assert "it should run" in world.host.servers.show("tenant").problem
    looked = world.host.fleet.reconcile(dry_run=True).servers
    assert "it should run" in world.host.servers.show("tenant").problem
    (view,) = world.host.fleet.reconcile().servers
    assert (view.found, ReconcileOutcome.FOUND) == (looked[0].found, looked[0].outcome)
    assert ("tenant", "", ReconcileOutcome.OK) == (view.name, view.problem, view.outcome)
    assert "the container is stopped" in map(str, view.found)
    assert ReconcileReport(known=2) == world.host.fleet.reconcile()
    assert b"kept" == world.connect("ada").open("files").read()
    assert RunState.STOPPED is world.host.servers.show("resting").state


def test_one_servers_trouble_does_not_keep_the_others_down(world: World) -> None:
    """That server's view says so."""
    for name in ("a", "b", "c"):
        world.host.servers.create(name)
    world.machine.reboot()
    device = world.record("b").interfaces[0].host_device
    world.machine.foreign_devices[device] = ()
    problems = {view.name: bool(view.problem) for view in world.host.fleet.reconcile().servers}
    assert {"a": False, "b": True, "c": False} == problems


def test_an_unreadable_record_blocks_only_what_needs_it(world: World) -> None:
    """It is named and kept; other servers work; no new claims are made, because it may have them."""
    world.served(server="good")
    world.host.servers.create("bad")
    bad = world.machine.server_id("bad")
    world.machine.damage_record(bad)
    damaged = world.machine.records[bad]
    assert any(isinstance(entry, RecordUnreadable) for entry in world.host.servers.list())
    for name in ("bad", "new"):
        with pytest.raises(RecordUnreadable):
            world.host.servers.create(name)
    with pytest.raises(RecordUnreadable):
        world.host.servers.delete("bad")
    world.host.access.allow("good", "files", "ada", RW, PASSWORD)
    world.host.shares.delete("good", "files")
    assert {f"memory:{bad}": True} == {
        view.name: bool(view.problem) for view in world.host.fleet.reconcile().servers
    }
    world.host.servers.delete("good")
    assert {bad: damaged} == world.machine.records
    assert {bad} == world.machine.lock_table.kept
    assert [bad] == list(world.machine.containers)
    assert ["shares0"] == list(world.machine.bridges)  # the unreadable server may be on it


def test_a_container_of_another_installation_is_left_alone(world: World) -> None:
    """Even if it is in the way."""
    world.host.servers.create("tenant")
    world.machine.reboot()
    container = world.machine.containers[world.machine.server_id("tenant")]
    container.foreign = True
    with pytest.raises(SharesError):
        world.host.servers.start("tenant")
    assert [container] == list(world.machine.containers.values())


def test_a_servers_view_says_what_is_wrong(world: World) -> None:
    """A silent Docker or a missing interface does not make the call fail."""
    server = world.host.servers.create("tenant").server
    world.machine.links.clear()
    assert "not attached" in world.host.servers.show("tenant").problem
    assert "" == world.host.servers.start("tenant").problem
    world.machine.docker_up = False
    shown = world.host.servers.show("tenant")
    assert (server, RunState.UNKNOWN) == (shown.server, shown.state)
    assert "Docker" in shown.problem


def test_a_deny_after_a_reboot_takes_effect_before_anything_runs(world: World) -> None:
    """A server that does not run can be changed, and serves the new rules when it is brought back."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.machine.reboot()
    assert world.host.access.deny("tenant", "files", "ada")
    world.host.fleet.reconcile()
    assert {} == world.admitted()


@pytest.mark.parametrize(
    ("verb", "call", "outcome"),
    [
        ("create", "runtime.start", ReconcileOutcome.CREATION_UNDONE),
        ("delete", "runtime.remove", ReconcileOutcome.DELETION_CARRIED_ON),
    ],
)
def test_reconcile_reports_a_server_that_it_removed(
    world: World, verb: str, call: str, outcome: ReconcileOutcome
) -> None:
    """With the reason: its killed caller's operation. The next reconcile does not mention it."""
    world.host.servers.create("stays")
    if verb == "delete":
        world.host.servers.create("tenant")
    plan = FaultPlan().on(call, Fault(dies=True))
    with pytest.raises(ProcessDied):
        getattr(world.process(plan).servers, verb)("tenant")
    told = {view.name: (view.outcome, view.problem) for view in world.host.fleet.reconcile().servers}
    assert {"tenant": (outcome, "")} == told
    assert world.host.fleet.reconcile().is_empty


@pytest.mark.parametrize(
    ("operation", "outcome"),
    [
        (None, ReconcileOutcome.DELETED_MEANWHILE),
        (EndSessions(**BEGUN, user=UserName("ada")), ReconcileOutcome.DELETED_MEANWHILE),
        (CreateServer(**BEGUN), ReconcileOutcome.CREATION_UNDONE),
        (DeleteServer(**BEGUN), ReconcileOutcome.DELETION_CARRIED_ON),
    ],
)
def test_a_server_deleted_before_its_turn_is_not_a_failure(
    world: World, operation: ServerOperation | None, outcome: ReconcileOutcome
) -> None:
    """Another caller may delete it between the listing and its turn."""
    world.host.servers.create("tenant")
    record = world.record("tenant")
    listed = record.performing(operation)
    world.host.servers.delete("tenant")
    world.machine.records[record.id] = listed

    def vanish(call: Call, proceed: Callable[[], Any]) -> Any:
        if str(call) == "records.load":
            world.machine.records.clear()
        return proceed()

    fleet = host(memory_ports(world.machine, faults=vanish), NETWORK).fleet
    assert [("tenant", "", outcome)] == [(v.name, v.problem, v.outcome) for v in fleet.reconcile().servers]


def test_the_outcome_tells_failed_from_unreadable(world: World) -> None:
    """A share that cannot be served is also a failure of its server."""
    for name in ("blocked", "lost", "torn"):
        world.served(server=name)
    world.machine.reboot()
    world.machine.foreign_devices[world.record("blocked").interfaces[0].host_device] = ()
    del world.machine.volumes[world.share("lost", "files").volume.ref]
    world.machine.damage_record(world.machine.server_id("torn"))
    assert [ReconcileOutcome.FAILED, ReconcileOutcome.FAILED, ReconcileOutcome.UNREADABLE] == [
        view.outcome for view in world.host.fleet.reconcile().servers
    ]
