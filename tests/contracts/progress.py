"""What is told of how far operations have come."""

from __future__ import annotations

from abc import abstractmethod

import pytest

from shares_core.ports.progress import Progress
from tests.contracts.world import World

ONE, OTHER = "0badc0ffee00", "0badc0ffee01"


class ProgressWorld(World):
    """A host on which several processes work and look."""

    @abstractmethod
    def others_progress(self) -> Progress:
        """What another process on the host sees."""


class ProgressContract:
    """The suite of ``ports.progress``."""

    def test_what_is_reported_is_seen_by_others(self, world: ProgressWorld) -> None:
        """The last of it, of those that are asked for; nothing of those that told nothing."""
        progress, looking = world.ports.progress, world.others_progress()
        assert {} == looking.told((ONE, OTHER))
        for done in (0, 5, 50, 75):
            progress.report(ONE, done, 100)
            assert {ONE: pytest.approx(done / 100, abs=0.01)} == looking.told((ONE, OTHER))
        assert {} == looking.told((OTHER,))
        assert {} == looking.told(())

    def test_it_begins_anew_with_another_step(self, world: ProgressWorld) -> None:
        """Which may be of another size."""
        progress, looking = world.ports.progress, world.others_progress()
        progress.report(ONE, 7 << 50, 8 << 50)
        progress.report(ONE, 1, 4)
        assert {ONE: 0.25} == looking.told((ONE,))

    def test_it_is_gone_when_it_is_cleared(self, world: ProgressWorld) -> None:
        """By anybody, as often as they like; others' stays."""
        progress, looking = world.ports.progress, world.others_progress()
        progress.clear(ONE)
        for each in (ONE, OTHER):
            progress.report(each, 1, 2)
        for _ in range(2):
            looking.clear(ONE)
        assert (OTHER,) == looking.list()
        assert {OTHER: 0.5} == progress.told((ONE, OTHER))

    def test_those_of_which_something_is_kept_are_listed(self, world: ProgressWorld) -> None:
        """Also after a process that died."""
        progress, looking = world.ports.progress, world.others_progress()
        assert () == progress.list()
        looking.report(ONE, 1, 2)
        looking.report(OTHER, 1, 2)
        assert {ONE, OTHER} == set(progress.list())

    def test_nonsense_is_not_told(self, world: ProgressWorld) -> None:
        """Nothing of nothing has no share, and more than all is all."""
        progress, looking = world.ports.progress, world.others_progress()
        progress.report(ONE, 0, 0)
        assert {} == looking.told((ONE,))
        progress.report(ONE, 9, 3)
        assert {ONE: 1.0} == looking.told((ONE,))
