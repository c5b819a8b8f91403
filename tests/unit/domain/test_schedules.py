"""When snapshots are taken by themselves, and which are kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import InvalidInput
from shares_core.domain.schedules import Schedule
from shares_core.domain.snapshots import Snapshot, SnapshotName

HOUR, DAY = 3600, 86400
SCHEDULES = st.builds(
    Schedule, st.integers(0, 5), st.integers(1, 10), st.integers(0, 7), st.integers(0, 4)
) | st.builds(Schedule, st.integers(0, 5), st.just(0), st.integers(0, 7), st.integers(1, 4))


def at(second: int, *, scheduled: bool = True) -> Snapshot:
    kind = "a" if scheduled else "b"
    return Snapshot(f"{second:012x}", SnapshotName(f"{kind}{second}"), second, Capacity(1), scheduled)


def run(schedule: Schedule, seconds: list[int]) -> list[Snapshot]:
    """What is there after the schedule was looked at in these seconds."""
    there: list[Snapshot] = []
    for now in seconds:
        if schedule.is_due(there, now):
            there.append(at(now))
        expired = {each.id for each in schedule.expired(there)}
        there = [each for each in there if each.id not in expired]
    return there


def test_one_is_taken_in_every_period_of_the_shortest_kind() -> None:
    """However often anybody looks."""
    looks = list(range(0, 5 * HOUR, 600))
    assert [0, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR] == [s.second for s in run(Schedule(hourly=9), looks)]
    assert [0] == [each.second for each in run(Schedule(daily=9), looks)]
    assert [0] == [each.second for each in run(Schedule(weekly=9, keep_last=3), looks)]


def test_a_host_that_slept_catches_up_once() -> None:
    taken = run(Schedule(hourly=24), [0, 600, 10 * HOUR + 5, 10 * HOUR + 65])
    assert [0, 10 * HOUR + 5] == [each.second for each in taken]


def test_a_clock_that_was_set_back_takes_none_again() -> None:
    """Until it has caught up."""
    taken = run(Schedule(hourly=24), [5 * HOUR, 2 * HOUR, 4 * HOUR, 5 * HOUR + 9, 6 * HOUR])
    assert [5 * HOUR, 6 * HOUR] == [each.second for each in taken]


def test_the_last_of_each_period_are_kept() -> None:
    """Of the hours, of the days beyond them, and of the weeks beyond these; a week begins on Monday."""
    schedule = Schedule(keep_last=1, hourly=2, daily=2, weekly=2)
    kept = [each.second for each in run(schedule, list(range(0, 21 * DAY, HOUR)))]
    last = 21 * DAY - HOUR
    sundays = [18 * DAY - HOUR, last]  # the unix time began on a Thursday
    assert sorted({last, last - HOUR, 20 * DAY - HOUR, *sundays[:1]}) == kept


@given(schedule=SCHEDULES, seconds=st.lists(st.integers(0, 60 * DAY), max_size=60))
def test_what_a_person_took_is_never_expired(schedule: Schedule, seconds: list[int]) -> None:
    taken = [at(second, scheduled=index % 2 == 0) for index, second in enumerate(sorted(set(seconds)))]
    assert all(each.scheduled for each in schedule.expired(taken))


@given(schedule=SCHEDULES, seconds=st.lists(st.integers(0, 60 * DAY), max_size=60))
def test_no_more_are_kept_than_the_schedule_says(schedule: Schedule, seconds: list[int]) -> None:
    """And the newest is; doing it twice is doing it once."""
    there = run(schedule, sorted(seconds))
    most = schedule.keep_last + schedule.hourly + schedule.daily + schedule.weekly
    assert len(there) <= most
    assert schedule.expired(there) == ()
    assert not seconds or there


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "how often"),
        ({"keep_last": 3}, "how often"),
        ({"hourly": 64}, "is not a number of hourly snapshots"),
        ({"daily": -1}, "is not a number of daily snapshots"),
        ({"daily": True}, "is not a number of daily snapshots"),
        ({"hourly": 40, "daily": 30}, "70 snapshots are more than the 63"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused(given: dict[str, int], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Schedule(**given)
