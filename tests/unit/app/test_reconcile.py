from __future__ import annotations

import pytest
from tests.unit.world import PASSWORD, RW, World

from shares_core.domain.errors import (
    RecordUnreadable,
    SharesError,
)
from shares_core.domain.views import RunState


@pytest.mark.parametrize("shock", ["reboot", "restart_docker"])
def test_reconcile_makes_the_host_agree_with_the_records(world: World, shock: str) -> None:
    """After a reboot or a Docker restart those serve again that should, and only those."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.connect("ada").open("files", write=True).write(b"kept")
    world.served(server="resting")
    world.host.servers.stop("resting")
    getattr(world.machine, shock)()
    assert "it should run" in world.host.servers.show("tenant").problem
    for _ in range(2):
        assert [("resting", ""), ("tenant", "")] == [
            (v.name, v.problem) for v in world.host.servers.reconcile()
        ]
    assert b"kept" == world.connect("ada").open("files").read()
    assert RunState.STOPPED is world.host.servers.show("resting").state


def test_one_servers_trouble_does_not_keep_the_others_down(world: World) -> None:
    """It is told in that server's view."""
    for name in ("a", "b", "c"):
        world.host.servers.create(name)
    world.machine.reboot()
    device = world.record("b").interfaces[0].host_device
    world.machine.foreign_devices[device] = ()
    problems = {view.name: bool(view.problem) for view in world.host.servers.reconcile()}
    assert {"a": False, "b": True, "c": False} == problems


def test_a_record_that_cannot_be_read_blocks_what_needs_it_and_no_more(world: World) -> None:
    """It is named and kept; other servers work; nothing is claimed that it may hold."""
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
    assert {"good": False, f"memory:{bad}": True} == {
        view.name: bool(view.problem) for view in world.host.servers.reconcile()
    }
    world.host.servers.delete("good")
    assert {bad: damaged} == world.machine.records
    assert {bad} == world.machine.lock_table.kept
    assert [bad] == list(world.machine.containers)
    assert ["shares0"] == list(world.machine.bridges)  # the unreadable server may be on it


def test_a_container_of_another_installation_is_left_alone(world: World) -> None:
    """Even where it stands in the way."""
    world.host.servers.create("tenant")
    world.machine.reboot()
    container = world.machine.containers[world.machine.server_id("tenant")]
    container.foreign = True
    with pytest.raises(SharesError):
        world.host.servers.start("tenant")
    assert [container] == list(world.machine.containers.values())


def test_what_is_wrong_with_a_server_is_told(world: World) -> None:
    """A Docker that does not answer and an interface that is gone are no reason to fail."""
    server = world.host.servers.create("tenant").server
    world.machine.links.clear()
    assert "not plugged" in world.host.servers.show("tenant").problem
    assert "" == world.host.servers.start("tenant").problem
    world.machine.docker_up = False
    shown = world.host.servers.show("tenant")
    assert (server, RunState.UNKNOWN) == (shown.server, shown.state)
    assert "Docker" in shown.problem


def test_a_deny_counts_after_a_reboot_too_before_anything_runs_again(world: World) -> None:
    """A server that does not run can be worked on, and serves the new rules when it is brought back."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.machine.reboot()
    assert world.host.access.deny("tenant", "files", "ada")
    world.host.servers.reconcile()
    assert {} == world.admitted()
