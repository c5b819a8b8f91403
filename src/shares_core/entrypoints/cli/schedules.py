"""``shares-core schedule``: snapshots that are taken by themselves."""

from __future__ import annotations

import click

from shares_core.domain.schedules import Schedule
from shares_core.entrypoints.cli import documents
from shares_core.entrypoints.cli.framework import Group
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation

_SERVER = click.argument("server", metavar="SERVER")
_SHARE = click.argument("share", metavar="SHARE")


@click.group(cls=Group)
def schedule() -> None:
    """Snapshots that 'watch' takes by itself, and removes."""


@schedule.command("set", epilog="shares-core schedule set tenant-a projects --hourly 24 --daily 7 --weekly 4")
@_SERVER
@_SHARE
@click.option("--keep-last", type=int, default=0, metavar="N", help="Keep the last N, whenever taken.")
@click.option("--hourly", type=int, default=0, metavar="N", help="Keep the last of each of N hours.")
@click.option("--daily", type=int, default=0, metavar="N", help="Keep the last of each of N days.")
@click.option("--weekly", type=int, default=0, metavar="N", help="Keep the last of each of N weeks.")
@pass_invocation
def set_schedule(
    invocation: Invocation, server: str, share: str, keep_last: int, hourly: int, daily: int, weekly: int
) -> None:
    """Have snapshots of a share taken by 'watch'.

    One is taken in every period of the shortest kind. Hours, days and weeks are those of UTC. What you take
    yourself is never removed by a schedule.
    """
    wanted = Schedule(keep_last, hourly, daily, weekly)
    invocation.changing().schedules.set(server, share, wanted)
    _answer(invocation, server, share, wanted)


@schedule.command("show")
@_SERVER
@_SHARE
@pass_invocation
def show(invocation: Invocation, server: str, share: str) -> None:
    """Show a share's schedule."""
    _answer(invocation, server, share, invocation.reading().schedules.show(server, share))


@schedule.command("clear")
@_SERVER
@_SHARE
@pass_invocation
def clear(invocation: Invocation, server: str, share: str) -> None:
    """Take no more snapshots by themselves; those that there are stay."""
    invocation.changing().schedules.clear(server, share)
    _answer(invocation, server, share, None)


def _answer(invocation: Invocation, server: str, share: str, found: Schedule | None) -> None:
    def tell() -> None:
        if found is None:
            invocation.out.lines(f"share {share} has no schedule")
            return
        counts = ((kind, getattr(found, kind)) for kind in ("keep_last", "hourly", "daily", "weekly"))
        kept = " ".join(f"--{kind.replace('_', '-')} {count}" for kind, count in counts if count)
        invocation.out.lines(f"share {share} is snapshotted by {kept}")

    invocation.out.answer(documents.schedule(server, share, found), tell)
