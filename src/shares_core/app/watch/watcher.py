"""Keeping the servers up: repairs what ends, as soon as it does, and looks at everything now and then."""

from __future__ import annotations

from collections.abc import Set
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Barrier
from types import TracebackType
from typing import Self

from shares_core.app.usecases.fleet import Fleet
from shares_core.app.watch.workqueue import WorkQueue
from shares_core.domain.backoff import Backoff
from shares_core.domain.drift import Drift
from shares_core.domain.views import Orphan, ReconcileOutcome, ReconcileReport, ReconcileView
from shares_core.ports import Ports
from shares_core.ports.events import Event, EventKind

#: What was unmounted or unplugged by hand announces itself to nobody: everything is looked at this often.
LOOK_SECONDS = 60.0
#: While Docker answers no round takes longer, so that nothing that is due is late by more. Nobody who is at
#: work on a server is waited for any longer either: it is asked for again.
ROUND_SECONDS = 1.0
#: Nor while a look is under way, which is short: what it found is not kept waiting.
_LOOKING_SECONDS = 0.1
#: How many are repaired at a time: one that takes long does not keep the others down.
_AT_ONCE = 4
#: Among the servers' ids, a look at all of them.
_LOOK = ""
#: What is told once: of a server, by its id, a drift or what kept it from being repaired; of the host, whose
#: id is empty, an orphan or an error.
_Told = tuple[str, Drift | Orphan | str]


class Watcher:
    """Rounds of waiting for containers that end, and repairing their servers beside that.

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
        self._queue = WorkQueue()
        #: Of servers that are up, when their failed shares are tried again: that they fail must not keep the
        #: server itself waiting when it ends.
        self._shares: dict[str, Backoff] = {}
        self._working: dict[str, Future[ReconcileReport]] = {}
        self._told: set[_Told] = set()
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
        """Wait for the repairs that are under way; no other is begun."""
        self._workers.shutdown(wait=True, cancel_futures=True)

    def round(self) -> None:
        """Wait until something ends, or a second; begin what is due, take note of what is done.

        If Docker does not answer it is waited for, and everything looked at when it does. Raises nothing:
        whatever a host runs short of, this goes on.
        """
        for step in (self._hear, self._go_on):
            try:
                step()
            except Exception as error:  # noqa: BLE001 - nobody else is there to go on
                self._tell_of_host(EventKind.CANNOT_WATCH, error)
                self._bookmark = ""
                self._ports.clock.wait(ROUND_SECONDS)

    def _go_on(self) -> None:
        self._take_note()
        now = self._now
        if now >= self._next_look:
            self._queue.add(_LOOK, now)
        for what in self._queue.due(now):
            self._working[what] = self._workers.submit(self._work, what)
            self._queue.begin(what, now)
            if what == _LOOK:
                self._next_look = now + LOOK_SECONDS

    def _hear(self) -> None:
        """What ended since the last round. What was before the first, or was missed, is looked for."""
        if not self._bookmark:
            self._bookmark = self._ports.runtime.bookmark(ROUND_SECONDS)
            self._queue.need(_LOOK, self._now)
        seconds = _LOOKING_SECONDS if _LOOK in self._working else ROUND_SECONDS
        ended = self._ports.runtime.ended(self._bookmark, seconds)
        self._bookmark = ended.bookmark
        for what in (*ended.server_ids, *(() if ended.complete else (_LOOK,))):
            self._queue.need(what, self._now)

    @property
    def _now(self) -> float:
        return self._ports.clock.elapsed()

    def _work(self, what: str) -> ReconcileReport:
        if what == _LOOK:  # by itself it takes no lock, so that no busy server holds it up
            return self._fleet.reconcile(dry_run=True, upgrade=self._upgrades)
        view = self._fleet.repair(what, upgrade=what in self._to_upgrade)
        return ReconcileReport(() if view is None else (view,))

    # -- what came of it

    def _take_note(self) -> None:
        """Tell what came of what has ended; what was seen is repaired, what failed is tried again."""
        for what, work in tuple(self._working.items()):
            if not work.done():
                continue
            del self._working[what]
            error = work.exception()
            if error is not None:
                self._queue.failed(what, self._now)
                self._tell_of_host(EventKind.REPAIR_FAILED if what else EventKind.CANNOT_LOOK, error)
            elif what == _LOOK:
                self._queue.done(what, self._now)
                self._take_note_of_look(work.result())
            else:
                self._take_note_of_repair(what, next(iter(work.result().servers), None))

    def _take_note_of_look(self, report: ReconcileReport) -> None:
        differ = {_id(view) for view in report.servers}
        # What is not so any more may be told again when it is.
        self._told = {told for told in self._told if told[0] in differ or told[1] in report.orphans}
        for orphan in report.orphans:
            self._tell({("", orphan)}, Event(EventKind.ORPHAN, thing=f"{orphan.kind} {orphan.name}"))
        for view in report.servers:
            if not view.server_id:
                self._tell_of_server(view)
                continue
            if self._upgrades:
                self._to_upgrade.add(view.server_id)
            self._queue.add(view.server_id, self._now)  # a look comes seldom enough by itself
        if self._upgrades:
            counted = f"{report.known} servers, of which {len(differ)} are not as recorded"
            self._ports.events.emit(Event(EventKind.WATCHING, detail=counted))
        self._upgrades = False

    def _take_note_of_repair(self, server_id: str, view: ReconcileView | None) -> None:
        now = self._now
        if view is not None and view.outcome is ReconcileOutcome.BUSY:
            self._queue.postponed(server_id, now, seconds=ROUND_SECONDS)
            return
        self._to_upgrade.discard(server_id)
        if view is None:  # it was deleted, or all was well with it
            self._queue.needless(server_id, now)
        elif view.problem:
            self._queue.failed(server_id, now)
        else:
            self._queue.done(server_id, now)
        if view is None or not (view.problem or view.failed_shares):
            self._shares.pop(server_id, None)
            self._told = {told for told in self._told if told[0] != server_id}
        elif not view.problem:
            self._shares[server_id] = later = self._shares.get(server_id, Backoff(1)).failed(now)
            self._queue.add(server_id, now, seconds=later.last - now)
        if view is not None:
            self._tell_of_server(view)

    # -- telling

    def _tell_of_server(self, view: ReconcileView) -> None:
        """That it was repaired, or could not be; that again only if there is more to be told than before."""
        if not view.problem and not view.failed_shares:
            self._ports.events.emit(_of_view(EventKind.REPAIRED, view))
            return
        reasons: tuple[Drift | str, ...] = (*view.found, view.problem)
        self._tell({(_id(view), reason) for reason in reasons}, _of_view(EventKind.REPAIR_FAILED, view))

    def _tell_of_host(self, kind: EventKind, error: BaseException) -> None:
        text = str(error) or repr(error)
        self._tell({("", text)}, Event(kind, detail=text))

    def _tell(self, values: Set[_Told], event: Event) -> None:
        """Once: what is so for long is seen again and again."""
        if not values <= self._told:
            self._told |= values
            self._ports.events.emit(event)


def _id(view: ReconcileView) -> str:
    """Whom it is about: a record that cannot be read has its path only."""
    return view.server_id or view.name


def _of_view(kind: EventKind, view: ReconcileView) -> Event:
    found = "; ".join((*map(str, view.found), *filter(None, (view.problem,))))
    if view.server_id:
        return Event(kind, view.name, detail=found)
    return Event(kind, thing=view.name, detail=found)  # a record that cannot be read
