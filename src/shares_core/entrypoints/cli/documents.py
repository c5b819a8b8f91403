"""The JSON documents: plain values with stable keys, in snake case; sizes are whole bytes.

A key without a value is null, never left out, so that programs can rely on all keys.
"""

from __future__ import annotations

from typing import Any

from shares_core.domain.access import AccessRule
from shares_core.domain.audit import AuditEntry
from shares_core.domain.capacity import format_bytes
from shares_core.domain.errors import RecordUnreadable
from shares_core.domain.exports import Export
from shares_core.domain.findings import Finding
from shares_core.domain.network import Interface
from shares_core.domain.operation import Operation
from shares_core.domain.options import ShareOptions
from shares_core.domain.schedules import Schedule
from shares_core.domain.server import Account, ShareServer
from shares_core.domain.sessions import ClosedSessions, OpenFile, SmbSession
from shares_core.domain.share import CifsShare
from shares_core.domain.snapshot_views import RevertView, SnapshotView
from shares_core.domain.views import (
    AccessView,
    CheckView,
    ExtendView,
    ListedPool,
    OperationView,
    PasswordView,
    PoolView,
    ReconcileOutcome,
    ReconcileReport,
    ReconcileView,
    RunState,
    ServerView,
    ShareView,
    UpgradeView,
)
from shares_core.entrypoints.cli.remedies import pool_warning, problem_of
from shares_core.entrypoints.cli.text import locations, smbclient_lines, state_of

Document = dict[str, Any]


def audit_entry(entry: AuditEntry) -> Document:
    return {
        "time": entry.time,
        "action": str(entry.action),
        "users": list(entry.users),
        "address": entry.address or None,
        "path": entry.path or None,
        "new_path": entry.new_path or None,
    }


def interface(value: Interface) -> Document:
    return {
        "bridge": value.attachment.device,
        "addresses": [str(address) for address in value.addresses],
        "mac": str(value.mac),
        "gateways": [str(gateway) for gateway in value.gateways],
        "mtu": value.mtu,
        "host_addresses": [str(address) for address in value.host_addresses],
    }


def server(view: ServerView | RecordUnreadable) -> Document:
    """A server; if its record cannot be read, it has all keys too, with its problem."""
    if isinstance(view, RecordUnreadable):
        nothing: Document = {"name": None, "id": None, "state": str(RunState.UNKNOWN), "desired": None}
        return nothing | {
            "problem": view.message,
            "encryption": None,
            "min_protocol": None,
            "differing": [],
            "relaxations": [],
            "interfaces": [],
            "shares": [],
            "users": [],
            "operations": [],
        }
    found = view.server
    return {
        "name": str(found.name),
        "id": found.id,
        "state": state_of(view),
        "desired": str(found.desired),
        "problem": problem_of(view),
        "encryption": str(found.protection.encryption),
        "min_protocol": str(found.protection.min_protocol),
        "differing": list(found.protection.differing),
        "relaxations": list(found.protection.relaxations),
        "interfaces": [interface(each) for each in found.interfaces],
        "shares": [str(each.name) for each in found.shares],
        "users": [str(each.name) for each in found.accounts],
        "operations": _on_server(found),
    }


def _on_server(found: ShareServer) -> list[Document]:
    """What is under way on the server and on its shares, or was interrupted."""
    own = [(None, found.operation), *((str(share.name), share.operation) for share in found.shares)]
    return [{"share": name} | named for name, each in own if (named := _named(each)) is not None]


def _named(value: Operation | None) -> Document | None:
    if value is None:
        return None
    return {"id": value.id, "operation": value.kind, "since": value.since or None}


