"""Keep the servers up: repair one as soon as it ends, and look at everything now and then."""

from __future__ import annotations

from collections.abc import Set
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Barrier
from types import TracebackType
from typing import Self

from attrs import evolve

from shares_core.app.usecases.fleet import Fleet
from shares_core.app.usecases.schedules import Schedules
from shares_core.app.watch.collector import collector
from shares_core.app.watch.scheduler import scheduler
from shares_core.app.watch.workqueue import WorkQueue
from shares_core.domain.backoff import Backoff
from shares_core.domain.drift import Drift
from shares_core.domain.views import NearlyFull, Orphan, ReconcileOutcome, ReconcileReport, ReconcileView
from shares_core.ports import Ports
from shares_core.ports.events import Event, EventKind

#: Look at everything this often: nothing announces what was unmounted or unplugged by hand.
LOOK_SECONDS = 60.0
#: While Docker answers, no round takes longer, so that due work is late by no more. The service waits for
#: another caller's work on a server no longer than this either: it tries again.
ROUND_SECONDS = 1.0
#: The same while a look is under way, which is short, so that what it found does not wait.
_LOOKING_SECONDS = 0.1
#: So many servers are repaired at a time: one that takes long does not keep the others down.
_AT_ONCE = 4
#: Stands among the servers' ids for a look at all of them.
_LOOK = ""
#: What is reported once: for a server, by its id, a drift or why its repair failed; for the host, whose id is
#: empty, an orphan, a share that is nearly full, or an error.
_Told = tuple[str, Drift | Orphan | NearlyFull | str]


class Watcher:
    """Waits, in rounds, for containers that end, and repairs their servers in the background.

    Use it in a ``with`` statement, from one thread. It reports what happens as events. The fleet's ports
    should wait for a server's lock no longer than ``ROUND_SECONDS``.
    """

    def __init__(self, ports: Ports, fleet: Fleet, schedules: Schedules) -> None:
        self._ports = ports
        self._fleet = fleet
        self._bookmark = ""
        self._next_look = 0.0
        #: Only in the first look: a new image that fails must not be tried for ever.
        self._upgrades = True
        self._to_upgrade: set[str] = set()
        self._queue = WorkQueue()
        #: When to try the failed shares of servers that are up again: their failures must not delay the
        #: repair of a server that ends.
        self._shares: dict[str, Backoff] = {}
        self._working: dict[str, Future[ReconcileReport]] = {}
        self._told: set[_Told] = set()
        self._workers = ThreadPoolExecutor(_AT_ONCE, "repair")
        self._collector = collector(ports)
        self._scheduler = scheduler(ports, schedules)

    def __enter__(self) -> Self:
        """Start all threads now: later the host might not have any."""
        together = Barrier(_AT_ONCE)
        try:
            wait([self._workers.submit(together.wait) for _ in range(_AT_ONCE)])
            self._collector.start()
            self._scheduler.start()
        except BaseException:
            together.abort()
            self._workers.shutdown()
            self._collector.stop()
            self._scheduler.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the repairs that are under way; start no others."""
        self._workers.shutdown(wait=True, cancel_futures=True)
        self._collector.stop()
        self._scheduler.stop()

    def round(self) -> None:
        """Wait until a container ends, or a second; start due work, and take note of finished work.

        If Docker does not answer, wait for it, and then look at everything. Raises nothing: it goes on
        whatever the host runs short of.
        """
        for step in (self._hear, self._go_on, self._collector.round, self._scheduler.round):
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
        """Queue what ended since the last round. What ended before the first, or was missed, takes a look."""
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
        if what == _LOOK:  # a look takes no lock, so that no busy server holds it up
            return self._fleet.reconcile(dry_run=True, upgrade=self._upgrades)
        view = self._fleet.repair(what, upgrade=what in self._to_upgrade)
        return ReconcileReport(() if view is None else (view,))

    # -- results

    def _take_note(self) -> None:
        """Report the results of finished work; queue repairs of what it found, retries of what failed."""
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
        # Forget what no longer holds, so that it is reported again when it does.
        # How much a share has left changes with every look: that is not told again.
        shares = {evolve(full, problem=""): full for full in report.nearly_full}
        seen: set[object] = {*report.orphans, *shares}
        self._told = {told for told in self._told if told[0] in differ or told[1] in seen}
        for orphan in report.orphans:
            self._tell({("", orphan)}, Event(EventKind.ORPHAN, thing=f"{orphan.kind} {orphan.name}"))
        for share, full in shares.items():
            event = Event(EventKind.SHARE_NEARLY_FULL, full.server, full.share, detail=full.problem)
            self._tell({("", share)}, event)
        for view in report.servers:
            if not view.server_id:
                self._tell_of_server(view)
                continue
            if self._upgrades:
                self._to_upgrade.add(view.server_id)
            self._queue.add(view.server_id, self._now)  # looks are rare enough already
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

    # -- reports

    def _tell_of_server(self, view: ReconcileView) -> None:
        """Report that it was repaired, or could not be; the latter again only if there is something new."""
        if not view.problem and not view.failed_shares:
            self._ports.events.emit(_of_view(EventKind.REPAIRED, view))
            return
        reasons: tuple[Drift | str, ...] = (*view.found, view.problem)
        self._tell({(_id(view), reason) for reason in reasons}, _of_view(EventKind.REPAIR_FAILED, view))

    def _tell_of_host(self, kind: EventKind, error: BaseException) -> None:
        text = str(error) or repr(error)
        self._tell({("", text)}, Event(kind, detail=text))

    def _tell(self, values: Set[_Told], event: Event) -> None:
        """Report it once: the next looks find the same again."""
        if not values <= self._told:
            self._told |= values
            self._ports.events.emit(event)


def _id(view: ReconcileView) -> str:
    """The server's id, or the path of a record that cannot be read."""
    return view.server_id or view.name


def _of_view(kind: EventKind, view: ReconcileView) -> Event:
    found = "; ".join((*map(str, view.found), *filter(None, (view.problem,))))
    if view.server_id:
        return Event(kind, view.name, detail=found)
    return Event(kind, thing=view.name, detail=found)  # a record that cannot be read
