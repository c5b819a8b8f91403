"""How long to wait before trying again what keeps failing, or keeps being needed."""

from __future__ import annotations

from attrs import evolve, frozen

_LONGEST = 60.0
#: So many come to more than the longest; a float has no room for thousands.
_DOUBLINGS = 6
#: Who stayed well for that long has begun anew.
WELL_SECONDS = 60.0


@frozen
class Backoff:
    """Attempts at one thing: the first comes at once, later ones after 1, 2, 4 ... 60 seconds.

    Times are in seconds since some moment. ``last`` is when the latest attempt was due.
    """

    attempts: int = 0
    last: float = 0.0

    def needed(self, now: float) -> Backoff:
        """With an attempt that is needed now; a minute of calm has made all earlier ones forgotten."""
        return (Backoff() if now - self.last > WELL_SECONDS else self).failed(now)

    def failed(self, now: float) -> Backoff:
        """With a further attempt, because the latest one has come to nothing by now, however long it took."""
        return evolve(self, attempts=self.attempts + 1, last=now + self.delay)

    @property
    def delay(self) -> float:
        """For how long the next attempt would wait."""
        return min(_LONGEST, 2.0 ** min(self.attempts - 1, _DOUBLINGS)) if self.attempts else 0.0
