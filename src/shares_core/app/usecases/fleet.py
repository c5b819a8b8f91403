"""All servers at once: make the host agree with the records again, and report orphans."""

from __future__ import annotations

from collections.abc import Collection

from attrs import evolve, frozen

from shares_core.app.leases import Leases
from shares_core.app.lifecycle.audit import try_to_collect
from shares_core.app.operations.create_server import CreateServer
from shares_core.app.operations.delete_server import DeleteServer
from shares_core.app.reconcile.apply import repair
from shares_core.app.reconcile.nearly_full import nearly_full
from shares_core.app.reconcile.observe import Observation, observe
from shares_core.app.reconcile.orphans import find_orphans, forget_progress, remove_orphan
from shares_core.app.reconcile.plan import plan
from shares_core.domain.errors import Busy, NotFound, RecordUnreadable, SharesError
from shares_core.domain.server import ShareServer
from shares_core.domain.share import ShareStatus
from shares_core.domain.views import Orphan, ReconcileOutcome, ReconcileReport, ReconcileView
from shares_core.ports import Ports


@frozen
class Fleet:
    """The use cases about every server of the host. Each may raise HostNotReady and BackendFailure."""

    _ports: Ports
    _leases: Leases

    def reconcile(
        self, *, dry_run: bool = False, remove_orphans: Collection[Orphan] = (), upgrade: bool = True
    ) -> ReconcileReport:
        """Make the host agree with every record again, after a reboot, a Docker restart or a crash.

        Servers are brought back in parallel, and one server's trouble does not keep the others down: its view
        names it. A server that was stopped on purpose stays stopped. ``dry_run`` changes nothing. Orphans are
        reported. ``remove_orphans`` names orphans, reported earlier, to remove with their data if they are
        still orphans; but never if there are no records at all, because the state folder may be lost. Without
        ``upgrade`` running containers are left, whatever their image.
        """
        if not dry_run:
            self._ports.runtime.check(stale_image_ok=True)
        records = self._ports.records.load_all()
        servers = [record for record in records if isinstance(record, ShareServer)]
        observed = observe(self._ports, servers, upgrade=upgrade)
        looked = [(server, view) for server in servers if (view := _look(server, observed)) is not None]
        views: list[ReconcileView | None] = [view for _, view in looked]
        if not dry_run:
            views = list(self._ports.workers.each(lambda each: self._repair(*each, upgrade=upgrade), looked))
            forget_progress(self._ports)
            for server in servers:
                try_to_collect(self._ports, server)
        unreadable = [_unreadable(record) for record in records if isinstance(record, RecordUnreadable)]
        return ReconcileReport(
            servers=(*filter(None, views), *unreadable),
            orphans=self._orphans(() if dry_run or not records else remove_orphans),
            known=len(records),
            nearly_full=tuple(nearly_full(self._ports.filesystems, servers)),
        )

    def repair(self, server_id: str, *, upgrade: bool = False) -> ReconcileView | None:
        """The same for one server, by its id; None if it is as it should be, or does not exist."""
        try:
            record = self._ports.records.load(server_id)
        except RecordUnreadable as error:
            return _unreadable(error)
        if record is None:
            return None
        view = _look(record, observe(self._ports, (record,), upgrade=upgrade))
        return view and self._repair(record, view, upgrade=upgrade)

    def _orphans(self, removed: Collection[Orphan]) -> tuple[Orphan, ...]:
        found = find_orphans(self._ports)
        return tuple(remove_orphan(self._ports, orphan) if orphan in removed else orphan for orphan in found)

    def _repair(self, record: ShareServer, looked: ReconcileView, *, upgrade: bool) -> ReconcileView | None:
        """Repair what was found. None if it was only another caller's unfinished work."""
        try:
            repaired = repair(self._ports, self._leases, record, upgrade=upgrade)
        except NotFound:
            return evolve(looked, failed_shares=(), outcome=_gone(record))
        except Busy:
            return evolve(looked, outcome=ReconcileOutcome.BUSY)
        except SharesError as error:
            return evolve(looked, problem=str(error), outcome=ReconcileOutcome.FAILED)
        if repaired.was_well:
            return None
        if repaired.server is None:
            return evolve(looked, failed_shares=(), outcome=ReconcileOutcome.DELETED_MEANWHILE)
        failed = _failed(repaired.server)
        outcome = ReconcileOutcome.FAILED if failed else ReconcileOutcome.OK
        return evolve(looked, failed_shares=failed, outcome=outcome)


def _look(record: ShareServer, observed: Observation) -> ReconcileView | None:
    """What differs, or None."""
    found = plan(record, observed)
    view = ReconcileView(str(record.name), "", _failed(record), ReconcileOutcome.FOUND, found, record.id)
    return view if found else None


def _failed(server: ShareServer) -> tuple[str, ...]:
    return tuple(str(share.name) for share in server.shares if share.status is ShareStatus.FAILED)


def _unreadable(error: RecordUnreadable) -> ReconcileView:
    return ReconcileView(error.path, str(error), outcome=ReconcileOutcome.UNREADABLE)


def _gone(record: ShareServer) -> ReconcileOutcome:
    """Why a server with such a record is gone."""
    if isinstance(record.operation, CreateServer):
        return ReconcileOutcome.CREATION_UNDONE
    if isinstance(record.operation, DeleteServer):
        return ReconcileOutcome.DELETION_CARRIED_ON
    return ReconcileOutcome.DELETED_MEANWHILE
