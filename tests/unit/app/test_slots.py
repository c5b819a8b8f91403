"""A share has its own slot: a long operation there keeps nobody waiting on its server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from attrs import define, field
from tests.unit.world import LARGE, NETWORK, PASSWORD, RO, RW, SMALL, World

from shares_core.bootstrap import Host, host
from shares_core.domain.errors import BackendFailure, Busy, Cancelled, Conflict, NotFound, SharesError
from shares_core.domain.share import FileSystemKind, ShareStatus
from shares_core.domain.views import RunState
from shares_core.testing import Call, Fault, FaultPlan, Moment, intercept, memory_ports

#: A port call in the middle of each long operation, and the operation.
LONG: dict[str, tuple[str, Callable[[Host], object]]] = {
    "check": ("filesystems.examine", lambda h: h.shares.check("tenant", "files")),
    "repair": ("filesystems.repair", lambda h: h.shares.check("tenant", "files", repair=True)),
    "grow offline": ("filesystems.grow_unmounted", lambda h: h.shares.extend("tenant", "files", LARGE)),
    "wipe": ("storage.remove_volume", lambda h: h.shares.delete("tenant", "files")),
}


@define
class Paused:
    """A call of a port that does not end until it is released."""

    verb: str
    reached: threading.Event = field(factory=threading.Event)
    released: threading.Event = field(factory=threading.Event)
    error: BaseException | None = None

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        if str(call) == self.verb and not self.reached.is_set():
            self.reached.set()
            assert self.released.wait(20)
        return proceed()


@contextmanager
def under_way(world: World, name: str) -> Iterator[Paused]:
    """In the block, the operation of that name is in the middle of its long call."""
    verb, work = LONG[name]
    paused = Paused(verb)
    # Outside the machine's mutex, because a call that is paused inside would pause everybody.
    process = host(intercept(memory_ports(world.machine), paused), NETWORK)

    def run() -> None:
        try:
            work(process)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            paused.error = error

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert paused.reached.wait(20), paused.error
        yield paused
    finally:
        paused.released.set()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(params=LONG)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(name: str) -> World:
    """A server with a share for long operations, and another share."""
    world = World.new(online_grow=[FileSystemKind.XFS])
    world.served()
    world.host.shares.create("tenant", "other", SMALL)
    for share in ("files", "other"):
        world.host.access.allow("tenant", share, "ada", RW, PASSWORD)
        world.host.access.allow("tenant", share, "bob", RO, PASSWORD)
    if name == "repair":
        world.ruin()
    return world


def test_a_long_operation_keeps_nobody_waiting(world: World, name: str) -> None:
    """Everything else on the server is done at once, also a deny on the share itself."""
    me = world.process(lock_timeout=0)
    with under_way(world, name) as paused:
        assert me.access.deny("tenant", "files", "ada")
        assert me.access.deny("tenant", "other", "ada")
        me.access.allow("tenant", "other", "carl", RW, PASSWORD)
        me.shares.create("tenant", "new", SMALL)
        me.shares.extend("tenant", "new", LARGE)
        me.shares.delete("tenant", "new")
        assert RunState.RUNNING is me.servers.show("tenant").state
        assert RunState.STOPPED is me.servers.stop("tenant").state
        me.servers.start("tenant")
        assert not me.fleet.reconcile(dry_run=True).servers
    assert paused.error is None
    assert ("files", "ada") not in world.admitted()
    world.host.fleet.reconcile()
    assert world.host.fleet.reconcile(dry_run=True).is_empty


def test_a_stop_does_not_ask_for_a_slot_that_is_held(world: World, name: str) -> None:
    """Asking for it takes a moment on a real host: for each share on which somebody is at work."""
    plan = FaultPlan()
    with under_way(world, name):
        world.process(plan).servers.stop("tenant")
    asked = list(map(str, plan.calls))
    assert "runtime.remove" in asked
    assert "locks.share" not in asked


def test_another_change_of_the_share_is_busy_and_says_why(world: World, name: str) -> None:
    """At once, with nothing changed; the operation's kind and id are named."""
    me = world.process(lock_timeout=0)
    with under_way(world, name):
        (view,) = me.operations.list()
        assert ("tenant", "files", True) == (view.server, view.share, view.running)
        before = world.machine.records
        changes: list[Callable[[], object]] = [
            lambda: me.shares.extend("tenant", "files", LARGE),
            lambda: me.shares.delete("tenant", "files"),
            lambda: me.shares.check("tenant", "files"),
            lambda: me.shares.create("tenant", "files", SMALL),
            lambda: me.access.allow("tenant", "files", "ada", RO),
            lambda: me.access.replace("tenant", "files", []),
            lambda: me.servers.delete("tenant", with_shares=True),
        ]
        for change in changes:
            with pytest.raises(Busy, match=f"{view.kind} {view.id} has been under way"):
                change()
        assert before == world.machine.records
    assert () == me.operations.list()
    with pytest.raises(NotFound):
        me.operations.show(view.id)


