"""``shares-core pool``: where the shares' volumes come from."""

from __future__ import annotations

import click

from shares_core.domain.capacity import format_bytes
from shares_core.domain.pools import DevicePath
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
        used = [
            (name, f"{percent:.1f} %")
            for name, percent in (("data used", view.data_percent), ("metadata used", view.metadata_percent))
            if percent is not None
        ]
        invocation.out.fields(
            [
                ("pool", f"{view.kind} at {view.location}"),
                ("total", format_bytes(view.total)),
                ("provisioned", f"{format_bytes(view.provisioned)}, promised to shares"),
                ("free", f"{format_bytes(view.free)}, for new shares"),
                *used,
            ]
        )
        if view.overprovisioned:
            invocation.out.lines(
                "overprovisioned: when its disk is full, writes fail in shares that are not full themselves"
            )

        invocation.out.lines(*(f"warning: {warning}" for warning in view.warnings))

    invocation.out.answer(documents.pool(view), tell)


@pool.command("create", epilog="shares-core pool create /dev/sdb")
@click.argument("device", metavar="[DEVICE]", required=False)
@pass_invocation
def create(invocation: Invocation, device: str | None) -> None:
    """Make the configured volume group or thin pool, on DEVICE.

    The device has to hold nothing at all. Without one, a thin pool gets the free extents of a volume group
    that is there. A pool of files needs no command: it is made with the first share.
    """
    named = DevicePath(device) if device is not None else None
    made = invocation.building_pool().build(named)
    view = invocation.reading().pool.show()
    invocation.out.answer(
        documents.pool(view) | {"created": made},
        lambda: invocation.out.lines(
            f"the pool {view.location} is {'made' if made else 'there already'}: "
            f"{format_bytes(view.free)} free, for new shares"
        ),
    )
