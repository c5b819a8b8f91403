"""``shares-core pool``: where the shares' volumes come from."""

from __future__ import annotations

import click

from shares_core.domain.capacity import format_bytes
from shares_core.entrypoints.cli import documents
from shares_core.entrypoints.cli.framework import Group
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation


@click.group(cls=Group)
def pool() -> None:
    """The pool that the shares' volumes come from."""


@pool.command("show")
@pass_invocation
def show(invocation: Invocation) -> None:
    """Show how much there is, and how much is left."""
    view = invocation.reading().pool.show()

    def tell() -> None:
        invocation.out.fields(
            [
                ("pool", f"{view.kind} at {view.location}"),
                ("total", format_bytes(view.total)),
                ("provisioned", f"{format_bytes(view.provisioned)}, promised to shares"),
                ("free", f"{format_bytes(view.free)}, for new shares"),
            ]
        )
        if view.overprovisioned:
            invocation.out.lines(
                "overprovisioned: when its disk is full, writes fail in shares that are not full themselves"
            )

    invocation.out.answer(documents.pool(view), tell)
