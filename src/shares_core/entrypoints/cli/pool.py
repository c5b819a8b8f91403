"""``shares-core pool``: the pools of the shares' volumes."""

from __future__ import annotations

import click

from shares_core.domain.capacity import Capacity, format_bytes
from shares_core.domain.pools import DevicePath, SnapshotWay
from shares_core.domain.views import ListedPool
from shares_core.domain.volume import DEFAULT_POOL, PoolName
from shares_core.entrypoints.cli import documents
from shares_core.entrypoints.cli.framework import Group
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation
from shares_core.entrypoints.cli.output import complain
from shares_core.entrypoints.cli.remedies import pool_warning

_WAYS = {
    SnapshotWay.SHARING: "at once, whatever a share's size",
    SnapshotWay.COPYING: "copies, made while clients go on writing",
    SnapshotWay.COPYING_READ_ONLY: "copies; clients can only read while one is made",
}


@click.group(cls=Group)
def pool() -> None:
    """The pools that the shares' volumes come from."""


@pool.command("list")
@pass_invocation
def list_pools(invocation: Invocation) -> None:
    """List the configured pools."""
    found = invocation.reading().pool.list()
    head = ("pool", "kind", "location", "total", "provisioned", "free")
    invocation.out.answer(
        [documents.listed_pool(listed) for listed in found],
        lambda: invocation.out.table(head, list(map(_row, found)), ""),
    )
    for listed in found:
        if listed.problem:
            complain(f"pool {listed.name}: {listed.problem}")


def _row(listed: ListedPool) -> tuple[str, ...]:
    view = listed.view
    if view is None:
        return (str(listed.name), "is not there", "", "", "", "")
    sizes = map(format_bytes, (view.total, view.provisioned, view.free))
    return (str(listed.name), view.kind, view.location, *sizes)


@pool.command("show", epilog="shares-core pool show\nshares-core pool show fast")
@click.argument("name", metavar="[POOL]", default=str(DEFAULT_POOL))
@pass_invocation
def show(invocation: Invocation, name: str) -> None:
    """Show a pool's space, used and free."""
    view = invocation.reading().pool.show(name)

    def tell() -> None:
        used = [
            (name, f"{percent:.1f} %")
            for name, percent in (("data used", view.data_percent), ("metadata used", view.metadata_percent))
            if percent is not None
        ]
        invocation.out.fields(
            [
                ("pool", str(view.name)),
                ("volumes", f"{view.kind} at {view.location}"),
                ("total", format_bytes(view.total)),
                ("provisioned", f"{format_bytes(view.provisioned)}, promised to shares"),
                ("free", f"{format_bytes(view.free)}, for new shares"),
                *used,
                *([("snapshots", _WAYS[view.snapshots])] if view.snapshots else []),
            ]
        )
        if view.overprovisioned:
            invocation.out.lines(
                "overprovisioned: when its disk is full, writes fail in shares that are not full themselves"
            )

        invocation.out.lines(*(f"warning: {pool_warning(warning)}" for warning in view.warnings))

    invocation.out.answer(documents.pool(view), tell)


@pool.command("extend", epilog="shares-core pool extend default --size 500GiB")
@click.argument("name", metavar="POOL")
@click.option("--size", metavar="SIZE", required=True, help="Its new size, like 500GiB.")
@pass_invocation
def extend(invocation: Invocation, name: str, size: str) -> None:
    """Make a pool larger that is in an xfs image.

    Its shares are served meanwhile. Other pools say how they get larger.
    """
    view = invocation.changing().pool.extend(name, Capacity.parse(size))
    invocation.out.answer(
        documents.pool(view),
        lambda: invocation.out.lines(
            f"the pool {view.name} has {format_bytes(view.free)} free, for new shares"
        ),
    )


@pool.command(
    "create", epilog="shares-core pool create /dev/sdb\nshares-core pool create --pool fast /dev/nvme0n1"
)
@click.argument("device", metavar="[DEVICE]", required=False)
@click.option(
    "--pool", "name", metavar="POOL", default=str(DEFAULT_POOL), show_default=True, help="Which to make."
)
@pass_invocation
def create(invocation: Invocation, device: str | None, name: str) -> None:
    """Make a pool's volume group or thin pool, as configured, on DEVICE.

    The device has to be empty. Without a device, a thin pool gets the free extents of an existing volume
    group. A pool of files needs no command: it is made with the first share.
    """
    named = DevicePath(device) if device is not None else None
    made = invocation.building_pool(PoolName(name)).build(named)
    view = invocation.reading().pool.show(name)
    invocation.out.answer(
        documents.pool(view) | {"created": made},
        lambda: invocation.out.lines(
            f"the pool {view.location} is {'made' if made else 'there already'}: "
            f"{format_bytes(view.free)} free, for new shares"
        ),
    )
