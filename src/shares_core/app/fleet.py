"""All servers at once: make the host agree with the records again, and say what does not belong to any."""

from __future__ import annotations

from collections.abc import Collection

from attrs import evolve, frozen

from shares_core.app.looking import Sight, beyond_mending, differences
from shares_core.app.orphans import find_orphans, remove_orphan
from shares_core.app.registry import Registry
from shares_core.app.servers import Servers
from shares_core.domain.errors import Busy, NotFound, RecordUnreadable, SharesError
from shares_core.domain.intent import CreateServer, DeleteServer
from shares_core.domain.server import ShareServer
from shares_core.domain.share import ShareStatus
from shares_core.domain.views import Orphan, ReconcileOutcome, ReconcileReport, ReconcileView
from shares_core.ports import Ports


@frozen
class Fleet:
    """The use cases about every server of the host. Each may raise HostNotReady and BackendFailure."""

    _ports: Ports
    _registry: Registry
    _servers: Servers

    def reconcile(
        self, *, dry_run: bool = False, remove_orphans: Collection[Orphan] = (), upgrade: bool = True
    ) -> ReconcileReport:
        """Make the host agree with every record again, after a reboot, a Docker restart or a crash.

        One server's trouble does not keep the others down: it is told in that server's view. A server that
        was stopped on purpose stays so. ``dry_run`` only looks. What is this installation's and in no record
        is told of; ``remove_orphans`` are those, told of by an earlier report, that are removed with their
        data if they still are orphans; but never where there are no records at all, which may be a state
        folder that was lost. Without ``upgrade`` a container that runs is left, of whatever image it is.
        """
        if not dry_run:
            self._ports.runtime.check(stale_image_ok=True)
        records = self._ports.records.load_all()
        servers = [record for record in records if isinstance(record, ShareServer)]
        sight = Sight.of(self._ports, servers, upgrade=upgrade)
        views = [self._look(server, sight) for server in servers]
        if not dry_run:
            looked = zip(servers, views, strict=True)
            views = [view and self._make_so(server, view, upgrade=upgrade) for server, view in looked]
        unreadable = [_unreadable(record) for record in records if isinstance(record, RecordUnreadable)]
        return ReconcileReport(
            servers=(*filter(None, views), *unreadable),
            orphans=self._orphans(() if dry_run or not records else remove_orphans),
            known=len(records),
        )

    def mend(self, server_id: str, *, upgrade: bool = False) -> ReconcileView | None:
        """The same for one server, by its id; nothing where it is as it should be, or there is none."""
        try:
            record = self._ports.records.load(server_id)
        except RecordUnreadable as error:
            return _unreadable(error)
        if record is None:
            return None
        view = self._look(record, Sight.of(self._ports, (record,), upgrade=upgrade))
        return view and self._make_so(record, view, upgrade=upgrade)

    def _orphans(self, removed: Collection[Orphan]) -> tuple[Orphan, ...]:
        found = find_orphans(self._ports)
        return tuple(remove_orphan(self._ports, orphan) if orphan in removed else orphan for orphan in found)

    def _look(self, record: ShareServer, sight: Sight) -> ReconcileView | None:
        """What differs; nothing where nothing does."""
        found = (*self._differences(record, sight), *beyond_mending(record))
        view = ReconcileView(str(record.name), "", _failed(record), ReconcileOutcome.FOUND, found, record.id)
        return view if found else None

    def _differences(self, server: ShareServer, sight: Sight) -> tuple[str, ...]:
        """What cannot be looked at differs too: to bring the server up then tells why, or mends it."""
        try:
            return differences(self._ports, server, sight)
        except SharesError as error:
            return (str(error),)

    def _make_so(self, record: ShareServer, looked: ReconcileView, *, upgrade: bool) -> ReconcileView | None:
        """Mend what was found. Nothing is told where another caller was only in the middle of something."""
        try:
            with self._registry.hold_id(record.id, looked.name) as held:
                sight = Sight.of(self._ports, (held.server,), upgrade=upgrade)
                if self._differences(held.server, sight):
                    self._servers.bring_to_desired(held, upgrade=upgrade)
                elif held.settled is None and not beyond_mending(held.server):
                    return None
                failed = _failed(held.server)
                outcome = ReconcileOutcome.FAILED if failed else ReconcileOutcome.OK
                return evolve(looked, failed_shares=failed, outcome=outcome)
        except NotFound:
            return evolve(looked, failed_shares=(), outcome=_gone(record))
        except Busy:
            return evolve(looked, outcome=ReconcileOutcome.BUSY)
        except SharesError as error:
            return evolve(looked, problem=str(error), outcome=ReconcileOutcome.FAILED)


def _failed(server: ShareServer) -> tuple[str, ...]:
    return tuple(str(share.name) for share in server.shares if share.status is ShareStatus.FAILED)


def _unreadable(error: RecordUnreadable) -> ReconcileView:
    return ReconcileView(error.path, str(error), outcome=ReconcileOutcome.UNREADABLE)


def _gone(record: ShareServer) -> ReconcileOutcome:
    """Why a server that was recorded so is not there any more."""
    match record.intent:
        case CreateServer():
            return ReconcileOutcome.CREATION_UNDONE
        case DeleteServer():
            return ReconcileOutcome.DELETION_CARRIED_ON
    return ReconcileOutcome.DELETED_MEANWHILE
