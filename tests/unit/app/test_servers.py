from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.world import NETWORK, PASSWORD, RW, SMALL, World, on

from shares_core.bootstrap import host
from shares_core.domain.errors import (
    AddressTaken,
    AlreadyExists,
    BackendFailure,
    Conflict,
    HostNotReady,
    InvalidInput,
    NotEmpty,
    NotFound,
)
from shares_core.domain.network import InterfaceSpec
from shares_core.domain.server import DesiredState
from shares_core.domain.views import RunState, ServerView
from shares_core.testing import Call, FaultPlan, memory_ports


def test_a_created_server_runs_and_is_listed(world: World) -> None:
    """Create, show and list return the same."""
    created = world.host.servers.create("tenant")
    assert (RunState.RUNNING, "") == (created.state, created.problem)
    assert created == world.host.servers.show("tenant")
    assert (created,) == world.host.servers.list()
    assert "10.254.0.2/24" == str(created.server.interfaces[0].addresses[0])


def test_creating_the_same_server_again_returns_it(world: World) -> None:
    """Twice equals once."""
    asked = on("br-a", "10.0.0.5/24", "fd00::5/64", gateways=["10.0.0.1"])
    first = world.host.servers.create("tenant", asked)
    assert first == world.host.servers.create("tenant", asked)
    assert 1 == len(world.machine.records) == len(world.machine.lock_table.kept)


def test_a_server_may_have_several_interfaces(world: World) -> None:
    """Each with its own device, and export locations for every address."""
    world.host.servers.create(
        "tenant", (*on("br-a", "10.0.0.5/24"), *on("br-b", "10.0.0.5/24", "fd00::5/64"))
    )
    share = world.host.shares.create("tenant", "R&D", SMALL)
    assert (r"\\10.0.0.5\R&D", r"\\10.0.0.5\R&D", r"\\fd00--5.ipv6-literal.net\R&D") == share.export_locations
    assert [0, 1] == [link.index for link in world.machine.links.values()]


@pytest.mark.parametrize(
    "asked",
    [
        on("br-a", "10.0.0.6/24"),
        on("br-b", "10.0.0.5/24"),
        (InterfaceSpec(),),
        (*on("br-a", "10.0.0.5/24"), InterfaceSpec()),
    ],
)
def test_a_server_with_other_interfaces_already_exists(
    world: World, asked: tuple[InterfaceSpec, ...]
) -> None:
    """A different server of the same name is a conflict, and changes nothing."""
    created = world.host.servers.create("tenant", on("br-a", "10.0.0.5/24"))
    with pytest.raises(AlreadyExists):
        world.host.servers.create("tenant", asked)
    assert (created,) == world.host.servers.list()


def test_names_of_servers_differ_in_more_than_case(world: World) -> None:
    """A second one is refused, and either spelling finds the first."""
    created = world.host.servers.create("Tenant")
    with pytest.raises(AlreadyExists):
        world.host.servers.create("tenant")
    assert created == world.host.servers.show("TENANT")


def test_one_address_on_two_bridges_belongs_to_two_tenants(world: World) -> None:
    """And on one bridge to one."""
    world.host.servers.create("a", on("br-a", "10.0.0.5/24"))
    world.host.servers.create("b", on("br-b", "10.0.0.5/24"))
    with pytest.raises(AddressTaken):
        world.host.servers.create("c", on("br-b", "10.0.0.5/24"))
    assert ["a", "b"] == [str(v.server.name) for v in world.host.servers.list() if isinstance(v, ServerView)]


def test_a_mac_address_is_taken_on_its_bridge(world: World) -> None:
    """Like an address."""
    world.host.servers.create("a", on("br-a", "10.0.0.5/24", mac="02:00:00:00:00:01"))
    with pytest.raises(AddressTaken):
        world.host.servers.create("b", on("br-a", "10.0.0.6/24", mac="02:00:00:00:00:01"))


def test_two_interfaces_of_one_server_do_not_share_an_address(world: World) -> None:
    """A server can conflict with itself."""
    with pytest.raises(AddressTaken):
        world.host.servers.create("a", (*on("br-a", "10.0.0.5/24"), *on("br-a", "10.0.0.5/16")))
    assert {} == world.leftovers()


@pytest.mark.parametrize("name", ["", "..", "-x", "a b", "%U", "a\nb", "x" * 64])
def test_a_bad_name_is_refused_and_changes_nothing(world: World, name: str) -> None:
    """By every use case, before the host is looked at."""
    servers, world.machine.docker_up = world.host.servers, False
    for verb in (servers.create, servers.show, servers.delete):
        with pytest.raises(InvalidInput):
            verb(name)
    assert {} == world.leftovers()


def test_a_server_without_an_interface_is_refused(world: World) -> None:
    """Nobody could reach such a server."""
    with pytest.raises(InvalidInput):
        world.host.servers.create("tenant", ())


def test_an_unknown_server_is_not_found(world: World) -> None:
    """By any use case, and none makes it."""
    servers = world.host.servers
    for verb in (servers.show, servers.start, servers.stop, servers.delete):
        with pytest.raises(NotFound):
            verb("nobody")
    assert {} == world.leftovers()


