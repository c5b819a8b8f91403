"""``shares-core reconcile`` and ``watch``: make the host agree with the records again, and keep it so."""

from __future__ import annotations

import click

from shares_core.domain.views import Orphan, ReconcileOutcome, ReconcileReport, ReconcileView
from shares_core.entrypoints.cli import documents
from shares_core.entrypoints.cli.errors import FAILED
from shares_core.entrypoints.cli.framework import Command
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation

_VERDICTS = {
    ReconcileOutcome.OK: "ok",
    ReconcileOutcome.FOUND: "to be repaired",
    ReconcileOutcome.FAILED: "failed",
    ReconcileOutcome.BUSY: "another caller works on it",
    ReconcileOutcome.UNREADABLE: "unknown",
    ReconcileOutcome.CREATION_UNDONE: "removed: its creation was interrupted",
    ReconcileOutcome.DELETION_CARRIED_ON: "deleted: its deletion was carried on",
    ReconcileOutcome.DELETED_MEANWHILE: "deleted: by another caller, meanwhile",
}


@click.command(
    "reconcile",
    cls=Command,
    epilog="shares-core reconcile\nshares-core reconcile --dry-run\nshares-core reconcile --remove-orphans",
)
@click.option("--dry-run", is_flag=True, help="Only report what differs; change nothing.")
@click.option(
    "--remove-orphans",
    is_flag=True,
    help="Remove orphans with their data: what is this installation's but in no record.",
)
@pass_invocation
def reconcile(invocation: Invocation, *, dry_run: bool, remove_orphans: bool) -> None:
    """Bring all servers back, after a reboot or a crash.

    Tells what differed from the records. A running server with a former image or former limits is upgraded:
    its clients have to reconnect. Exits with 7 if a server or a share could not be brought back; with 0 after
    --dry-run, whatever differs.
    """
    host = invocation.reading() if dry_run else invocation.changing()
    named = host.fleet.reconcile(dry_run=True).orphans if remove_orphans else ()
    report = host.fleet.reconcile(dry_run=dry_run, remove_orphans=named)
    invocation.out.answer(documents.reconciled(report), lambda: _tell(invocation, report))
    if not dry_run and not report.is_well:
        raise click.exceptions.Exit(FAILED)


@click.command("watch", cls=Command)
@pass_invocation
def watch(invocation: Invocation) -> None:
    """Reconcile, and go on repairing, until ended.

    It brings a server that ends back within seconds, and looks at everything every minute. It reports what it
    does on standard error, a line each. Meant to run as a service: packaging/shares-core.service.
    """
    with invocation.watching() as watcher:
        while True:
            watcher.round()


def _tell(invocation: Invocation, report: ReconcileReport) -> None:
    _tell_of_servers(invocation, report)
    invocation.out.lines(*(f"warning: {full}" for full in report.nearly_full))


def _tell_of_servers(invocation: Invocation, report: ReconcileReport) -> None:
    if report.is_empty:
        known = f"all {report.known} servers are" if report.known > 1 else "the one server is"
        invocation.out.lines(f"{known} as recorded" if report.known else "there are no servers yet")
        return
    if report.servers:
        rows = [_row(view) for view in report.servers]
        invocation.out.table(("server", "verdict", "found", "problem"), rows, "")
    if report.orphans:
        orphans = [(str(orphan.kind), orphan.name, _fate(orphan)) for orphan in report.orphans]
        invocation.out.table(("orphan", "name", "verdict"), orphans, "")
        if not report.known:
            why = "there are no records, so none is removed: were they lost, restore them from a backup"
            invocation.out.lines("", why)
        elif not any(orphan.removed or orphan.problem for orphan in report.orphans):
            line = invocation.command("reconcile", "--remove-orphans")
            invocation.out.lines("", f"orphans are in no record; this removes them with their data: {line}")


def _row(view: ReconcileView) -> tuple[str, str, str, str]:
    failed = f"shares that cannot be served: {', '.join(view.failed_shares)}" if view.failed_shares else ""
    name = "?" if view.outcome is ReconcileOutcome.UNREADABLE else view.name
    return name, _VERDICTS[view.outcome], "; ".join(map(str, view.found)), view.problem or failed


def _fate(orphan: Orphan) -> str:
    if orphan.removed:
        return "removed"
    return f"not removed: {orphan.problem}" if orphan.problem else "left alone"
