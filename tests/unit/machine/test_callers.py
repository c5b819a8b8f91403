"""Simultaneous callers, interleaved at port calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import currently_in_test_context, given, note, settings
from hypothesis import strategies as st
from tests.unit.machine import laws
from tests.unit.machine import operations as ops
from tests.unit.machine.attempt import error_of
from tests.unit.machine.driver import Driver
from tests.unit.machine.model import Model
from tests.unit.machine.operations import Operation
from tests.unit.machine.profiles import profile
from tests.unit.machine.reach import Ceiling
from tests.unit.machine.scheduler import Caller, interleave, paused_by
from tests.unit.machine.serial import Ended, outcomes, reachable
from tests.unit.machine.troubles import CALM, Trouble, faults
from tests.unit.world import NETWORK, RO, RW

from shares_core.bootstrap import host
from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.errors import ShareFailed, SharesError
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.share import FileSystemKind
from shares_core.testing import Call, MemoryHost, ProcessDied, intercept, memory_ports

SERVERS = st.sampled_from(["a", "a", "b", "c"])
SIZES = st.sampled_from([16 * MIB, 24 * MIB, 48 * MIB])
POOL = Capacity(72 * MIB)
OPERATIONS = ops.drawn(SERVERS, SIZES, st.sampled_from(["one", "two"]), new=st.sampled_from(["c", "d", "a"]))
# Changes of what servers share come more often.
OFTEN = [OPERATIONS[path] for path in ("servers.create", "servers.delete", "shares.create")]
TROUBLES = st.just(CALM) | st.builds(Trouble, st.dictionaries(st.integers(0, 23), faults(), max_size=1))
CALLS = st.tuples(st.one_of(*OPERATIONS.values(), *OFTEN), TROUBLES)


class AtOnce:
    """Callers on one machine, each a separate process, and their possible outcomes."""

    def __init__(self, driver: Driver, calls: Sequence[tuple[Operation, Trouble]]) -> None:
        model = driver.certain
        assert model is not None
        self.machine, self.model = driver.machine, model
        self.operations = [operation for operation, _ in calls]
        self.troubles = [trouble.aimed_at(operation) for operation, trouble in calls]
        self.plans = [trouble.plan() for trouble in self.troubles]
        self.ways = reachable(model, self.operations)
        self.ceiling = Ceiling.over(model for _, model in self.ways)
        self.callers: list[Caller] = []
        self.trace: list[str] = []

    def run(self, choose: Callable[[Sequence[int]], int]) -> list[Model]:
        """Run them. Returns the possible outcomes."""
        for number in range(len(self.operations)):
            self.callers.append(Caller(self._work(number)))
        interleave(self.callers, self.machine.lock_table, choose, self._check)
        assert not self.machine.lock_table.held
        return outcomes(self.model, [self._ended(number) for number in range(len(self.callers))])

    def _work(self, number: int) -> Callable[[], Any]:
        def watch(call: Call, proceed: Callable[[], Any]) -> Any:
            self.trace.append(f"{number}: {call}")
            return self.plans[number](call, proceed)

        ports = intercept(memory_ports(self.machine), watch)
        process = host(intercept(ports, paused_by(lambda: self.callers[number])), NETWORK)
        return lambda: self.operations[number].work(process)

    def _check(self, number: int) -> None:
        """Check the laws of every instant; acknowledged changes count from then on."""
        for line in self.trace if currently_in_test_context() else ():
            note(line)
        self.trace.clear()
        if self.callers[number].ended and self.callers[number].error is None:
            done = {n for n, caller in enumerate(self.callers) if caller.ended and caller.error is None}
            self.ceiling = Ceiling.over(model for applied, model in self.ways if applied >= done)
        laws.no_rule_is_ever_wider_than_asked(self.machine, [self.ceiling])
        laws.nothing_is_orphaned(self.machine)
        laws.nothing_is_given_twice(self.machine)
        laws.the_pool_is_never_overcommitted(self.machine)

    def _ended(self, number: int) -> Ended:
        caller, trouble = self.callers[number], self.troubles[number]
        struck = bool(trouble.struck(self.plans[number]))
        error = caller.error
        if error is None or isinstance(error, SharesError | ProcessDied):
            error = error_of(caller.answer, error, struck)
        return Ended(self.operations[number], caller.answer, error, struck)


def prepared(*, lagging: bool, way: SnapshotWay = SnapshotWay.SHARING) -> Driver:
    """Two tenants, one of whom serves two users who have files open."""
    driver = Driver(
        MemoryHost(pool_size=POOL, online_grow=[FileSystemKind.XFS], lagging=lagging, snapshot_way=way)
    )
    driver.run(ops.create_server("a", "br-a 10.0.0.5/24"))
    driver.run(ops.create_server("b", "br-a 10.0.0.6/24"))
    driver.run(ops.create_share("a", "x", 16 * MIB))
    for user, level, password in (("ada", RW, "one"), ("bob", RO, "two")):
        driver.run(ops.allow("a", "x", user, level, password))
        driver.watch.connect("a", user, password).open("x", write=level is RW)
    return driver


@settings(profile(), max_examples=2 * profile().max_examples)
@given(
    calls=st.lists(CALLS, min_size=2, max_size=3),
    lagging=st.booleans(),
    outdated=st.booleans(),
    way=st.sampled_from(SnapshotWay),
    data=st.data(),
)
def test_simultaneous_callers_end_as_in_some_serial_order(
    calls: list[tuple[Operation, Trouble]],
    lagging: bool,
    outdated: bool,
    way: SnapshotWay,
    data: st.DataObject,
) -> None:
    """Without deadlocks, duplicates or unauthorised access; after a reconcile the host equals the records."""
    driver = prepared(lagging=lagging, way=way)
    if outdated:
        driver.build_image()
    together = AtOnce(driver, calls)

    def choose(ready: Sequence[int]) -> int:
        return ready[data.draw(st.integers(0, len(ready) - 1), label="who goes on")]

    possible = together.run(choose)
    assert possible, "no serial order explains the answers"
    driver.resume(possible, disturbed=any(trouble.at for trouble in together.troubles))


def test_a_share_that_a_reconcile_could_not_mount_stays_failed_for_later_callers() -> None:
    """A successful reconcile may leave a share failed, and says so; nobody has access to it."""
    driver = prepared(lagging=False)
    driver.shock(None)
    allowing = ops.allow("a", "x", "ada", RW, "one")
    together = AtOnce(driver, [(ops.reconcile(), Trouble(stuck="storage.attach")), (allowing, CALM)])
    assert together.run(min)
    assert isinstance(together.callers[1].error, ShareFailed)