def share(view: ShareView) -> Document:
    found, usage = view.share, view.usage
    return {
        "name": str(found.name),
        "server": str(view.server.name),
        "status": str(found.status),
        "reason": found.reason,
        "operation": _named(found.operation),
        "capacity_bytes": found.capacity.bytes,
        "capacity": str(found.capacity),
        "used_bytes": usage.used if usage else None,
        "used": format_bytes(usage.used) if usage else None,
        "free_bytes": usage.free if usage else None,
        "free": format_bytes(usage.free) if usage else None,
        "files": usage.files if usage else None,
        "files_free": usage.files_free if usage else None,
        "running_out": usage.running_out if usage else "",
        "volume_bytes": view.volume_size.bytes if view.volume_size else None,
        "volume": str(view.volume_size) if view.volume_size else None,
        "filesystem": str(found.filesystem.kind),
        "case_fold": found.filesystem.case_fold,
        "pool": str(found.volume.pool),
        "acls": "none",
        "stream_limit_bytes": view.stream_limit,
        **_options(found.options),
        "recycle_bin_bytes": view.recycled.bytes if view.recycled else None,
        "recycle_bin_files": view.recycled.files if view.recycled else None,
        "differing": list(found.options.differing),
        "snapshots": [str(each.name) for each in found.snapshots],
        "export_locations": list(view.export_locations),
        "locations": _locations(view.server, view.share),
        "access": [rule(each) for each in found.rules],
    }


def _options(options: ShareOptions) -> Document:
    limit, kept = options.backup_limit, options.recycle_bin
    return {
        "time_machine": options.time_machine is not None,
        "time_machine_limit_bytes": limit.bytes if limit else None,
        "recycle_bin_days": kept.days if kept else None,
        "audit": options.audit,
    }


def _locations(server: ShareServer, found: CifsShare | Export) -> list[Document]:
    """All locations, each with the kind of client that takes it."""
    return [{"client": client, "location": location} for client, location in locations(server, found)]


def extended(view: ExtendView) -> Document:
    return share(view.share) | {"way": str(view.way)}


def rule(value: AccessRule) -> Document:
    return {"user": str(value.principal.name), "level": str(value.level)}


def access(view: AccessView) -> Document:
    """What an allow did. ``password`` is null unless it was generated: it is shown only here."""
    user = str(view.rule.principal.name)
    return {
        "server": str(view.server.name),
        "share": str(view.export.name),
        **rule(view.rule),
        "password_outcome": str(view.outcome),
        "password": view.password.reveal() if view.password else None,
        "stale_connections": view.stale_connections,
        "export_locations": list(view.server.export_locations(view.export)),
        "locations": _locations(view.server, view.export),
        "smbclient": smbclient_lines(view.server, view.export, user),
    }


def snapshot(view: SnapshotView) -> Document:
    """A snapshot; ``taken`` is in unix seconds, ``token`` what clients call that moment.

    ``export`` is the name under which it is exported, null if it is not.
    """
    export = view.export
    return {
        "name": str(view.snapshot.name),
        "server": str(view.server.name),
        "share": str(view.share.name),
        "id": view.snapshot.id,
        "taken": view.snapshot.second,
        "token": view.snapshot.token,
        "capacity_bytes": view.snapshot.capacity.bytes,
        "capacity": str(view.snapshot.capacity),
        "scheduled": view.snapshot.scheduled,
        "export": str(export.name) if export else None,
        "export_locations": list(view.server.export_locations(export)) if export else [],
        "locations": _locations(view.server, export) if export else [],
        "access": [rule(each) for each in export.rules] if export else [],
    }


def schedule(server: str, share: str, found: Schedule | None) -> Document:
    """A share's schedule; its numbers are null without one."""
    kinds = ("keep_last", "hourly", "daily", "weekly")
    return {"server": server, "share": share} | {kind: getattr(found, kind, None) for kind in kinds}


def reverted(done: RevertView) -> Document:
    return snapshot(done.snapshot) | {"capacity_before_bytes": done.capacity_before.bytes}


def session(value: SmbSession) -> Document:
    return {
        "id": value.id,
        "user": value.user,
        "address": value.address,
        "since": value.since or None,
        "dialect": value.dialect,
        "encryption": value.encryption or None,
        "shares": list(value.shares),
        "connection": value.connection,
    }


