"""Keeping the servers up: mends what ends, as soon as it does, and looks at everything now and then."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Barrier
from types import TracebackType
from typing import Self

from attrs import evolve

from shares_core.app.usecases.fleet import Fleet
from shares_core.domain.backoff import Backoff
from shares_core.domain.views import ReconcileOutcome, ReconcileReport, ReconcileView
from shares_core.ports import Ports
from shares_core.ports.events import Event

#: What was unmounted or unplugged by hand announces itself to nobody: everything is looked at this often.
LOOK_SECONDS = 60.0
#: While Docker answers no round takes longer, so that nothing that is due is late by more. Nobody who is at
#: work on a server is waited for any longer either: it is asked for again.
ROUND_SECONDS = 1.0
#: Nor while a look is under way, which is short: what it found is not kept waiting.
_LOOKING_SECONDS = 0.1
#: How many are mended at a time: one that takes long does not keep the others down.
_AT_ONCE = 4
#: Among the servers' ids, a look at all of them.
_LOOK = ""


class Watcher:
    """Rounds of waiting for containers that end, and mending their servers beside that.

    Use it in a ``with`` statement, by one thread. What happens is told as events. The fleet's ports should
    wait for a server's lock no longer than ``ROUND_SECONDS``.
    """

    def __init__(self, ports: Ports, fleet: Fleet) -> None:
        self._ports = ports
        self._fleet = fleet
        self._bookmark = ""
        self._next_look = 0.0
        #: Only in what is seen first: a new image that fails must not be tried for ever.
        self._upgrades = True
        self._to_upgrade: set[str] = set()
        #: When each is to be begun. What ended is brought back at once, however often something else of that
        #: server has failed: so these are two counts.
        self._due: dict[str, float] = {}
        self._needed: dict[str, Backoff] = {}
        self._failed: dict[str, Backoff] = {}
        self._working: dict[str, Future[ReconcileReport]] = {}
        self._told: set[tuple[str, str]] = set()
        self._workers = ThreadPoolExecutor(_AT_ONCE, "repair")

    def __enter__(self) -> Self:
        """All its threads are begun now: later there might be none to be had."""
        together = Barrier(_AT_ONCE)
        try:
            wait([self._workers.submit(together.wait) for _ in range(_AT_ONCE)])
        except BaseException:
            together.abort()
            self._workers.shutdown()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the mends that are under way; no other is begun."""
        self._workers.shutdown(wait=True, cancel_futures=True)

    def round(self) -> None:
        """Wait until something ends, or a second; begin what is due, take note of what is done.

        Where Docker does not answer it is waited for, and everything looked at when it does. Raises nothing:
        whatever a host runs short of, this goes on.
        """
        for step in (self._hear, self._go_on):
            try:
                step()
            except Exception as error:  # noqa: BLE001 - nobody else is there to go on
                self._tell("cannot watch", str(error) or repr(error))
                self._bookmark = ""
                self._ports.clock.wait(ROUND_SECONDS)

    def _go_on(self) -> None:
        self._take_note()
        if self._ports.clock.elapsed() >= self._next_look:
            self._need(_LOOK)
        self._begin()

    def _hear(self) -> None:
        """What ended since the last round. What was before the first, or was missed, is looked for."""
        if not self._bookmark:
            self._bookmark = self._ports.runtime.bookmark(ROUND_SECONDS)
            self._need(_LOOK)
        seconds = _LOOKING_SECONDS if _LOOK in self._working else ROUND_SECONDS
        ended = self._ports.runtime.ended(self._bookmark, seconds)
        self._bookmark = ended.bookmark
        for what in (*ended.server_ids, *(() if ended.complete else (_LOOK,))):
            self._need(what)

    def _need(self, what: str) -> None:
        """Let it be done: at once, or a little later where that was needed only just now."""
        needed = self._needed.get(what, Backoff()).needed(self._ports.clock.elapsed())
        if needed.last < self._due.get(what, float("inf")):
            self._needed[what], self._due[what] = needed, needed.last

    def _try_again(self, what: str, *, seconds: float = 0) -> None:
        """Let it be done once more: ever later, or after these seconds."""
        now = self._ports.clock.elapsed()
        if not seconds:
            self._failed[what] = self._failed.get(what, Backoff(1)).failed(now)
            seconds = self._failed[what].last - now
        self._due[what] = min(now + seconds, self._due.get(what, float("inf")))

    def _begin(self) -> None:
        now = self._ports.clock.elapsed()
        for what, due in tuple(self._due.items()):
            if what not in self._working and due <= now:
                self._working[what] = self._workers.submit(self._work, what)
                del self._due[what]
                if what == _LOOK:
                    self._next_look = now + LOOK_SECONDS

    def _work(self, what: str) -> ReconcileReport:
        if what == _LOOK:  # by itself it takes no lock, so that no busy server holds it up
            return self._fleet.reconcile(dry_run=True, upgrade=self._upgrades)
        view = self._fleet.repair(what, upgrade=what in self._to_upgrade)
        return ReconcileReport(() if view is None else (view,))

    def _take_note(self) -> None:
        """Tell what came of what has ended; what was seen is mended, what failed is tried again."""
        for what, work in tuple(self._working.items()):
            if not work.done():
                continue
            del self._working[what]
            error = work.exception()
            if error is not None:
                self._tell("repair failed" if what else "cannot look", str(error) or repr(error))
                self._try_again(what)
            elif what == _LOOK:
                self._failed.pop(what, None)
                self._take_note_of_look(work.result())
            else:
                self._take_note_of_mend(what, work.result())

    def _take_note_of_look(self, report: ReconcileReport) -> None:
        names = {view.name for view in report.servers}
        seen = {("orphan", f"{orphan.kind} {orphan.name}") for orphan in report.orphans}
        # What is not so any more may be told again when it is.
        self._told = {told for told in self._told if told in seen or told[1].partition(": ")[0] in names}
        for orphan in sorted(seen):
            self._tell(*orphan)
        for view in report.servers:
            if not view.server_id:
                self._tell("repair failed", _in_words(view))
                continue
            if self._upgrades:
                self._to_upgrade.add(view.server_id)
            self._due[view.server_id] = self._ports.clock.elapsed()  # a look comes seldom enough by itself
        if self._upgrades:
            self._emit("watching", f"{report.known} servers, of which {len(names)} are not as recorded")
        self._upgrades = False

    def _take_note_of_mend(self, server_id: str, report: ReconcileReport) -> None:
        if any(view.outcome is ReconcileOutcome.BUSY for view in report.servers):
            self._try_again(server_id, seconds=ROUND_SECONDS)
            return
        self._to_upgrade.discard(server_id)
        if not report.is_well:
            self._try_again(server_id)
        else:
            self._failed.pop(server_id, None)
            if not report.servers:  # it was deleted, or all was well with it
                self._needed.pop(server_id, None)
            elif server_id in self._needed:  # well from now on
                self._needed[server_id] = evolve(self._needed[server_id], last=self._ports.clock.elapsed())
        for view in report.servers:
            if report.is_well:
                self._told = {told for told in self._told if told[1].partition(": ")[0] != view.name}
                self._emit("repaired", _in_words(view))
            else:
                self._tell("repair failed", _in_words(view))

    def _tell(self, what: str, subject: str) -> None:
        """Once: what is so for long is seen again and again."""
        if (what, subject) not in self._told:
            self._told.add((what, subject))
            self._emit(what, subject)

    def _emit(self, what: str, subject: str) -> None:
        self._ports.events.emit(Event(what, subject))


def _in_words(view: ReconcileView) -> str:
    return f"{view.name}: " + "; ".join((*map(str, view.found), *filter(None, (view.problem,))))
