"""What every keeper of audit trails does."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from attrs import evolve

from shares_core.domain.audit import AuditAction, AuditEntry
from shares_core.ports.audit import AuditTrails
from tests.contracts.world import World

SERVER, FILES, OTHER = "0badc0ffee00", "0badc0ffee01", "0badc0ffee02"
#: What the worlds' trails keep: so many days, and so many bytes of a share's day.
DAYS, ROOM = 3, 4096
TODAY = "2026-03-03"
_CALLERS = 4


def entry(path: str, time: str = "10:00:00.000000001", day: str = TODAY) -> AuditEntry:
    return AuditEntry(f"{day}T{time}Z", AuditAction.DELETED, ("ada", "bob"), "fd00::1", path)


def entries(count: int, first: int = 0) -> list[AuditEntry]:
    """That many, one after the other."""
    return [
        entry(f"file {number}", f"10:00:{number // 100:02}.{number % 100:09}")
        for number in range(first, first + count)
    ]


class AuditWorld(World):
    """A host that keeps trails."""

    @abstractmethod
    def others_trails(self) -> AuditTrails:
        """What another process on the host has."""

    @abstractmethod
    def half_appended(self, former: str, bookmark: str, added: Sequence[AuditEntry]) -> None:
        """What a caller leaves that is killed when it has appended these entries to FILES."""

    @abstractmethod
    def traces(self) -> bool:
        """Whether anything of a trail is left on the host."""


class AuditContract:
    """The suite of ``ports.audit``."""

    @pytest.fixture
    def audit(self, world: AuditWorld) -> AuditTrails:
        """The trails of two shares of a server."""
        audit = world.ports.audit
        for share_id in (FILES, OTHER):
            audit.ensure(SERVER, share_id)
        return audit

    def test_a_trail_has_what_was_appended(self, world: AuditWorld, audit: AuditTrails) -> None:
        """In its order, each share its own, and for every process on the host."""
        odd = evolve(entry('a "b"\n\x1b\u2028\\ü🚀'), new_path="c|d", action=AuditAction.RENAMED)
        assert audit.append(SERVER, "", "one", {FILES: [entry("a"), odd], OTHER: [entry("z")]}, TODAY)
        assert audit.append(SERVER, "one", "two", {FILES: [entry("b", "11:00:00.000000000")]}, TODAY)
        reading = world.others_trails()
        assert (entry("a"), odd, entry("b", "11:00:00.000000000")) == reading.read(SERVER, FILES)
        assert (entry("z"),) == reading.read(SERVER, OTHER)
        assert ("two", (SERVER,)) == (reading.bookmark(SERVER), reading.servers())

    def test_what_another_caller_took_is_not_taken_twice(self, world: AuditWorld, audit: AuditTrails) -> None:
        """Whoever comes with a former bookmark is told so, and nothing changes."""
        assert "" == audit.bookmark(SERVER)
        assert audit.append(SERVER, "", "one", {FILES: [entry("a")]}, TODAY)
        assert not world.others_trails().append(SERVER, "", "other", {FILES: [entry("a")]}, TODAY)
        assert ("one", (entry("a"),)) == (audit.bookmark(SERVER), audit.read(SERVER, FILES))

    def test_only_one_of_several_callers_appends(self, world: AuditWorld, audit: AuditTrails) -> None:
        """At the same moment."""

        def append(number: int) -> bool:
            trails = world.others_trails()
            return trails.append(SERVER, "", f"{number}", {FILES: [entry(f"{number}")]}, TODAY)

        with ThreadPoolExecutor(_CALLERS) as callers:
            done = list(callers.map(append, range(_CALLERS)))
        assert 1 == sum(done)
        assert (entry(f"{done.index(True)}"),) == audit.read(SERVER, FILES)

    def test_a_killed_callers_entries_are_there_once(self, world: AuditWorld, audit: AuditTrails) -> None:
        """The bookmark is the former; whoever appends the same completes it."""
        assert audit.append(SERVER, "", "one", {FILES: entries(2)}, TODAY)
        world.half_appended("one", "two", entries(3, 2))
        assert "one" == audit.bookmark(SERVER)
        assert tuple(entries(5)) == audit.read(SERVER, FILES)
        assert audit.append(SERVER, "one", "two", {FILES: entries(5, 2)}, TODAY)
        assert tuple(entries(7)) == audit.read(SERVER, FILES)

    def test_another_trail_that_grew_meanwhile_changes_nothing_of_that(
        self, world: AuditWorld, audit: AuditTrails
    ) -> None:
        """The entries of a killed caller are there once, also if the last call was about another share."""
        assert audit.append(SERVER, "", "one", {FILES: entries(2)}, TODAY)
        assert audit.append(SERVER, "one", "two", {OTHER: [entry("z")]}, TODAY)
        world.half_appended("two", "three", entries(3, 2))
        assert audit.append(SERVER, "two", "three", {FILES: entries(3, 2)}, TODAY)
        assert tuple(entries(5)) == audit.read(SERVER, FILES)

    def test_a_trail_is_read_from_any_time_and_in_parts(self, audit: AuditTrails) -> None:
        """From a day, or after an entry; what happened at the same moment is in the same part."""
        before = entry("x", day="2026-03-02")
        same = [entry("c"), entry("d"), entry("e")]
        last = entry("f", "12:00:00.000000000")
        audit.append(SERVER, "", "one", {FILES: [before, *same, last]}, TODAY)
        assert (*same, last) == audit.read(SERVER, FILES, TODAY)
        assert (last,) == audit.read(SERVER, FILES, same[0].time)
        assert () == audit.read(SERVER, FILES, last.time)
        assert (before, *same) == audit.read(SERVER, FILES, limit=2)
        assert tuple(same) == audit.read(SERVER, FILES, before.time, 1)

    def test_a_full_day_keeps_what_it_has(self, audit: AuditTrails) -> None:
        """Its last entry says that it is full; other shares and the next day have their own room."""
        flood = entries(200)
        audit.append(SERVER, "", "one", {FILES: flood, OTHER: [entry("z")]}, TODAY)
        *kept, last = audit.read(SERVER, FILES)
        assert 5 < len(kept) < ROOM // 50
        assert flood[: len(kept)] == kept
        assert (AuditAction.FULL, ()) == (last.action, last.users)
        tomorrow = entry("next", day="2026-03-04")
        audit.append(SERVER, "one", "two", {FILES: [entry("x"), tomorrow]}, TODAY)
        assert (*kept, last, tomorrow) == audit.read(SERVER, FILES)
        assert (entry("z"),) == audit.read(SERVER, OTHER)

    def test_days_that_are_too_old_are_removed(self, audit: AuditTrails) -> None:
        """Whoever appends removes them, even without an entry."""
        days = [entry("x", day=f"2026-03-0{day}") for day in (1, 2, 3)]
        audit.append(SERVER, "", "one", {FILES: days}, TODAY)
        assert tuple(days) == audit.read(SERVER, FILES)
        assert audit.append(SERVER, "one", "one", {}, "2026-03-04")
        assert tuple(days[1:]) == audit.read(SERVER, FILES)

    def test_a_share_without_a_trail_has_no_entries(self, world: AuditWorld, audit: AuditTrails) -> None:
        """What is appended late makes no trail: its share may be gone."""
        audit.remove(SERVER, OTHER)
        assert audit.append(SERVER, "", "one", {FILES: [entry("a")], OTHER: [entry("z")]}, TODAY)
        assert ((entry("a"),), ()) == (audit.read(SERVER, FILES), audit.read(SERVER, OTHER))
        audit.clear(SERVER)
        assert audit.append(SERVER, "one", "two", {FILES: [entry("b")]}, TODAY)
        assert ((), (), "") == (audit.read(SERVER, FILES), audit.servers(), audit.bookmark(SERVER))
        assert not world.traces()

    def test_removing_the_last_trail_leaves_nothing(self, world: AuditWorld, audit: AuditTrails) -> None:
        """Any number of times; ensuring it again keeps what it has."""
        audit.append(SERVER, "", "one", {FILES: [entry("a")]}, TODAY)
        audit.ensure(SERVER, FILES)
        assert (entry("a"),) == audit.read(SERVER, FILES)
        for _ in range(2):
            audit.remove(SERVER, OTHER)
        assert (SERVER,) == audit.servers()
        for _ in range(2):
            audit.remove(SERVER, FILES)
        assert not world.traces()
        audit.clear(SERVER)
