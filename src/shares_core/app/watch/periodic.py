"""Work that the service does again and again, beside its repairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from shares_core.ports import Ports
from shares_core.ports.events import Event, EventKind


class Periodic:
    """Does its work in a thread of its own, so that repairs do not wait for it. Use it from one thread.

    ``work`` returns its troubles, each by what it is about, as an event; each is reported once, until it
    changes. If all of it fails, that is an event of the kind ``failing``.
    """

    def __init__(
        self,
        ports: Ports,
        name: str,
        seconds: float,
        work: Callable[[], Mapping[str, Event]],
        failing: EventKind,
    ) -> None:
        self._ports = ports
        self._seconds = seconds
        self._work = work
        self._failing = failing
        self._next = 0.0
        self._working: Future[Mapping[str, Event]] | None = None
        self._told: Mapping[str, Event] = {}
        self._worker = ThreadPoolExecutor(1, name)

    def start(self) -> None:
        """Start the thread now: later the host might not have any."""
        self._worker.submit(lambda: None).result()

    def stop(self) -> None:
        """Wait for what is under way; begin nothing more."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def round(self) -> None:
        """Begin the work if it is time; report the troubles of what has ended. Waits for nothing."""
        if self._working is not None:
            if not self._working.done():
                return
            self._take_note(self._working)
            self._working = None
        now = self._ports.clock.elapsed()
        if now >= self._next:
            self._next = now + self._seconds
            self._working = self._worker.submit(self._work)

    def _take_note(self, work: Future[Mapping[str, Event]]) -> None:
        error = work.exception()
        found = (
            work.result() if error is None else {"": Event(self._failing, detail=str(error) or repr(error))}
        )
        for what, event in found.items():
            if self._told.get(what) != event:
                self._ports.events.emit(event)
        self._told = found
