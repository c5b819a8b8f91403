"""What every keeper of progress does."""

from __future__ import annotations

from abc import abstractmethod

import pytest

from shares_core.ports.progress import Progress
from tests.contracts.world import World

ONE, OTHER = "0badc0ffee00", "0badc0ffee01"


class ProgressWorld(World):
    """A host with several processes, at work and reading."""

    @abstractmethod
    def others_progress(self) -> Progress:
        """What another process on the host sees."""


class ProgressContract:
    """The suite of ``ports.progress``."""

    def test_others_see_reported_progress(self, world: ProgressWorld) -> None:
        """The latest progress of the requested operations, without those that reported none."""
        progress, looking = world.ports.progress, world.others_progress()
        assert {} == looking.told((ONE, OTHER))
        for done in (0, 5, 50, 75):
            progress.report(ONE, done, 100)
            assert {ONE: pytest.approx(done / 100, abs=0.01)} == looking.told((ONE, OTHER))
        assert {} == looking.told((OTHER,))
        assert {} == looking.told(())

    def test_progress_begins_anew_with_another_step(self, world: ProgressWorld) -> None:
        """The next step may have another size."""
        progress, looking = world.ports.progress, world.others_progress()
        progress.report(ONE, 7 << 50, 8 << 50)
        progress.report(ONE, 1, 4)
        assert {ONE: 0.25} == looking.told((ONE,))

    def test_cleared_progress_is_gone(self, world: ProgressWorld) -> None:
        """Anybody may clear it, any number of times; that of others stays."""
        progress, looking = world.ports.progress, world.others_progress()
        progress.clear(ONE)
        for each in (ONE, OTHER):
            progress.report(each, 1, 2)
        for _ in range(2):
            looking.clear(ONE)
        assert (OTHER,) == looking.list()
        assert {OTHER: 0.5} == progress.told((ONE, OTHER))

    def test_operations_with_kept_progress_are_listed(self, world: ProgressWorld) -> None:
        """Also after a process that died."""
        progress, looking = world.ports.progress, world.others_progress()
        assert () == progress.list()
        looking.report(ONE, 1, 2)
        looking.report(OTHER, 1, 2)
        assert {ONE, OTHER} == set(progress.list())

    def test_impossible_progress_is_not_reported(self, world: ProgressWorld) -> None:
        """Nothing of nothing is not progress, and more than everything is everything."""
        progress, looking = world.ports.progress, world.others_progress()
        progress.report(ONE, 0, 0)
        assert {} == looking.told((ONE,))
        progress.report(ONE, 9, 3)
        assert {ONE: 1.0} == looking.told((ONE,))