@pytest.mark.parametrize("lack", ["docker_up", "image_built", "idmapped_mounts"])
def test_a_host_that_is_not_ready_makes_nothing(world: World, lack: str) -> None:
    """Docker, the image and the kernel come first."""
    setattr(world.machine, lack, False)
    with pytest.raises(HostNotReady):
        world.host.servers.create("tenant")
    assert {} == world.leftovers()


def test_a_stale_image_starts_existing_servers_but_makes_none(world: World) -> None:
    """Running servers go on."""
    world.host.servers.create("tenant")
    world.machine.image_stale = True
    world.machine.reboot()
    with pytest.raises(HostNotReady):
        world.host.servers.create("other")
    assert RunState.RUNNING is world.host.servers.start("tenant").state


@pytest.mark.parametrize("device", ["br-a", "shc000000000003"])
def test_another_ones_device_is_never_taken(world: World, device: str) -> None:
    """It is a conflict, it stays, and nothing of the server is left."""
    world.machine.foreign_devices[device] = ()
    with pytest.raises(Conflict):
        world.host.servers.create("tenant", on("br-a", "10.0.0.5/24"))
    assert {} == world.leftovers()
    assert {device: ()} == world.machine.foreign_devices


def test_a_host_address_that_another_device_has_is_a_conflict(world: World) -> None:
    """The host's own networks stay as they are."""
    world.machine.foreign_devices["eth0"] = ("10.0.0.1",)
    with pytest.raises(Conflict):
        world.host.servers.create("tenant", on("br-a", "10.0.0.5/24", host_addresses=["10.0.0.1/24"]))
    assert {} == world.leftovers()


def test_a_server_whose_smbd_ends_is_undone(world: World) -> None:
    """The error has smbd's own words, and nothing is left."""
    world.machine.smbd_fails = "no such workgroup"
    with pytest.raises(BackendFailure, match="no such workgroup"):
        world.host.servers.create("tenant")
    assert {} == world.leftovers()


def test_a_server_with_shares_is_not_deleted_by_accident(world: World) -> None:
    """Only when told that the shares may go; then nothing is left, whoever is connected."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    session = world.connect("ada")
    opened = session.open("files", write=True)
    with pytest.raises(NotEmpty):
        world.host.servers.delete("tenant")
    opened.write(b"still here")
    world.host.servers.delete("tenant", with_shares=True)
    assert {} == world.leftovers()
    assert not session.alive
    with pytest.raises(NotFound):
        world.host.servers.delete("tenant")


def test_a_bridge_goes_with_its_last_server(world: World) -> None:
    """It stays while another server needs it, even a stopped one."""
    world.host.servers.create("a", on("br-a", "10.0.0.5/24"))
    world.host.servers.create("b", on("br-a", "10.0.0.6/24"))
    world.host.servers.stop("b")
    world.host.servers.delete("a")
    assert ["br-a"] == list(world.machine.bridges)
    world.host.servers.delete("b")
    assert {} == world.leftovers()


def test_a_stopped_server_serves_nobody_and_keeps_everything(world: World) -> None:
    """Start brings back the same data, rules and passwords."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    session = world.connect("ada")
    session.open("files", write=True).write(b"kept")
    for _ in range(2):
        stopped = world.host.servers.stop("tenant")
        assert (RunState.STOPPED, DesiredState.STOPPED, "") == (
            stopped.state,
            stopped.server.desired,
            stopped.problem,
        )
    assert not session.alive
    assert not world.machine.mounts
    assert not world.machine.attached
    for _ in range(2):
        assert RunState.RUNNING is world.host.servers.start("tenant").state
    assert b"kept" == world.connect("ada").open("files").read()


def test_starting_a_running_server_disturbs_nobody(world: World) -> None:
    """Connections and open files go on."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    opened = world.connect("ada").open("files", write=True)
    world.host.servers.start("tenant")
    opened.write(b"undisturbed")


def test_a_container_that_ends_while_its_server_comes_up_is_replaced(world: World) -> None:
    """Docker may already be removing it, and calls it running until it is gone."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    server_id, starts = world.machine.server_id("tenant"), 0

    def ending(call: Call, proceed: Callable[[], Any]) -> Any:
        nonlocal starts
        if str(call) == "runtime.start":
            starts += 1
            if starts == 1:
                world.machine.kill_container(server_id)
                raise BackendFailure("it is marked for removal")
        return proceed()

    view = host(memory_ports(world.machine, faults=ending), NETWORK).servers.start("tenant")
    assert (RunState.RUNNING, "", 2) == (view.state, view.problem, starts)
    assert {("files", "ada"): RW} == world.admitted()


def test_the_host_is_looked_at_once_however_many_servers_are_listed(world: World) -> None:
    """One look for all containers, and one for all interfaces."""
    for number in range(5):
        world.host.servers.create(f"s{number}")
    plan = FaultPlan()
    views = world.process(plan).servers.list()
    assert [""] * 5 == [view.problem for view in views if isinstance(view, ServerView)]
    assert ["network.unplugged", "records.load_all", "runtime.list"] == sorted(map(str, plan.calls))
