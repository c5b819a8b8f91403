"""The queue of the service: nothing twice, nothing lost, and ever later what keeps failing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shares_core.app.watch.workqueue import WorkQueue

Ending = Callable[[WorkQueue, str, float], None]
DONE, FAILED, NEEDLESS = WorkQueue.done, WorkQueue.failed, WorkQueue.needless


def due_at(queue: WorkQueue, now: float, within: float = 200) -> float:
    """When the only queued work is due, to a quarter of a second."""
    for quarters in range(int(4 * within)):
        if queue.due(now + quarters / 4):
            return now + quarters / 4
    raise AssertionError("nothing is queued")


def begun(queue: WorkQueue, now: float) -> float:
    """Begin the work when it is due. Returns the time."""
    at = due_at(queue, now)
    (what,) = queue.due(at)
    queue.begin(what, at)
    return at


@pytest.fixture
def queue() -> WorkQueue:
    return WorkQueue()


def test_work_needed_twice_is_done_once(queue: WorkQueue) -> None:
    """Whatever asks for it."""
    for _ in range(3):
        queue.need("a", 5)
        queue.add("a", 5)
        queue.add("a", 5, seconds=30)
    queue.need("b", 5)
    assert (("a", "b"), ()) == (queue.due(5), queue.due(4.9))
    for what in queue.due(5):
        queue.begin(what, 5)
        queue.done(what, 6)
    assert () == queue.due(1000)


def test_work_needed_while_it_is_done_is_done_again(queue: WorkQueue) -> None:
    """But not at the same time: the first attempt may have come too early."""
    queue.need("a", 0)
    begun(queue, 0)
    queue.add("a", 1)
    queue.need("a", 1)
    assert () == queue.due(100)
    queue.done("a", 2)
    assert 3 == begun(queue, 2)
    queue.done("a", 4)
    assert () == queue.due(1000)


def test_failing_work_is_tried_ever_less_often(queue: WorkQueue) -> None:
    """However often it is needed meanwhile, and however long each try takes."""
    queue.need("a", 0)
    now, waits = begun(queue, 0), []
    for _ in range(8):
        queue.need("a", now)
        now += 100
        queue.failed("a", now)
        queue.need("a", now)
        queue.add("a", now)
        began = begun(queue, now)
        waits.append(began - now)
        now = began
    assert [1, 2, 4, 8, 16, 32, 60, 60] == waits


@pytest.mark.parametrize("endings", [[DONE], [FAILED], [DONE, FAILED], [FAILED, FAILED, DONE]])
def test_new_needs_and_failures_count_alike(queue: WorkQueue, endings: list[Ending]) -> None:
    """A server that sometimes ends during a repair and sometimes later has one back-off."""
    queue.need("a", 0)
    now, waits = begun(queue, 0), []
    for number in range(7):
        endings[number % len(endings)](queue, "a", now)
        queue.need("a", now)
        began = begun(queue, now)
        waits.append(began - now)
        now = began
    assert [1, 2, 4, 8, 16, 32, 60] == waits


def test_a_minute_of_calm_makes_earlier_attempts_forgotten(queue: WorkQueue) -> None:
    """It begins when the work has succeeded, not when it began."""
    for needed, expected in ((0, 0), (100, 101), (161, 163), (223.5, 223.5)):
        queue.need("a", needed)
        assert expected == begun(queue, needed)
        queue.done("a", max(expected, 99))
    queue.add("a", 500)
    queue.begin("a", 500)
    queue.failed("a", 500)
    assert 501 == due_at(queue, 500)


def test_postponed_work_is_brought_forward_if_it_is_needed(queue: WorkQueue) -> None:
    """Like a server with a share that cannot be mounted, when its container ends."""
    queue.add("a", 0, seconds=60)
    assert 60 == due_at(queue, 0)
    queue.need("a", 10)
    assert 10 == begun(queue, 10)


def test_a_look_does_not_bring_failing_work_forward(queue: WorkQueue) -> None:
    """Nor does it count as an attempt."""
    queue.need("a", 0)
    now = 0.0
    for _ in range(4):
        now = begun(queue, now)
        queue.failed("a", now)
    queue.add("a", now)
    assert now + 8 == due_at(queue, now)


def test_needless_work_does_not_count_as_an_attempt(queue: WorkQueue) -> None:
    """For example, if somebody stops a server, the end of its container is an event."""
    for now in range(0, 50, 5):
        queue.need("a", now)
        assert now == begun(queue, now)
        queue.needless("a", now)
    queue.need("a", 50)
    assert 50 == begun(queue, 50)
    queue.done("a", 50)
    queue.need("a", 51)
    assert 52 == begun(queue, 51)
    queue.needless("a", 52)
    queue.need("a", 53)
    assert 54 == begun(queue, 53)


def test_work_that_another_caller_blocks_is_tried_every_second(queue: WorkQueue) -> None:
    """That is not a failure."""
    queue.need("a", 0)
    for second in range(10):
        assert second == begun(queue, second)
        queue.postponed("a", second, seconds=1)


def test_nothing_is_kept_of_finished_work() -> None:
    """Ids never repeat: a host that makes and deletes servers for years must not fill up."""
    queue = WorkQueue()
    for number in range(100):
        queue.need(f"server {number}", number)
        begun(queue, number)
        queue.done(f"server {number}", number)
    assert 62 > len(queue._backoffs)
    assert not queue._due
    assert not queue._counted


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["need", "add", "begin", "done", "failed", "needless", "postponed"]),
        st.sampled_from("ab"),
        st.sampled_from([0, 0, 0.25, 1, 10, 61]),
    ),
    max_size=60,
)


@given(STEPS)
def test_no_work_is_lost_or_waits_for_long(
    steps: list[tuple[str, str, float]],
) -> None:
    """Needed work begins later, within a minute of when it could; never twice at a time."""
    queue, now, at_work = WorkQueue(), 0.0, set[str]()
    asked: set[str] = set()
    for step, what, seconds in steps:
        now += seconds
        if step in ("need", "add"):
            getattr(queue, step)(what, now)
            asked.add(what)
        elif step == "begin" and what in queue.due(now):
            assert what not in at_work
            queue.begin(what, now)
            at_work.add(what)
            asked.discard(what)
        elif step not in ("need", "add", "begin") and what in at_work:
            at_work.discard(what)
            if step == "postponed":
                queue.postponed(what, now, seconds=1)
            else:
                getattr(queue, step)(what, now)
            if step in ("failed", "postponed"):
                asked.add(what)
    assert not at_work & {*queue.due(now + 1000)}
    for what in at_work:
        queue.done(what, now)
    assert asked == {*queue.due(now + 60)} == {*queue.due(now + 1000)}
