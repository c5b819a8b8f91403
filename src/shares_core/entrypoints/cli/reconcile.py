"""``shares-core reconcile``: make the host agree with the records again."""

from __future__ import annotations

import click

from shares_core.domain.views import ReconcileOutcome, ReconcileView
from shares_core.entrypoints.cli import documents
from shares_core.entrypoints.cli.errors import FAILED
from shares_core.entrypoints.cli.framework import Command
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation

_VERDICTS = {
    ReconcileOutcome.OK: "ok",
    ReconcileOutcome.FAILED: "failed",
    ReconcileOutcome.UNREADABLE: "unknown",
    ReconcileOutcome.CREATION_UNDONE: "removed: its creation was interrupted",
    ReconcileOutcome.DELETION_CARRIED_ON: "deleted: its deletion was carried on",
    ReconcileOutcome.DELETED_MEANWHILE: "deleted: by another caller, meanwhile",
}


@click.command("reconcile", cls=Command)
@pass_invocation
def reconcile(invocation: Invocation) -> None:
    """Bring all servers back, after a reboot or a crash.

    Exits with 7 where a server or a share could not be brought back.
    """
    views = invocation.changing().servers.reconcile()
    rows = [_row(view) for view in views]
    invocation.out.answer(
        [documents.reconciled(view) for view in views],
        lambda: invocation.out.table(("server", "verdict", "problem"), rows, "there are no servers yet"),
    )
    if any(view.problem or view.failed_shares for view in views):
        raise click.exceptions.Exit(FAILED)


def _row(view: ReconcileView) -> tuple[str, str, str]:
    failed = f"shares that cannot be served: {', '.join(view.failed_shares)}" if view.failed_shares else ""
    unreadable = view.outcome is ReconcileOutcome.UNREADABLE
    return "?" if unreadable else view.name, _VERDICTS[view.outcome], view.problem or failed
