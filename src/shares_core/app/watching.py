"""Keeping the servers up: mends what ends, as soon as it does, and looks at everything now and then."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from shares_core.app.fleet import Fleet
from shares_core.domain.backoff import Backoff
from shares_core.domain.errors import SharesError
from shares_core.domain.views import ReconcileOutcome, ReconcileReport, ReconcileView
from shares_core.ports import Ports
from shares_core.ports.events import Event

#: What was unmounted or unplugged by hand announces itself to nobody: everything is looked at this often.
LOOK_SECONDS = 60.0
#: No round takes longer, so that nothing that is due is late by more.
ROUND_SECONDS = 1.0
#: How many are mended at a time: one whose lock is held does not keep the others down.
_AT_ONCE = 4
#: Among the servers' ids, a look at all of them.
_LOOK = ""


class Watcher:
    """Rounds of waiting for containers that end, and mending their servers beside that.

    Use it in a ``with`` statement, by one thread. What happens is told as events.
    """

    def __init__(self, ports: Ports, fleet: Fleet) -> None:
        self._ports = ports
        self._fleet = fleet
        self._bookmark = ""
        self._next_look = 0.0
        #: Only in what is seen first: a new image that fails must not be tried for ever.
        self._upgrades = True
        self._to_upgrade: set[str] = set()
        self._due: dict[str, Backoff] = {}
        self._tried: dict[str, Backoff] = {}
        self._working: dict[str, Future[ReconcileReport]] = {}
        self._told: set[tuple[str, str]] = set()
        self._workers = ThreadPoolExecutor(_AT_ONCE, "mend")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the mends that are under way; no other is begun."""
        self._workers.shutdown(wait=True, cancel_futures=True)

    def round(self) -> None:
        """Wait until something ends, or a second; begin what is due, take note of what is done.

        Where Docker does not answer it is waited for, and everything looked at when it does.
        """
        try:
            if not self._bookmark:  # from here on nothing is missed; what was missed before, a look finds
                self._bookmark = self._ports.runtime.bookmark(ROUND_SECONDS)
                self._want(_LOOK)
            ended = self._ports.runtime.ended(self._bookmark, ROUND_SECONDS)
        except SharesError as error:
            self._tell("cannot watch", str(error))
            self._bookmark = ""
            self._ports.clock.wait(ROUND_SECONDS)
            return
        self._bookmark = ended.bookmark
        for server_id in ended.server_ids:
            self._want(server_id)
        self._take_note()
        if self._ports.clock.elapsed() >= self._next_look:
            self._want(_LOOK)
        self._begin()

    def _want(self, what: str) -> None:
        """Let it be done: at once, or later where that was tried only just now."""
        if what not in self._due:
            self._due[what] = self._tried.get(what, Backoff()).again(self._ports.clock.elapsed())

    def _begin(self) -> None:
        now = self._ports.clock.elapsed()
        for what, backoff in tuple(self._due.items()):
            if what not in self._working and backoff.last <= now:
                self._tried[what] = self._due.pop(what)
                self._working[what] = self._workers.submit(self._work, what)
                if what == _LOOK:
                    self._next_look = now + LOOK_SECONDS

    def _work(self, what: str) -> ReconcileReport:
        if what == _LOOK:  # by itself it takes no lock, so that no busy server holds it up
            return self._fleet.reconcile(dry_run=True, upgrade=self._upgrades)
        view = self._fleet.mend(what, upgrade=what in self._to_upgrade)
        return ReconcileReport(() if view is None else (view,))

    def _take_note(self) -> None:
        """Tell what came of what has ended; what was seen is mended, what failed is tried again."""
        for what, work in tuple(self._working.items()):
            if not work.done():
                continue
            del self._working[what]
            try:
                report = work.result()
            except SharesError as error:
                self._tell("not mended", str(error))
                self._want(what)
                continue
            if what == _LOOK:
                self._take_note_of_look(report)
            else:
                self._take_note_of_mend(what, report)

    def _take_note_of_look(self, report: ReconcileReport) -> None:
        names = {view.name for view in report.servers}
        seen = {("orphan", f"{orphan.kind} {orphan.name}") for orphan in report.orphans}
        # What is not so any more may be told again when it is.
        self._told = {told for told in self._told if told in seen or told[1].partition(": ")[0] in names}
        for orphan in sorted(seen):
            self._tell(*orphan)
        for view in report.servers:
            if not view.server_id:
                self._tell("not mended", _in_words(view))
                continue
            if self._upgrades:
                self._to_upgrade.add(view.server_id)
            self._want(view.server_id)
        self._upgrades = False

    def _take_note_of_mend(self, server_id: str, report: ReconcileReport) -> None:
        self._to_upgrade.discard(server_id)
        for view in report.servers:
            if view.outcome is ReconcileOutcome.BUSY:
                self._want(server_id)
            elif report.is_well:
                self._told = {told for told in self._told if told[1].partition(": ")[0] != view.name}
                self._emit("mended", _in_words(view))
            else:
                self._tell("not mended", _in_words(view))
                self._want(server_id)

    def _tell(self, what: str, subject: str) -> None:
        """Once: what is so for long is seen again and again."""
        if (what, subject) not in self._told:
            self._told.add((what, subject))
            self._emit(what, subject)

    def _emit(self, what: str, subject: str) -> None:
        self._ports.events.emit(Event(what, subject))


def _in_words(view: ReconcileView) -> str:
    return f"{view.name}: " + "; ".join((*view.found, *filter(None, (view.problem,))))
