from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

import pytest
from tests.unit.adapters.values import SERVER

from shares_core import HostConfig, bootstrap
from shares_core.domain.errors import (
    BackendFailure,
)
from shares_core.domain.names import UserName
from shares_core.domain.share import FileSystem, FileSystemKind
from shares_core.domain.volume import DEFAULT_POOL
from shares_core.ports import Ports, ServerRuntime
from shares_core.testing import (
    Call,
    Fault,
    FaultPlan,
    MemoryHost,
    Moment,
    ProcessDied,
    intercept,
    memory_ports,
    verbs,
)

EXT4 = FileSystem(FileSystemKind.EXT4, "11111111-1111-1111-1111-111111111111")
OTHER = FileSystem(FileSystemKind.EXT4, "22222222-2222-2222-2222-222222222222")


@pytest.fixture
def machine() -> MemoryHost:
    return MemoryHost()


@pytest.fixture
def ports(machine: MemoryHost) -> Ports:
    ports = memory_ports(machine)
    ports.storage.prepare(DEFAULT_POOL)
    ports.folders.ensure("1", 7)
    return ports


def test_a_fault_strikes_before_half_way_or_after() -> None:
    """Before: nothing happened; half-way: what the docstring says; after: all of it."""
    ends = {}
    for moment in Moment:
        machine = MemoryHost()
        plan = FaultPlan().on("folders.ensure", Fault(moment))
        with pytest.raises(BackendFailure, match="injected"):
            memory_ports(machine, faults=plan).folders.ensure("1", 7)
        ends[moment] = [folder.shared for folder in machine.folders.values()]
    assert {Moment.BEFORE: [], Moment.HALFWAY: [False], Moment.AFTER: [True]} == ends


def test_a_dead_process_does_nothing_more(machine: MemoryHost) -> None:
    """Every verb refuses, its locks are free, and another process goes on."""
    plan = FaultPlan().on("folders.list", Fault(dies=True))
    dying = memory_ports(machine, faults=plan)
    with pytest.raises(ProcessDied), dying.locks.server("1"), dying.locks.claims():
        dying.folders.list()
    for attempt in (dying.clock.now, lambda: dying.folders.ensure("1", 7), dying.locks.claims().__enter__):
        with pytest.raises(
            ProcessDied, match=r"^\w+\.\w+ was called by a process that died at folders\.list$"
        ):
            attempt()
    assert (True, Call("folders", "list")) == (plan.dead, plan.died_at)
    assert (frozenset(), {}) == (machine.lock_table.held, machine.folders)
    with memory_ports(machine).locks.server("1"):
        pass


def test_a_plan_skips_and_repeats(ports: Ports) -> None:
    """Only the second and third calls fail."""
    plan = FaultPlan().on("runtime.inspect", skip=1, times=2)
    runtime = intercept(ports, plan).runtime
    outcomes = []
    for _ in range(4):
        try:
            runtime.inspect("1")
            outcomes.append(True)
        except BackendFailure:
            outcomes.append(False)
    assert [True, False, False, True] == outcomes
    assert ["runtime.inspect"] * 4 == [str(call) for call in plan.calls]


@pytest.mark.parametrize(
    ("verb", "why"),
    [
        (
            "folders.no_such_verb",
            "'folders.no_such_verb' is not a verb of a port: folders.ensure, folders.ensured, folders.list, ",
        ),
        (
            "ensure_volume",
            "name one of audit, filesystems, folders, locks, network, processes, records, runtime, secrets, ",
        ),
        ("nothing.ensure", "name one of audit, filesystems, "),
        ("", "name one of audit, filesystems, "),
        ("clock.now", "clock.now cannot fail"),
        ("ids.new_id", "ids.new_id cannot fail"),
    ],
)
def test_a_fault_that_would_never_strike_is_refused(verb: str, why: str) -> None:
    """Otherwise a test with a misspelt verb would test nothing."""
    with pytest.raises(ValueError, match=f"^.*{re.escape(why)}"):
        FaultPlan().on(verb)


def test_every_verb_that_can_fail_is_named_and_strikes() -> None:
    """``verbs`` returns what ``on`` takes: every verb of every port that is not spared."""
    assert {"storage.ensure_volume", "locks.forget", "smb_sessions.end_user"} <= set(verbs())
    for verb in verbs():
        FaultPlan().on(verb)
    ports = set(get_type_hints(Ports)) - FaultPlan.SPARED
    assert ports == {verb.partition(".")[0] for verb in verbs()}


def test_an_interceptor_sees_every_call_of_any_ports(ports: Ports) -> None:
    """Wrapped ports are still ports, and can be wrapped again."""
    seen: list[Call] = []

    def watch(call: Call, proceed: Callable[[], object]) -> object:
        seen.append(call)
        return proceed()

    twice = intercept(intercept(ports, watch), watch)
    assert isinstance(twice.runtime, ServerRuntime)
    twice.runtime.check(stale_image_ok=True)
    with twice.locks.claims():
        pass
    assert [Call("runtime", "check", (True,))] * 2 + [Call("locks", "claims")] * 2 == seen


def test_calls_between_ports_are_seen_and_can_fail(tmp_path: Path) -> None:
    """Scripts inside a container run for Samba's verbs: in memory and on this machine."""
    ways: list[Callable[[FaultPlan], Ports]] = [
        lambda plan: memory_ports(MemoryHost(), faults=plan),
        lambda plan: bootstrap.ports(HostConfig(state_dir=tmp_path), around=plan),
    ]
    for ports_with in ways:
        plan = FaultPlan().on("processes.run").on("processes.signal")
        with pytest.raises(BackendFailure, match="injected"):
            ports_with(plan).smb_sessions.end_user(SERVER, UserName("ada"))
        assert ["smb_sessions.end_user", "processes.run", "processes.signal"] == [
            str(call) for call in plan.calls
        ]
