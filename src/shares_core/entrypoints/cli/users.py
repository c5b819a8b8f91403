"""``shares-core user``: the accounts of a server."""

from __future__ import annotations

import click

from shares_core.entrypoints.cli import documents
from shares_core.entrypoints.cli.framework import Group
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation
from shares_core.entrypoints.cli.passwords import described, from_stdin


@click.group(cls=Group)
def user() -> None:
    """Users of a server; 'access allow' makes them."""


@user.command("list")
@click.argument("server", metavar="SERVER")
@pass_invocation
def list_users(invocation: Invocation, server: str) -> None:
    """List the users of a server, also those without any access."""
    accounts = invocation.reading().users.list(server)
    rows = [(str(account.name),) for account in accounts]
    invocation.out.answer(
        [documents.account(account) for account in accounts],
        lambda: invocation.out.table(("user",), rows, "there are no users yet"),
    )


@user.command(
    "set-password",
    epilog="shares-core user set-password tenant-a ada\n"
    "printf '%s\\n' \"$PASSWORD\" | shares-core user set-password tenant-a ada --password-stdin",
)
@click.argument("server", metavar="SERVER")
@click.argument("name", metavar="USER")
@click.option("--password-stdin", is_flag=True, help="Take the first line of standard input.")
@pass_invocation
def set_password(invocation: Invocation, server: str, name: str, password_stdin: bool) -> None:
    """Set or generate a password, and end the user's sessions."""
    host = invocation.changing()
    view = host.users.set_password(server, name, from_stdin(password_stdin))

    def tell() -> None:
        invocation.out.lines(f"{view.user} has a new password on {view.server.name}, and no open session")
        invocation.out.fields(described(view.user, view.outcome, view.password))

    invocation.out.answer(documents.password(view), tell)


@user.command("remove")
@click.argument("server", metavar="SERVER")
@click.argument("name", metavar="USER")
@pass_invocation
def remove(invocation: Invocation, server: str, name: str) -> None:
    """Remove a user with all access, and end the user's sessions."""
    invocation.changing().users.remove(server, name)
    invocation.out.answer(
        {"server": server, "user": name, "removed": True},
        lambda: invocation.out.lines(f"user {name} of server {server} is removed"),
    )