def test_after_a_stop_the_share_is_unmounted_when_its_operation_ends(world: World, name: str) -> None:
    """At its end the operation sees that its server should be stopped."""
    with under_way(world, name):
        world.process(lock_timeout=0).servers.stop("tenant")
    assert not world.machine.attached
    assert not world.machine.mounts
    assert world.host.fleet.reconcile(dry_run=True).is_empty


def test_a_deny_during_the_operation_outlives_it(world: World, name: str) -> None:
    """The operation goes on from what the record says by then, not from what it said before."""
    with under_way(world, name):
        world.process(lock_timeout=0).access.deny("tenant", "files", "ada")
    record = world.record("tenant").find_share("files")
    assert record is None or ["bob"] == [str(rule.principal.name) for rule in record.rules]


def test_a_killed_operation_is_interrupted_and_recovered_by_reconcile(world: World, name: str) -> None:
    """It shows that nobody is at work on it any more."""
    verb, work = LONG[name]
    with pytest.raises(BaseException, match="died"):
        work(world.process(FaultPlan().on(verb, Fault(Moment.HALFWAY, dies=True))))
    world.machine.lock_table.reset()
    (view,) = world.host.operations.list()
    assert not view.running
    assert not world.host.fleet.reconcile(dry_run=True).is_empty
    world.host.fleet.reconcile()
    assert () == world.host.operations.list() or name == "repair"


def test_a_stop_leaves_a_device_that_a_killed_callers_command_still_has(world: World, name: str) -> None:
    """The server is still down; the next reconcile that can detaches the device."""
    verb, work = LONG[name]
    with pytest.raises(BaseException, match="died"):
        work(world.process(FaultPlan().on(verb, Fault(Moment.HALFWAY, dies=True))))
    world.machine.lock_table.reset()
    volume = world.share("tenant", "files").volume.ref
    world.machine.attached.add(volume)

    def at_work(call: Call, proceed: Callable[[], Any]) -> Any:
        if str(call) in ("storage.detach", "storage.remove_volume") and call.args[0] == volume:
            raise BackendFailure("a command is still at work on it")
        return proceed()

    stopping = host(intercept(memory_ports(world.machine), at_work), NETWORK)
    assert RunState.STOPPED is stopping.servers.stop("tenant").state
    assert {volume} == world.machine.attached
    for _ in range(2):
        world.host.fleet.reconcile()
    assert not world.machine.attached


def test_a_stop_that_cannot_unmount_a_ready_share_fails(world: World, name: str) -> None:
    """Its clients' data may not be on the disk yet."""
    other = world.share("tenant", "other").volume.ref

    def in_use(call: Call, proceed: Callable[[], Any]) -> Any:
        if str(call) == "storage.detach" and call.args == (other,):
            raise BackendFailure("in use")
        return proceed()

    with pytest.raises(BackendFailure, match="in use"):
        host(intercept(memory_ports(world.machine), in_use), NETWORK).servers.stop("tenant")


def test_progress_is_shown_while_the_operation_is_at_work(world: World, name: str) -> None:
    """Afterwards nothing of it is kept."""
    _, work = LONG[name]
    seen: list[float | None] = []

    def watching(call: Call, proceed: Callable[[], Any]) -> Any:
        answer = proceed()
        if str(call) == "progress.report":
            seen.extend(view.progress for view in world.host.operations.list())
        return answer

    work(host(intercept(memory_ports(world.machine), watching), NETWORK))
    assert seen
    assert {0.5} == set(seen)
    assert {} == world.machine.progress


