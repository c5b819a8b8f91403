"""Keeping the servers up: mends what ends, as soon as it does, and looks at everything now and then."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from shares_core.app.fleet import Fleet
from shares_core.domain.backoff import Backoff
from shares_core.domain.errors import SharesError
from shares_core.domain.views import ReconcileReport, ReconcileView
from shares_core.ports import Ports
from shares_core.ports.events import Event

#: What was unmounted or unplugged by hand announces itself to nobody: everything is looked at this often.
LOOK_SECONDS = 60.0
#: No round takes longer, so that nothing that is due is late by more.
ROUND_SECONDS = 1.0
#: How many mends go on at a time: a server whose lock is held does not keep the others down.
_AT_ONCE = 4
#: Among the servers' ids, all of them.
_ALL = ""


class Watcher:
    """Rounds of waiting for containers that end, and mending their servers beside that.

    Use it in a ``with`` statement, by one thread. What happens is told as events.
    """

    def __init__(self, ports: Ports, fleet: Fleet) -> None:
        self._ports = ports
        self._fleet = fleet
        self._bookmark = ""
        self._upgrades = (
            True  # only what is looked at first: a new image that fails must not be tried for ever
        )
        self._next_look = 0.0
        self._due: dict[str, Backoff] = {}
        self._tried: dict[str, Backoff] = {}
        self._mending: dict[str, Future[ReconcileReport]] = {}
        self._emitted: set[tuple[str, str]] = set()
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
                self._want(_ALL)
            ended = self._ports.runtime.ended(self._bookmark, ROUND_SECONDS)
        except SharesError as error:
            self._emit("cannot watch", str(error))
            self._bookmark = ""
            return
        self._bookmark = ended.bookmark
        for server_id in ended.server_ids:
            self._want(server_id)
        self._take_note()
        if self._ports.clock.elapsed() >= self._next_look:
            self._want(_ALL)
        self._begin()

    def _want(self, what: str) -> None:
        """Let it be mended: at once, or later where that was tried only just now."""
        if what not in self._due:
            self._due[what] = self._tried.get(what, Backoff()).again(self._ports.clock.elapsed())

    def _begin(self) -> None:
        now = self._ports.clock.elapsed()
        for what, backoff in tuple(self._due.items()):
            if what not in self._mending and backoff.last <= now:
                self._tried[what] = self._due.pop(what)
                self._mending[what] = self._workers.submit(self._mend, what)
                if what == _ALL:
                    self._next_look = now + LOOK_SECONDS

    def _mend(self, what: str) -> ReconcileReport:
        if what == _ALL:
            upgrades, self._upgrades = self._upgrades, False
            return self._fleet.reconcile(upgrade=upgrades)
        view = self._fleet.mend(what)
        return ReconcileReport(() if view is None else (view,))

    def _take_note(self) -> None:
        """Tell what came of the mends that have ended; those that failed are tried again."""
        for what, mend in tuple(self._mending.items()):
            if not mend.done():
                continue
            del self._mending[what]
            try:
                report = mend.result()
            except SharesError as error:
                self._emit_once("not mended", str(error))
                self._want(what)
                continue
            self._tell(report)
            if not report.is_well:
                self._want(what)

    def _tell(self, report: ReconcileReport) -> None:
        for view in report.servers:
            if not view.problem and not view.failed_shares:
                self._emit("mended", _told(view))
                self._emitted = {each for each in self._emitted if not each[1].startswith(f"{view.name}:")}
            else:
                self._emit_once("not mended", _told(view))
        for orphan in report.orphans:
            self._emit_once("orphan", f"{orphan.kind} {orphan.name}")

    def _emit_once(self, what: str, subject: str) -> None:
        """What is so for long is seen again and again."""
        if (what, subject) not in self._emitted:
            self._emitted.add((what, subject))
            self._emit(what, subject)

    def _emit(self, what: str, subject: str) -> None:
        self._ports.events.emit(Event(what, subject))


def _told(view: ReconcileView) -> str:
    return f"{view.name}: " + "; ".join((*view.found, *filter(None, (view.problem,))))
