"""``shares-core session`` and ``shares-core file``: who is connected, and what they have open."""

from __future__ import annotations

import click

from shares_core.domain.sessions import OpenFile, SmbSession
from shares_core.entrypoints.cli import documents
from shares_core.entrypoints.cli.framework import Group
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation
from shares_core.entrypoints.cli.text import duration

_HEAD = ("id", "user", "address", "for", "dialect", "encryption", "shares", "connection")


@click.group(cls=Group)
def session() -> None:
    """Sessions of connected clients, as a server tells them."""


@session.command("list")
@click.argument("server", metavar="SERVER")
@click.argument("share", metavar="[SHARE]", required=False)
@pass_invocation
def list_sessions(invocation: Invocation, server: str, share: str | None) -> None:
    """List who is connected to a server, or who uses a share."""
    found = invocation.reading().sessions.list(server, share)
    invocation.out.answer(
        [documents.session(each) for each in found],
        lambda: invocation.out.table(_HEAD, [_row(each) for each in found], "nobody is connected"),
    )


@session.command(
    "close",
    epilog="shares-core session close tenant-a --user ada\n"
    "shares-core session close tenant-a --address 10.254.0.9",
)
@click.argument("server", metavar="SERVER")
@click.option("--user", metavar="USER", help="A user's sessions.")
@click.option("--address", metavar="IP", help="The sessions from this client.")
@click.option("--id", "session_id", metavar="ID", help="One session, by its id in 'session list'.")
@pass_invocation
def close(
    invocation: Invocation, server: str, user: str | None, address: str | None, session_id: str | None
) -> None:
    """End the connections of sessions.

    Clients may come back, and most do by themselves, to what they had open: 'access deny' keeps a user out. A
    single file cannot be closed: Samba offers that only over the network, to an administrator, which no
    server has.
    """
    sessions = invocation.changing().sessions
    done = sessions.close(server, user=user, address=address, id=session_id)

    def tell() -> None:
        rows = [_row(each) for each in done.closed]
        invocation.out.table(_HEAD, rows, "there is no such session")
        if done.alongside:
            names = ", ".join(sorted({each.user for each in done.alongside}))
            invocation.out.lines(f"ended too, on the same connections: {names}")

    invocation.out.answer(documents.closed_sessions(done), tell)


@click.group(cls=Group)
def file() -> None:
    """Files that clients have open, as a server tells them."""


@file.command("list")
@click.argument("server", metavar="SERVER")
@click.argument("share", metavar="[SHARE]", required=False)
@pass_invocation
def list_files(invocation: Invocation, server: str, share: str | None) -> None:
    """List the open files and folders of a server, or of a share."""
    found = invocation.reading().sessions.files(server, share)
    head = ("share", "path", "user", "access", "locks", "for", "connection")
    invocation.out.answer(
        [documents.open_file(each) for each in found],
        lambda: invocation.out.table(head, [_file(each) for each in found], "nothing is open"),
    )


def _row(each: SmbSession) -> tuple[str, ...]:
    return (
        each.id,
        each.user,
        each.address,
        duration(each.since),
        each.dialect,
        each.encryption or "none",
        ", ".join(each.shares) or "-",
        str(each.connection),
    )


def _file(each: OpenFile) -> tuple[str, ...]:
    users = " or ".join(each.users) or "-"
    access = each.access or "-"
    return each.share, each.path, users, access, str(each.locks), duration(each.since), str(each.connection)
