"""``shares-core operation``: operations under way."""

from __future__ import annotations

import click

from shares_core.domain.views import OperationView
from shares_core.entrypoints.cli import documents
from shares_core.entrypoints.cli.framework import Group
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation
from shares_core.entrypoints.cli.text import duration


@click.group(cls=Group)
def operation() -> None:
    """Operations that are under way, or were interrupted.

    A check, a repair, growing and a wipe take as long as the disk takes. Meanwhile everything except another
    change of that share goes on without waiting.
    """


@operation.command("list")
@pass_invocation
def list_operations(invocation: Invocation) -> None:
    """List the operations that are under way or were interrupted.

    The percentage is that of the present step, if it is known: of a wipe, or of e2fsck. The next reconcile
    recovers what was interrupted.
    """
    found = invocation.reading().operations.list()
    head = ("id", "operation", "server", "share", "for", "state")
    rows = [
        (view.id, view.kind, view.server, view.share or "-", duration(view.since), _state(view))
        for view in found
    ]
    invocation.out.answer(
        [documents.operation(view) for view in found],
        lambda: invocation.out.table(head, rows, "nothing is under way"),
    )


@operation.command("show")
@click.argument("operation_id", metavar="ID")
@pass_invocation
def show(invocation: Invocation, operation_id: str) -> None:
    """Show one operation."""
    view = invocation.reading().operations.show(operation_id)
    invocation.out.answer(documents.operation(view), lambda: invocation.out.fields(_fields(view)))


@operation.command("cancel")
@click.argument("operation_id", metavar="ID")
@pass_invocation
def cancel(invocation: Invocation, operation_id: str) -> None:
    """End an operation before its next step, and undo what it did.

    The operation's caller waits for a running tool, like a file system check; this command does not. An
    operation that only goes forward, or is past its point of no return, cannot be cancelled: exit status 4.
    """
    view = invocation.changing().operations.cancel(operation_id)
    what = "ends before its next step" if view.running else "was interrupted, and is undone now"
    invocation.out.answer(
        documents.operation(view), lambda: invocation.out.lines(f"{view.kind} {view.id} {what}")
    )


def _state(view: OperationView) -> str:
    if not view.running:
        return "interrupted"
    state = "being cancelled" if view.cancelled else "running"
    return state if view.progress is None else f"{state}, {view.progress:.0%}"


def _fields(view: OperationView) -> list[tuple[str, str]]:
    return [
        ("operation", view.kind),
        ("id", view.id),
        ("server", view.server),
        ("share", view.share),
        ("for", duration(view.since)),
        ("state", _state(view)),
        ("problem", view.problem),
        ("cancel", view.no_return and f"not possible: {view.no_return}"),
    ]
