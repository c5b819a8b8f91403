"""Every change is tested: the code, the catalogue, and the tests that use it."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from inspect import isabstract, isclass
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RULE_MARKER
from tests.catalogue import CHANGES, Call, call, changing_methods
from tests.reliability.calling import LEFT_OUT, Caller, Job
from tests.reliability.operations import COPIES, FURTHER, POOLS, SNAPSHOTS
from tests.reliability.operations import OPERATIONS as KILLED
from tests.unit.app.test_crashes import populated
from tests.unit.app.use_cases import USE_CASES, UseCase
from tests.unit.machine import test_callers, test_state_machine
from tests.unit.machine.operations import Operation as Drawn
from tests.unit.world import NETWORK, World

from shares_core.app import operations
from shares_core.app.operations import OPERATIONS
from shares_core.bootstrap import host
from shares_core.config import HostConfig
from shares_core.domain.operation import Operation
from shares_core.domain.server import ShareServer
from shares_core.testing import Call as PortCall
from shares_core.testing import memory_ports

DRAWN = {"state machine": test_state_machine.OPERATIONS, "callers": test_callers.OPERATIONS}


def concrete() -> Iterator[type[Operation]]:
    """Every operation in a module below ``app/operations``."""
    for found in pkgutil.iter_modules(operations.__path__, f"{operations.__name__}."):
        for value in vars(import_module(found.name)).values():
            own = isclass(value) and value.__module__ == found.name
            if own and issubclass(value, Operation) and not isabstract(value):
                yield value


# -- operations


def test_every_operation_is_registered_under_its_name() -> None:
    """A noun and a verb: names on disk stay if classes and modules are renamed."""
    assert {*concrete()} == {*OPERATIONS.values()}
    assert OPERATIONS == {kind.kind: kind for kind in concrete()}
    assert [] == [name for name in OPERATIONS if not re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*", name)]


@pytest.mark.parametrize("kind", OPERATIONS.values(), ids=OPERATIONS)
def test_an_operation_has_its_own_module_and_recovery(kind: type[Operation]) -> None:
    """A new operation has to define its recovery beside its steps forward, or to share both with others."""
    in_its_module = [other for other in concrete() if other.__module__ == kind.__module__]
    steps = next(each for each in kind.__mro__ if "run" in vars(each))
    assert ([kind], True) == (in_its_module, "kind" in vars(kind))
    assert (False, True) == (steps.__module__ == Operation.__module__, "recover" in vars(steps))


# -- the catalogue


def test_every_change_is_in_the_catalogue(world: World) -> None:
    """Every public method of every use case, except those that only read."""
    assert sorted(CHANGES) == sorted(changing_methods(world.host))


def test_a_change_begins_every_operation() -> None:
    """Otherwise no test that uses the catalogue would try it."""
    assert set(OPERATIONS) == set().union(*CHANGES.values())


def test_only_what_is_in_the_catalogue_can_be_called() -> None:
    """A test cannot name anything else."""
    with pytest.raises(KeyError):
        call("servers.show", "tenant")


@define
class Journal:
    """The operations that use cases begin, by id, without earlier ones."""

    known: set[str]
    begun: set[str] = field(factory=set)

    def __call__(self, port_call: PortCall, proceed: Callable[[], Any]) -> Any:
        for saved in port_call.args if str(port_call) == "records.save" else ():
            assert isinstance(saved, ShareServer)
            new = {each.id: each.kind for each in saved.operations if each.id not in self.known}
            self.begun |= {*new.values()}
            self.known |= new.keys()
        return proceed()


def begun_by(use_case: UseCase) -> set[str]:
    world = populated(use_case)
    records = [record for record in world.machine.records.values() if isinstance(record, ShareServer)]
    journal = Journal({operation.id for record in records for operation in record.operations})
    use_case.work(host(memory_ports(world.machine, faults=journal), NETWORK))
    return journal.begun


def test_changes_begin_the_operations_that_the_catalogue_says() -> None:
    """No others, and each by at least one use case."""
    begun: dict[str, set[str]] = {path: set() for path in CHANGES}
    for use_case in USE_CASES:
        begun[use_case.work.path] |= begun_by(use_case)
    assert begun == CHANGES


# -- the tests that use it


def test_every_change_is_tried_with_faults() -> None:
    """By a use case with a fault and a kill at every call."""
    assert set(CHANGES) == {use_case.work.path for use_case in USE_CASES}


@pytest.mark.parametrize("drawn", DRAWN.values(), ids=DRAWN)
@settings(max_examples=5)
@given(data=st.data())
def test_every_change_is_drawn(drawn: dict[str, st.SearchStrategy[Drawn]], data: st.DataObject) -> None:
    """By the state machine and the interleaved callers; each strategy draws its own change."""
    assert set(CHANGES) == set(drawn)
    for path, strategy in drawn.items():
        assert path == data.draw(strategy).work.path


def test_the_state_machine_has_a_rule_for_every_change() -> None:
    """Each as often as any other."""
    machine = vars(test_state_machine.Tenants)
    rules = {name for name, value in machine.items() if hasattr(value, RULE_MARKER)}
    assert rules >= {path.replace(".", "_") for path in CHANGES}


def test_every_change_is_killed_at_every_step() -> None:
    """On a real host."""
    assert set(CHANGES) == {
        operation.work.path for operation in (*KILLED, *FURTHER, *SNAPSHOTS, *COPIES, *POOLS)
    }


def test_many_callers_make_every_change(world: World, tmp_path: Path) -> None:
    """Except those that say why not."""
    job = Job(HostConfig(), 1, 0, 1, 1, ("many-0", "many-1"), ("many-1",), tmp_path)
    calls = [work for size in (0, 1) for _, _, work in Caller(job, world.host, 0, size=size).choices()]
    assert set(CHANGES) == {work.path for work in calls if isinstance(work, Call)} | LEFT_OUT.keys()
    assert all(LEFT_OUT.values())
