"""A queue of work: done once, however often it is needed, and ever later if it keeps failing."""

from __future__ import annotations

from attrs import evolve

from shares_core.domain.backoff import WELL_SECONDS, Backoff


class WorkQueue:
    """Pieces of work by name, each of which is queued, at work, or neither.

    Each has one back-off, which counts both new needs and failures. The queue is pure: ``now`` is in seconds
    since some moment. Use it from one thread.
    """

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._backoffs: dict[str, Backoff] = {}
        #: Work whose latest attempt counts in its back-off and has not ended yet.
        self._counted: set[str] = set()
        self._at_work: set[str] = set()
        #: Work that was needed again while it was at work: the attempt may have come too early for that.
        self._again: set[str] = set()

    def need(self, what: str, now: float) -> None:
        """Queue it: for now, or for later if it was needed or failed a moment ago."""
        if what in self._at_work:
            self._again.add(what)
            return
        needed = self._backoffs.get(what, Backoff()).needed(now)
        if needed.last < self._due.get(what, float("inf")):
            self._count(what, needed)

    def add(self, what: str, now: float, *, seconds: float = 0) -> None:
        """Queue it for after these seconds, unless it is queued already. Does not count as an attempt."""
        if what in self._at_work:
            self._again.add(what)
        else:
            self._due.setdefault(what, now + seconds)

    def due(self, now: float) -> tuple[str, ...]:
        """The work that is due now."""
        return tuple(what for what, due in self._due.items() if due <= now)

    def begin(self, what: str, now: float) -> None:
        """Mark it as at work, until one of the next four methods says how it ended."""
        del self._due[what]
        self._at_work.add(what)
        if what not in self._counted and now - self._backoffs.get(what, Backoff()).last > WELL_SECONDS:
            self._backoffs.pop(what, None)

    def done(self, what: str, now: float) -> None:
        """It succeeded: a calm time from now on makes earlier attempts not count."""
        if what in self._counted:
            self._backoffs[what] = evolve(self._backoffs[what], last=now)
        self._end(what, now)

    def needless(self, what: str, now: float) -> None:
        """There was nothing to do: the attempt no longer counts."""
        if what in self._counted:
            backoff = self._backoffs.pop(what)
            if backoff.attempts > 1:
                self._backoffs[what] = evolve(backoff, attempts=backoff.attempts - 1)
        self._end(what, now)

    def postponed(self, what: str, now: float, *, seconds: float) -> None:
        """It could not begin yet: it is due after these seconds, which does not count as another attempt."""
        self._end(what, now)
        self._due[what] = min(now + seconds, self._due.get(what, float("inf")))

    def failed(self, what: str, now: float) -> None:
        """It failed: it is tried again, ever later. Needs that came meanwhile wait for that too."""
        self._at_work.discard(what)
        self._again.discard(what)
        self._count(what, self._backoffs.get(what, Backoff(1)).failed(now))

    def _count(self, what: str, backoff: Backoff) -> None:
        self._backoffs[what], self._due[what] = backoff, backoff.last
        self._counted.add(what)

    def _end(self, what: str, now: float) -> None:
        self._at_work.discard(what)
        self._counted.discard(what)
        # Work for what is gone for good is not needed again, and must not stay in here.
        self._backoffs = {
            each: backoff
            for each, backoff in self._backoffs.items()
            if now - backoff.last <= WELL_SECONDS or each in self._counted
        }
        if what in self._again:
            self._again.discard(what)
            self.need(what, now)
