"""How long to wait before another attempt at what keeps failing, or keeps being needed."""

from __future__ import annotations

from attrs import evolve, frozen

_LONGEST = 60.0
#: This many attempts reach the longest delay; thousands would overflow a float.
_DOUBLINGS = 6
#: After this long without an attempt, the count begins anew.
WELL_SECONDS = 60.0


@frozen
class Backoff:
    """Attempts at one thing: the first comes at once, later ones after 1, 2, 4 ... 60 seconds.

    Times are in seconds since some moment. ``last`` is when the latest attempt was due.
    """

    attempts: int = 0
    last: float = 0.0

    def needed(self, now: float) -> Backoff:
        """With an attempt that is needed now; after a minute without one, earlier attempts do not count."""
        return (Backoff() if now - self.last > WELL_SECONDS else self).failed(now)

    def failed(self, now: float) -> Backoff:
        """With a further attempt, because the latest has failed by now, however long it took."""
        return evolve(self, attempts=self.attempts + 1, last=now + self.delay)

    @property
    def delay(self) -> float:
        """How long to wait before the next attempt."""
        return min(_LONGEST, 2.0 ** min(self.attempts - 1, _DOUBLINGS)) if self.attempts else 0.0