def test_the_next_reconcile_removes_progress_that_a_crash_left(world: World, name: str) -> None:
    """Whether its operation is still in the record or not; until then it is not shown."""
    verb, work = LONG[name]
    with pytest.raises(BaseException, match="died"):
        work(world.process(FaultPlan().on(verb, Fault(Moment.HALFWAY, dies=True))))
    world.machine.lock_table.reset()
    assert 1 == len(world.machine.progress)
    assert [None] == [view.progress for view in world.host.operations.list()]
    world.machine.progress["0badc0ffee00"] = 1, 2
    world.host.fleet.reconcile(dry_run=True)
    assert 2 == len(world.machine.progress)
    world.host.fleet.reconcile()
    assert {} == world.machine.progress


def test_a_cancel_takes_effect_before_the_next_step(world: World, name: str) -> None:
    """What was done is undone; past the point of no return it is refused, and nothing changes."""
    me = world.process(lock_timeout=0)
    with under_way(world, name) as paused:
        (view,) = me.operations.list()
        if view.no_return:
            with pytest.raises(Conflict, match=view.no_return):
                me.operations.cancel(view.id)
        else:
            assert me.operations.cancel(view.id).cancelled
            assert me.operations.cancel(view.id).cancelled
    assert (name == "check") == isinstance(paused.error, Cancelled), paused.error
    assert () == me.operations.list()
    if name == "check":
        assert ShareStatus.READY is world.share("tenant", "files").status
        assert ("files", "ada") in world.admitted()


@pytest.mark.parametrize("name", ["check"])
def test_cancelling_an_interrupted_operation_undoes_it(world: World, name: str) -> None:
    """Nobody is at work on it, so the cancelling call recovers it."""
    verb, work = LONG[name]
    with pytest.raises(BaseException, match="died"):
        work(world.process(FaultPlan().on(verb, Fault(Moment.HALFWAY, dies=True))))
    world.machine.lock_table.reset()
    (view,) = world.host.operations.list()
    world.host.operations.cancel(view.id)
    assert () == world.host.operations.list()
    assert ShareStatus.READY is world.share("tenant", "files").status


@pytest.mark.parametrize("name", ["check"])
def test_an_operation_on_a_server_itself_cannot_be_cancelled(world: World, name: str) -> None:
    """A deny only goes forward: half-done, it is carried on by the next call."""
    plan = FaultPlan().on("smb_sessions.close_user", Fault(dies=True))
    with pytest.raises(BaseException, match="died"):
        world.process(plan).access.deny("tenant", "files", "ada")
    world.machine.lock_table.reset()
    (view,) = world.host.operations.list()
    assert ("access.restrict", "", False) == (view.kind, view.share, view.running)
    with pytest.raises(Conflict, match="only goes forward"):
        world.host.operations.cancel(view.id)
    world.host.servers.start("tenant")
    assert () == world.host.operations.list()


def test_the_ids_of_operations_are_checked() -> None:
    """An id that is not text is wrong, an unknown id is not found."""
    world = World.new()
    with pytest.raises(SharesError, match="id must be text"):
        world.host.operations.show(None)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        world.host.operations.cancel("0123456789ab")


@pytest.mark.parametrize("name", ["check"], indirect=True)
def test_a_server_is_deleted_wholly_or_not_at_all_if_a_slot_is_held(world: World) -> None:
    """Also by a call that has recorded nothing yet. After Busy nothing is deleted, then or later."""
    before = dict(world.machine.records)
    share = world.host.shares.show("tenant", "other").share
    with memory_ports(world.machine).locks.share(share.id):
        with pytest.raises(Busy, match="another caller works on it"):
            world.host.servers.delete("tenant", with_shares=True)
        assert before == world.machine.records
    world.host.fleet.reconcile()
    assert before == world.machine.records
    world.host.servers.delete("tenant", with_shares=True)
    assert () == world.host.servers.list()
