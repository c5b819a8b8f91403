"""Each call of a use case fails before, half-way through or after its effect, or kills the process."""

from __future__ import annotations

from contextlib import suppress

import pytest
from tests.unit.app.laws import check_host_equals_records, snapshot
from tests.unit.app.use_cases import USE_CASES, UseCase
from tests.unit.world import PASSWORD, RO, RW, SMALL, World

from shares_core.domain.errors import NotFound, SharesError
from shares_core.domain.share import FileSystemKind
from shares_core.testing import Fault, FaultPlan, Moment, ProcessDied

FAULTS = [Fault(moment, dies) for dies in (False, True) for moment in Moment]
FAULTS += [Fault(Moment.HALFWAY, dies, step=2) for dies in (False, True)]


def populated(use_case: UseCase | None = None) -> World:
    """A server that serves two users, one of whom has a file open, and another tenant's server."""
    world = World.new(online_grow=(FileSystemKind.XFS,), lagging=True)
    for server in ("neighbour", "tenant"):
        world.served(server=server)
        world.host.access.allow(server, "files", "ada", RW, PASSWORD)
        world.host.access.allow(server, "files", "bob", RO, PASSWORD)
        world.connect("ada", server=server).open("files", name="kept", write=True).write(b"kept")
    if use_case is not None:
        use_case.given(world)
    return world


def rehearse(use_case: UseCase) -> int:
    plan = FaultPlan()
    world = populated(use_case)
    use_case.work(world.process(plan))
    assert use_case.done(world)
    check_host_equals_records(world)
    return len(plan.calls)


def succeeded(answer: object) -> bool:
    """Whether it says so: a use case about many shares tells the problem of each."""
    return not (isinstance(answer, tuple) and any(getattr(each, "problem", "") for each in answer))


def assert_locks_are_of_what_is_there(world: World, told: str) -> None:
    """No lock file of a deleted server or share is left."""
    servers = set(world.machine.records)
    shares = {share.id for name in ("tenant", "neighbour") for share in world.record(name).shares}
    assert servers <= world.machine.lock_table.kept <= servers | shares, told


@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda f: f"{'dies' if f.dies else 'fails'} {f.moment} {f.step}"
)
@pytest.mark.parametrize("use_case", USE_CASES, ids=lambda use_case: use_case.name)
def test_the_laws_hold_whichever_call_goes_wrong(use_case: UseCase, fault: Fault) -> None:
    """Acknowledged is there; failed left nothing; settled host equals records; doing it again works."""
    for number in range(rehearse(use_case)):
        world = populated(use_case)
        before = snapshot(world)
        neighbour = world.record("neighbour")
        undisturbed = world.machine.open_files(neighbour.id, neighbour.shares[0].id)
        plan = FaultPlan({number: fault})
        acknowledged = True
        try:
            acknowledged = succeeded(use_case.work(world.process(plan)))
        except (SharesError, ProcessDied):
            acknowledged = False
        told = f"{fault.moment} {plan.calls[number]} (call {number})"
        if use_case.undone and not acknowledged and not plan.dead:
            assert before == snapshot(world), told
            if plan.calls[number].verb != "forget":
                assert_locks_are_of_what_is_there(world, told)
        world.process().fleet.reconcile()
        check_host_equals_records(world)
        if use_case.undone and not acknowledged:
            done = use_case.done(world)
            assert done or before == snapshot(world), told
            assert plan.dead or not done, told
        if acknowledged:
            assert use_case.done(world), told
        try:
            use_case.work(world.process())
        except NotFound:
            assert use_case.done(world), told
        assert use_case.done(world), told
        check_host_equals_records(world)
        assert neighbour == world.record("neighbour"), told
        assert not any(opened.closed for opened in undisturbed), told
        assert all(b"kept" == opened.read() for opened in undisturbed), told


@pytest.mark.parametrize("use_case", USE_CASES, ids=lambda use_case: use_case.name)
def test_the_laws_hold_when_an_undo_fails_too(use_case: UseCase) -> None:
    """If the clean-up fails at any of its calls, the next process settles it."""
    for number in range(rehearse(use_case)):
        for later in range(1, 12):
            world = populated(use_case)
            plan = FaultPlan(
                {number: Fault(Moment.AFTER), number + later: Fault(Moment.AFTER, later % 2 == 1)}
            )
            before, acknowledged = snapshot(world), False
            with suppress(SharesError, ProcessDied):
                acknowledged = succeeded(use_case.work(world.process(plan)))
            world.process().fleet.reconcile()
            check_host_equals_records(world)
            told = f"{plan.calls[number]} (call {number}), then {later} calls later"
            if acknowledged:
                assert use_case.done(world), told
            elif use_case.undone:
                done = use_case.done(world)
                assert done or before == snapshot(world), told
                # A process that dies at the end cannot report its success.
                assert plan.dead or use_case.kept or not done, told


def test_a_failed_undo_is_a_note_on_the_first_error() -> None:
    """The first error is raised, the failed undo is a note on it."""
    world = populated()
    plan = FaultPlan().on("filesystems.make").on("storage.remove_volume")
    with pytest.raises(SharesError) as caught:
        world.process(plan).shares.create("tenant", "new", SMALL)
    assert ["undoing it failed too" in note for note in caught.value.__notes__] == [True]
