"""Snapshots of a share, by name and by moment."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.values import new_share

from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from shares_core.domain.share import CifsShare
from shares_core.domain.snapshots import MOST_SNAPSHOTS, Snapshot, SnapshotName, SnapshotSource, free_second

NOW = 1_796_077_424  # 2026-11-30 22:23:44 in UTC


def with_snapshots(names: Iterable[str | None]) -> CifsShare:
    share = new_share("5" * 12, "6" * 12)
    for number, name in enumerate(names):
        share = share.with_snapshot(share.next_snapshot(f"{number:012x}", name, NOW))
    return share


def test_a_snapshot_is_named_by_its_time_in_utc() -> None:
    """Unless it gets a name; its token is what clients write."""
    first, second = with_snapshots([None, "before"]).snapshots
    assert ("20261130T222344Z", "@GMT-2026.11.30-22.23.44") == (str(first.name), first.token)
    assert ("before", "@GMT-2026.11.30-22.23.45") == (str(second.name), second.token)
    assert f"{'5' * 12}@GMT-2026.11.30-22.23.44" == first.mount_id("5" * 12)


@given(taken=st.sets(st.integers(0, 40)), now=st.integers(0, 40))
def test_each_snapshot_of_a_share_has_a_second_of_its_own(taken: set[int], now: int) -> None:
    """The first from now on that is free, whatever the clock did before."""
    size = Capacity(1)
    known = [Snapshot(f"{second:012x}", SnapshotName(f"s{second}"), second, size) for second in taken]
    found = free_second(now, known)
    assert found >= now
    assert found not in taken
    assert set(range(now, found)) <= taken


def test_a_name_belongs_to_one_snapshot_in_any_case() -> None:
    share = with_snapshots(["Before"])
    assert share.snapshots[0] == share.snapshot("bEFORE")
    with pytest.raises(AlreadyExists):
        share.next_snapshot("0" * 12, "before", NOW)
    with pytest.raises(NotFound, match="snapshot 'after'"):
        share.snapshot("after")


def test_a_share_has_no_more_snapshots_than_clients_can_list() -> None:
    share = with_snapshots([None] * MOST_SNAPSHOTS)
    assert MOST_SNAPSHOTS == len({snapshot.second for snapshot in share.snapshots})
    with pytest.raises(Conflict, match="64 snapshots"):
        share.next_snapshot("0" * 12, None, NOW)
    fewer = share.without_snapshot(share.snapshots[0].id)
    assert NOW == fewer.next_snapshot("0" * 12, None, NOW).second


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a@b", "-a", ".a", "ä", "a" * 256, "a\n"])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        SnapshotName(name)


@pytest.mark.parametrize("second", [-1, 2**40, 1.5, "0"])
def test_a_moment_is_one_that_clients_can_write(second: object) -> None:
    with pytest.raises(InvalidInput):
        Snapshot("0" * 12, SnapshotName("s"), second, Capacity(1))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["tenant/files@before", "tenant/R&D@home@2026-11-30T22:33:44+01:00"])
def test_a_source_is_read_as_it_is_written(text: str) -> None:
    """A share's name may have an ``@``, a snapshot's has none."""
    assert text == str(SnapshotSource.parse(text))


@pytest.mark.parametrize("text", ["", "files@before", "tenant/files", "tenant/@x", "/files@x", "t/files@"])
def test_what_names_no_snapshot_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        SnapshotSource.parse(text)
