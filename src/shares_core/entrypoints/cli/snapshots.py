"""``shares-core snapshot``: what shares held at former moments."""

from __future__ import annotations

import click

from shares_core.domain.snapshot_views import RevertView, SnapshotView
from shares_core.entrypoints.cli import documents
from shares_core.entrypoints.cli.framework import Group
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation
from shares_core.entrypoints.cli.text import access, locations

_SERVER = click.argument("server", metavar="SERVER")
_SHARE = click.argument("share", metavar="SHARE")
_NAME = click.argument("name", metavar="NAME")
_COPY = click.option("--copy", is_flag=True, help="Also where the volumes of its pool have to be copied.")


@click.group(cls=Group)
def snapshot() -> None:
    """Snapshots: what a share held at one moment. Clients find them as Previous Versions."""


@snapshot.command(
    "create",
    epilog="shares-core snapshot create tenant-a projects\n"
    "shares-core snapshot create tenant-a projects before-the-move",
)
@_SERVER
@_SHARE
@click.argument("name", metavar="[NAME]", required=False)
@_COPY
@pass_invocation
def create(invocation: Invocation, server: str, share: str, name: str | None, *, copy: bool) -> None:
    """Keep what a share holds now.

    Its clients stay connected; who writes waits for a moment. Without a name it is named by its time, in UTC.

    'pool show' says whether a pool has to copy its volumes for that. 'operation list' then tells how far it
    is, and 'operation cancel' ends it.
    """
    view = invocation.changing().snapshots.create(server, share, name, copy=copy)
    invocation.out.answer(documents.snapshot(view), lambda: _tell(invocation, view))


@snapshot.command("list")
@_SERVER
@click.argument("share", metavar="[SHARE]", required=False)
@pass_invocation
def list_snapshots(invocation: Invocation, server: str, share: str | None) -> None:
    """List the snapshots of a share, or of all shares of a server."""
    found = invocation.reading().snapshots.list(server, share)
    head = ("share", "snapshot", "taken", "size")
    rows = [
        (str(view.share.name), str(view.snapshot.name), view.snapshot.token, str(view.snapshot.capacity))
        for view in found
    ]
    invocation.out.answer(
        list(map(documents.snapshot, found)),
        lambda: invocation.out.table(head, rows, "there are no snapshots yet"),
    )


@snapshot.command("show")
@_SERVER
@_SHARE
@_NAME
@pass_invocation
def show(invocation: Invocation, server: str, share: str, name: str) -> None:
    """Show a snapshot."""
    view = invocation.reading().snapshots.show(server, share, name)
    invocation.out.answer(documents.snapshot(view), lambda: _tell(invocation, view))


@snapshot.command("delete")
@_SERVER
@_SHARE
@_NAME
@pass_invocation
def delete(invocation: Invocation, server: str, share: str, name: str) -> None:
    """Remove a snapshot; the share and its other snapshots stay.

    If a client has it open, the share's clients are disconnected, and come back by themselves.
    """
    invocation.changing().snapshots.delete(server, share, name)
    invocation.out.answer(
        {"server": server, "share": share, "snapshot": name, "deleted": True},
        lambda: invocation.out.lines(f"snapshot {name} of share {share} is deleted"),
    )


@snapshot.command(
    "export",
    epilog="shares-core snapshot export tenant-a projects before-the-move\n"
    "shares-core access allow tenant-a projects@before-the-move ada",
)
@_SERVER
@_SHARE
@_NAME
@pass_invocation
def export(invocation: Invocation, server: str, share: str, name: str) -> None:
    """Serve a snapshot as a read-only share of its own.

    It is SHARE@SNAPSHOT, and has rules of its own: nobody may use it until 'access allow' lets them.
    """
    view = invocation.changing().snapshots.export(server, share, name)
    invocation.out.answer(documents.snapshot(view), lambda: _tell(invocation, view))


@snapshot.command("unexport")
@_SERVER
@_SHARE
@_NAME
@pass_invocation
def unexport(invocation: Invocation, server: str, share: str, name: str) -> None:
    """Stop serving a snapshot as a share.

    Its rules go, and its clients are disconnected. The snapshot stays.
    """
    invocation.changing().snapshots.unexport(server, share, name)
    invocation.out.answer(
        {"server": server, "share": share, "snapshot": name, "exported": False},
        lambda: invocation.out.lines(f"snapshot {name} of share {share} is not exported"),
    )


@snapshot.command("revert", epilog="shares-core snapshot revert tenant-a projects before-the-move")
@_SERVER
@_SHARE
@_NAME
@click.option("--older", is_flag=True, help="Also to a snapshot that is not the newest.")
@_COPY
@pass_invocation
def revert(invocation: Invocation, server: str, share: str, name: str, *, older: bool, copy: bool) -> None:
    """Make a share hold what it held at a snapshot again.

    What was written since is lost. Its clients are disconnected; its rules, options and snapshots stay, and
    it has the size of that time again.
    """
    done = invocation.changing().snapshots.revert(server, share, name, older=older, copy=copy)
    invocation.out.answer(documents.reverted(done), lambda: _tell_reverted(invocation, done))


def _tell(invocation: Invocation, view: SnapshotView) -> None:
    invocation.out.fields(
        [
            ("snapshot", str(view.snapshot.name)),
            ("share", str(view.share.name)),
            ("server", str(view.server.name)),
            ("taken", view.snapshot.token),
            ("size", str(view.snapshot.capacity)),
            *_exported(view),
        ]
    )


def _exported(view: SnapshotView) -> list[tuple[str, str]]:
    if view.export is None:
        return []
    return [
        ("exported as", str(view.export.name)),
        ("access", access(view.export.rules) or "nobody"),
        *locations(view.server, view.export),
    ]


def _tell_reverted(invocation: Invocation, done: RevertView) -> None:
    share, snapshot = done.snapshot.share, done.snapshot.snapshot
    invocation.out.lines(f"share {share.name} holds again what it held at {snapshot.name}")
    if done.capacity_before != share.capacity:
        invocation.out.lines(f"it has {share.capacity} again, and not {done.capacity_before}")
