"""``shares-core schedule``."""

from __future__ import annotations

import pytest
from tests.unit.cli.terminal import Terminal

from shares_core.domain.schedules import Schedule


def test_a_schedule_is_set_shown_and_cleared(served: Terminal) -> None:
    said = served.ok("schedule", "set", "tenant", "files", "--hourly", "24", "--keep-last", "3").out
    assert "share files is snapshotted by --keep-last 3 --hourly 24\n" == said
    assert Schedule(keep_last=3, hourly=24) == served.world.share("tenant", "files").schedule
    assert {
        "server": "tenant",
        "share": "files",
        "keep_last": 3,
        "hourly": 24,
        "daily": 0,
        "weekly": 0,
    } == served.ok("schedule", "show", "tenant", "files", "--json").document
    assert "share files has no schedule\n" == served.ok("schedule", "clear", "tenant", "files").out
    document = served.ok("schedule", "show", "tenant", "files", "--json").document
    assert document["hourly"] is document["keep_last"] is None


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        (("set", "tenant", "files"), 2, "how often"),
        (("set", "tenant", "files", "--hourly", "64"), 2, "is not a number of hourly snapshots"),
        (("set", "tenant", "files", "--daily", "x"), 2, "not a valid integer"),
        (("set", "tenant", "none", "--daily", "1"), 3, "share 'none'"),
        (("show", "tenant", "none"), 3, "share 'none'"),
        (("clear", "none", "files"), 3, "server 'none'"),
    ],
)
def test_bad_schedules_change_nothing(
    served: Terminal, given: tuple[str, ...], status: int, said: str
) -> None:
    before = dict(served.world.machine.records)
    result = served("schedule", *given)
    assert (status, True) == (result.status, said in result.err), result.err
    assert before == served.world.machine.records