def closed_sessions(done: ClosedSessions) -> Document:
    return {
        "closed": [session(each) for each in done.closed],
        "alongside": [session(each) for each in done.alongside],
    }


def open_file(value: OpenFile) -> Document:
    return {
        "share": value.share,
        "path": value.path,
        "users": list(value.users),
        "access": value.access or None,
        "locks": value.locks,
        "since": value.since or None,
        "connection": value.connection,
    }


def account(value: Account) -> Document:
    return {"user": str(value.name)}


def password(view: PasswordView) -> Document:
    return {
        "server": str(view.server.name),
        "user": view.user,
        "password_outcome": str(view.outcome),
        "password": view.password.reveal() if view.password else None,
    }


def pool(view: PoolView) -> Document:
    return {
        "name": str(view.name),
        "kind": view.kind,
        "location": view.location,
        "total_bytes": view.total,
        "provisioned_bytes": view.provisioned,
        "free_bytes": view.free,
        "total": format_bytes(view.total),
        "provisioned": format_bytes(view.provisioned),
        "free": format_bytes(view.free),
        "overprovisioned": view.overprovisioned,
        "data_percent": view.data_percent,
        "metadata_percent": view.metadata_percent,
        "snapshots": None if view.snapshots is None else view.snapshots.value,
        "warnings": list(map(pool_warning, view.warnings)),
    }


def listed_pool(listed: ListedPool) -> Document:
    """A pool; if it is missing, it has a name and a problem, and its figures are null."""
    figures = pool(listed.view or PoolView(listed.name, "", "", 0, 0, 0, overprovisioned=False))
    if listed.view is None:
        figures = dict.fromkeys(figures) | {"name": str(listed.name)}
    return figures | {"problem": listed.problem}


def finding(value: Finding, mend: str) -> Document:
    return {
        "subject": value.subject,
        "verdict": str(value.verdict),
        "detail": value.detail,
        "mend": mend,
    }


def reconciled(report: ReconcileReport) -> Document:
    """What reconcile found and did; empty lists if the host agrees with its records."""
    return {
        "known": report.known,
        "servers": list(map(_reconciled, report.servers)),
        "orphans": [
            {"kind": str(each.kind), "name": each.name, "removed": each.removed, "problem": each.problem}
            for each in report.orphans
        ],
        "nearly_full": [
            {"server": each.server, "share": each.share, "problem": each.problem}
            for each in report.nearly_full
        ],
    }


def _reconciled(view: ReconcileView) -> Document:
    """The outcome for a server; without a name if its record cannot be read, as in the list of servers."""
    unreadable = view.outcome is ReconcileOutcome.UNREADABLE
    return {
        "server": None if unreadable else view.name,
        "outcome": str(view.outcome),
        "found": list(map(str, view.found)),
        "drift": [
            {"kind": str(each.kind), "subject": each.subject, "detail": each.detail} for each in view.found
        ],
        "problem": view.problem,
        "failed_shares": list(view.failed_shares),
    }


def upgraded(view: UpgradeView) -> Document:
    return {
        "server": str(view.server.name),
        "outcome": str(view.outcome),
        "downtime_seconds": round(view.downtime, 3),
    }


def checked(view: CheckView) -> Document:
    """What a check found: ``damage`` is empty if the file system is whole now."""
    return {**share(view.share), "damage": view.damage, "repair": view.repair}


def operation(view: OperationView) -> Document:
    """An operation; ``since`` is in unix seconds, ``progress`` from 0 to 1 or null."""
    return {
        "id": view.id,
        "operation": view.kind,
        "server": view.server,
        "share": view.share or None,
        "since": view.since or None,
        "running": view.running,
        "cancelled": view.cancelled,
        "cancellable": not view.no_return,
        "no_return": view.no_return,
        "problem": view.problem,
        "progress": view.progress,
    }
