"""Faults while a use case works, and clients that connect meanwhile."""

from __future__ import annotations

from attrs import evolve, field, frozen
from hypothesis import strategies as st
from tests.unit.machine.operations import Operation

from shares_core.testing import Fault, FaultPlan, Moment

#: The verbs that may fail for a whole use case.
STUCK = (
    "filesystems.unmount",
    "storage.remove_volume",
    "smb_config.apply",
    "smb_sessions.close_user",
    "smb_sessions.close_share",
    "runtime.start",
    "records.save",
)


@frozen
class Trouble:
    """``at`` are faults by the numbers of their calls, ``stuck`` is a verb that always fails.

    Before call number ``visit`` all admitted users connect and open whatever they may.
    """

    at: dict[int, Fault] = field(factory=dict)
    stuck: str | None = None
    visit: int | None = None

    def aimed_at(self, operation: Operation) -> Trouble:
        """The same, with faults within the number of calls of the operation."""
        visit = None if self.visit is None else self.visit % operation.calls
        at, first = self.at, min(self.at, default=0)
        return evolve(
            self, at={number - first + first % operation.calls: at[number] for number in at}, visit=visit
        )

    def plan(self) -> FaultPlan:
        plan = FaultPlan(self.at)
        return plan.on(self.stuck, times=None) if self.stuck is not None else plan

    def struck(self, plan: FaultPlan) -> list[str]:
        """The calls that went wrong."""
        return [
            str(call)
            for number, call in enumerate(plan.calls)
            if number in self.at or str(call) == self.stuck
        ]


CALM = Trouble()


def _moments() -> st.SearchStrategy[tuple[Moment, int]]:
    """The three moments; half-way, the first and second half-done state."""
    return st.sampled_from([(Moment.BEFORE, 1), (Moment.AFTER, 1), (Moment.HALFWAY, 1), (Moment.HALFWAY, 2)])


def faults() -> st.SearchStrategy[Fault]:
    return st.builds(
        lambda moment, dies: Fault(moment[0], dies=dies, step=moment[1]), _moments(), st.booleans()
    )


def troubles() -> st.SearchStrategy[Trouble]:
    """Nothing, only visitors, one fault, two faults, or a stuck verb.

    Visitors come at any call, or just before the first fault.
    """
    number = st.integers(0, 23)
    return st.one_of(
        st.just(CALM),
        st.builds(Trouble, visit=number),
        st.builds(_one, number, faults(), st.booleans()),
        st.builds(_two, number, faults(), st.integers(1, 5), faults(), st.booleans()),
        st.builds(Trouble, stuck=st.sampled_from(STUCK), visit=st.none() | number),
    )


def _one(number: int, fault: Fault, visited: bool) -> Trouble:
    return Trouble({number: fault}, visit=number if visited else None)


def _two(number: int, first: Fault, later: int, second: Fault, visited: bool) -> Trouble:
    return Trouble({number: first, number + later: second}, visit=number if visited else None)
