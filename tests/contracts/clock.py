"""What every clock does."""

from __future__ import annotations

from tests.contracts.world import World


class ClockContract:
    """The suite of ``ports.clock``."""

    def test_it_tells_unix_seconds(self, world: World) -> None:
        """Whole ones, of this century, that do not go back."""
        clock = world.ports.clock
        first, second = clock.now(), clock.now()
        assert (int, int) == (type(first), type(second))
        assert 1_600_000_000 < first <= second

    def test_it_tells_how_much_time_goes_by(self, world: World) -> None:
        """Which is never less than none."""
        clock = world.ports.clock
        assert 0 <= clock.elapsed() <= clock.elapsed()
        before = clock.elapsed()
        clock.wait(1)
        assert clock.elapsed() >= before + 1
