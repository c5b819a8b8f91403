from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.world import NETWORK, PASSWORD, RO, RW, SMALL, World

from shares_core.bootstrap import host
from shares_core.domain.errors import BackendFailure, Conflict, SharesError
from shares_core.domain.secret import Secret
from shares_core.testing import (
    Call,
    Fault,
    FaultPlan,
    OpenFile,
    ProcessDied,
    Session,
    SmbRefused,
    intercept,
    memory_ports,
)
from shares_core.testing.clients import LOGON_FAILURE

OTHER = Secret("battery staple")


@pytest.fixture(params=[False, True], ids=["prompt", "lagging"])
def world(request: pytest.FixtureRequest) -> World:
    """A share on a host whose connections reload at once, and on a lagging host."""
    world = World.new(lagging=request.param)
    world.served()
    return world


@pytest.mark.parametrize("verb", ["smb_config.apply", "smb_sessions.close_user"])
@pytest.mark.parametrize("dies", [False, True])
def test_a_half_done_deny_never_reopens(world: World, verb: str, dies: bool) -> None:
    """The record has it first, and the next call on the server carries it on."""
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    opened = world.connect("ada").open("files", write=True)
    with pytest.raises((SharesError, ProcessDied)):
        world.process(FaultPlan().on(verb, Fault(dies=dies))).access.deny("tenant", "files", "ada")
    assert () == world.host.access.list("tenant", "files")
    world.host.shares.create("tenant", "other", SMALL)
    assert (True, {}) == (opened.closed, world.admitted())


def test_an_allow_that_fails_lets_nobody_in(world: World) -> None:
    """A client that connected meanwhile is disconnected, and the account is gone."""
    before = world.record("tenant")
    # The call saves the record of the new rules second.
    plan = FaultPlan().on("records.save", skip=1)
    with pytest.raises(SharesError):
        world.process(plan).access.allow("tenant", "files", "ada", RW, PASSWORD)
    assert (before, {}, {}) == (
        world.record("tenant"),
        world.admitted(),
        world.machine.secrets[before.id],
    )
    with pytest.raises(SmbRefused, match=LOGON_FAILURE):
        world.connect("ada")


def test_a_client_that_connected_under_a_failed_rule_is_disconnected(world: World) -> None:
    """A client that connected between Samba's new configuration and the error keeps no access."""
    world.host.access.allow("tenant", "files", "bob", RO, PASSWORD)
    opened: list[OpenFile] = []

    def racing(call: Call, proceed: Callable[[], object]) -> object:
        answer = proceed()
        if str(call) == "smb_config.apply" and not opened:
            opened.append(world.connect("bob").open("files", write=True))
            raise BackendFailure("an injected fault")
        return answer

    with pytest.raises(BackendFailure):
        host(intercept(memory_ports(world.machine), racing), NETWORK).access.allow(
            "tenant", "files", "bob", RW
        )
    assert [True] == [each.closed for each in opened]
    assert {("files", "bob"): RO} == world.admitted()


def test_a_client_that_logged_in_to_a_failed_account_is_disconnected(world: World) -> None:
    """Otherwise that connection would get whatever the name is granted later."""
    came_in: list[Session] = []

    def racing(call: Call, proceed: Callable[[], object]) -> object:
        answer = proceed()
        if str(call) == "smb_config.apply" and not came_in:
            came_in.append(world.connect("bob"))
            raise BackendFailure("an injected fault")
        return answer

    process = host(intercept(memory_ports(world.machine), racing), NETWORK)
    with pytest.raises(BackendFailure):
        process.access.allow("tenant", "files", "bob", RW, PASSWORD)
    assert [False] == [session.alive for session in came_in]


def test_a_half_set_password_finally_ends_the_users_sessions(world: World) -> None:
    """The next process finishes what the dead one began."""
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    session = world.connect("ada")
    plan = FaultPlan().on("smb_sessions.end_user", Fault(dies=True))
    with pytest.raises(ProcessDied):
        world.process(plan).users.set_password("tenant", "ada", OTHER)
    world.host.fleet.reconcile()
    assert not session.alive
    assert RW == world.connect("ada", OTHER).level("files")


@pytest.mark.parametrize("verb", ["filesystems.unmount", "storage.remove_volume"])
def test_a_share_that_cannot_be_removed_does_not_prevent_a_deny(world: World, verb: str) -> None:
    """It is not served, its deletion will be tried again, and the server's other shares go on."""
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.host.shares.create("tenant", "other", SMALL)
    world.host.access.allow("tenant", "other", "ada", RW)
    stuck = world.process(FaultPlan().on(verb, times=None))
    with pytest.raises(BackendFailure):
        stuck.shares.delete("tenant", "files")
    assert stuck.access.deny("tenant", "other", "ada")
    assert {} == world.admitted()
    stuck.fleet.reconcile()
    with pytest.raises(Conflict, match="is deleting"):
        world.host.shares.create("tenant", "files", SMALL)
    world.host.shares.delete("tenant", "files")
    assert ["other"] == [str(view.share.name) for view in world.host.shares.list("tenant")]


def test_reconcile_finishes_a_failed_delete(world: World) -> None:
    """It is deleted as soon as the host allows it."""
    with pytest.raises(BackendFailure):
        world.process(FaultPlan().on("filesystems.unmount", times=None)).shares.delete("tenant", "files")
    assert [""] == [view.problem for view in world.host.fleet.reconcile().servers]
    assert () == world.host.shares.list("tenant")


def test_reconcile_finishes_a_delete_on_a_stopped_server(world: World) -> None:
    """Deleting needs no running server."""
    stuck = world.process(FaultPlan().on("storage.remove_volume", times=None))
    with pytest.raises(BackendFailure):
        stuck.shares.delete("tenant", "files")
    stuck.servers.stop("tenant")
    assert [""] == [view.problem for view in world.host.fleet.reconcile().servers]
    assert ((), {}) == (world.host.shares.list("tenant"), world.machine.volumes)


@pytest.mark.parametrize("act", ["stop", "delete"])
def test_a_server_can_be_taken_down_whatever_is_left_open_on_it(world: World, act: str) -> None:
    """A deny that cannot be carried on must not prevent ending all connections at once."""
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    opened = world.connect("ada").open("files", write=True)
    stuck = world.process(FaultPlan().on("smb_sessions.close_user", times=None))
    with pytest.raises(BackendFailure):
        stuck.access.deny("tenant", "files", "ada")
    with pytest.raises(BackendFailure):
        stuck.access.allow("tenant", "files", "bob", RO)
    if act == "stop":
        stuck.servers.stop("tenant")
    else:
        stuck.servers.delete("tenant", with_shares=True)
    assert opened.closed


def test_a_create_whose_volume_cannot_be_attached_leaves_nothing(world: World) -> None:
    """Undoing it needs no device either."""
    before = world.record("tenant"), set(world.machine.volumes)
    stuck = world.process(FaultPlan().on("storage.attach", times=None))
    with pytest.raises(SharesError) as failure:
        stuck.shares.create("tenant", "other", SMALL)
    assert (before, ()) == (
        (world.record("tenant"), set(world.machine.volumes)),
        world.host.operations.list(),
    )
    assert not hasattr(failure.value, "__notes__")
