"""What every clock does."""

from __future__ import annotations

from tests.contracts.world import World


class ClockContract:
    """The suite of ``ports.clock``."""

    def test_now_is_in_whole_unix_seconds(self, world: World) -> None:
        """They are of this century, and do not go back."""
        clock = world.ports.clock
        first, second = clock.now(), clock.now()
        assert (int, int) == (type(first), type(second))
        assert 1_600_000_000 < first <= second

    def test_elapsed_time_never_goes_back(self, world: World) -> None:
        """It is never negative."""
        clock = world.ports.clock
        assert 0 <= clock.elapsed() <= clock.elapsed()
        before = clock.elapsed()
        clock.wait(1)
        assert clock.elapsed() >= before + 1
