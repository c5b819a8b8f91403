"""What all workers do."""

from __future__ import annotations

import pytest

from shares_core.domain.errors import BackendFailure, SharesError
from tests.contracts.world import World


class WorkersContract:
    """The suite of ``ports.workers``."""

    @pytest.mark.parametrize("count", [0, 1, 2, 9])
    def test_answers_come_in_the_order_of_the_items(self, world: World, count: int) -> None:
        """However many there are, and whichever is done first."""
        workers = world.ports.workers
        assert tuple(range(0, 2 * count, 2)) == workers.each(lambda number: 2 * number, range(count))

    def test_the_first_error_is_raised_when_all_have_ended(self, world: World) -> None:
        """The first in the order of the items; none is left undone because another failed."""
        workers, done = world.ports.workers, []

        def work(number: int) -> None:
            if number in (1, 2):
                raise BackendFailure(f"number {number}")
            done.append(number)

        with pytest.raises(SharesError, match="number 1"):
            workers.each(work, range(4))
        assert [0, 3] == sorted(done)
