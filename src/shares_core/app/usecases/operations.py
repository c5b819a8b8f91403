"""Operations under way: list, show, cancel."""

from __future__ import annotations

from attrs import evolve, frozen

from shares_core.app.leases import Leases, at_work
from shares_core.domain.checks import require
from shares_core.domain.errors import Conflict, NotFound
from shares_core.domain.operation import Operation, ShareOperation
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare
from shares_core.domain.views import OperationView
from shares_core.ports import Ports

_LIST_HINT = Remedy.of(Call(UseCase.OPERATIONS_LIST), " lists those that are under way")


@frozen
class Operations:
    """The use cases about operations. Listing and showing do not wait."""

    _ports: Ports
    _leases: Leases

    def list(self) -> tuple[OperationView, ...]:
        """List what is under way or was interrupted, by the servers' names, the oldest first."""
        servers = [record for record in self._ports.records.load_all() if isinstance(record, ShareServer)]
        held = at_work(self._ports, servers)
        views: list[OperationView] = []
        for server in servers:
            views += sorted(_views(server, held), key=lambda view: view.since)
        told = self._ports.progress.told([view.id for view in views if view.running])
        return tuple(evolve(view, progress=told.get(view.id)) for view in views)

    def show(self, operation_id: str) -> OperationView:
        """Return one operation. Raises InvalidInput, and NotFound if it has ended."""
        require(operation_id, str, "an operation's id", hint=_LIST_HINT)
        for view in self.list():
            if view.id == operation_id:
                return view
        raise NotFound("operation", operation_id, hint=_LIST_HINT)

    def cancel(self, operation_id: str) -> OperationView:
        """Make an operation end before its next step, and undo what it did. Idempotent.

        This call does not wait for a running command; the operation's caller does. If the operation was
        interrupted, this call undoes it. Raises InvalidInput, NotFound if it has ended, Conflict if it only
        goes forward or is past its point of no return.
        """
        view = self.show(operation_id)
        if not view.share:
            raise Conflict(
                f"{view.kind} of server {view.server!r} cannot be cancelled: {view.no_return}",
                hint="wait for it; if it was interrupted, the next reconcile recovers it",
            )
        with self._leases.server(view.server) as held:
            share, operation = _find(held.server, operation_id)
            if operation.no_return:
                raise Conflict(
                    f"{operation.kind} of share {share.name} cannot be cancelled: {operation.no_return}",
                    hint="wait for it to end",
                )
            held.save(held.server.with_share(share.advanced(operation.cancel())))
            server = held.server
        if not self._ports.locks.held((share.id,)):
            with self._leases.share(view.server, str(share.name)):
                pass  # recovered, because nobody is at work on it
        cancelled = _share_view(server, server.share(share.name), running=view.running)
        return evolve(cancelled, progress=view.progress)


def _find(server: ShareServer, operation_id: str) -> tuple[CifsShare, ShareOperation]:
    for share in server.shares:
        if share.operation is not None and share.operation.id == operation_id:
            return share, share.operation
    raise NotFound("operation", operation_id, hint=_LIST_HINT)


def _views(server: ShareServer, held: frozenset[str]) -> list[OperationView]:
    views = [
        _share_view(server, share, running=share.id in held)
        for share in server.shares
        if share.operation is not None
    ]
    if server.operation is not None:
        views.append(_server_view(server, server.operation, running=server.id in held))
    return views


def _server_view(server: ShareServer, operation: Operation, *, running: bool) -> OperationView:
    return OperationView(
        id=operation.id,
        kind=operation.kind,
        server=str(server.name),
        share="",
        since=operation.since,
        running=running,
        no_return="it only goes forward" if operation.forward_only else "it is brief",
    )


def _share_view(server: ShareServer, share: CifsShare, *, running: bool) -> OperationView:
    operation = share.operation
    if operation is None:
        raise NotFound("operation", str(share.name), hint=_LIST_HINT)
    return OperationView(
        id=operation.id,
        kind=operation.kind,
        server=str(server.name),
        share=str(share.name),
        since=operation.since,
        running=running,
        cancelled=operation.cancelled,
        no_return=operation.no_return,
        problem=share.reason,
    )
