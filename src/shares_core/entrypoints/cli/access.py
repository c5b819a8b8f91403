"""``shares-core access``: who may use a share."""

from __future__ import annotations

from collections.abc import Sequence

import click

from shares_core.domain.access import AccessLevel, RefusedUser, rules_for
from shares_core.domain.errors import BackendFailure, InvalidInput
from shares_core.domain.names import UserName, key_of
from shares_core.domain.snapshot_views import SnapshotView
from shares_core.domain.views import AccessView
from shares_core.entrypoints.cli import documents
from shares_core.entrypoints.cli.framework import Group
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation
from shares_core.entrypoints.cli.passwords import described, from_stdin
from shares_core.entrypoints.cli.text import locations, smbclient_lines

_LEVELS = {"rw": "read and write", "ro": "only read"}


_reconnect = click.option(
    "--reconnect",
    is_flag=True,
    help="Close the share on the user's connections, with what is open, so that a raised level reaches them.",
)


@click.group(cls=Group)
def access() -> None:
    """Access rules: nobody may use a share without one."""


@access.command(
    "allow",
    epilog="shares-core access allow tenant-a projects ada\n"
    "shares-core access allow tenant-a projects bob --level ro --password-stdin <password-file\n"
    "shares-core access allow tenant-a projects@before-the-move ada",
)
@click.argument("server", metavar="SERVER")
@click.argument("share", metavar="SHARE")
@click.argument("user", metavar="USER")
@click.option(
    "--level", metavar="rw|ro", help="Read and write, which is the default, or only read: a snapshot, always."
)
@click.option(
    "--password-stdin", is_flag=True, help="Set the user's password to the first line of standard input."
)
@_reconnect
@pass_invocation
def allow(
    invocation: Invocation,
    server: str,
    share: str,
    user: str,
    level: str | None,
    password_stdin: bool,
    reconnect: bool,
) -> None:
    """Let a user in, or change what they may do.

    A user who is new to the server gets an account. Without --password-stdin, a new user's password is
    generated and printed only once; a known user keeps the present password. A lowered level reaches
    connected clients at once, a raised one when they use the share anew. SHARE may also be a snapshot that
    is exported: SHARE@SNAPSHOT.
    """
    UserName(user)
    wanted = None if level is None else AccessLevel.parse(level)
    host = invocation.changing()
    password = from_stdin(password_stdin)
    view = host.access.allow(server, share, user, wanted, password, reconnect=reconnect)

    def tell() -> None:
        name = str(view.rule.principal.name)
        invocation.out.lines(
            f"{name} may {_LEVELS[view.rule.level]} {view.export.name} on {view.server.name}"
        )
        invocation.out.fields(
            [*described(name, view.outcome, view.password), *locations(view.server, view.export)]
        )
        invocation.out.lines(*_stale(view))
        invocation.tell_unreachable(view.server, view.state)
        lines = smbclient_lines(view.server, view.export, name)
        invocation.out.lines("", *(f"try: {line}" for line in lines))

    invocation.out.answer(documents.access(view), tell)
    if reconnect:
        _require_reached([view])


@access.command("deny")
@click.argument("server", metavar="SERVER")
@click.argument("share", metavar="SHARE")
@click.argument("user", metavar="USER")
@pass_invocation
def deny(invocation: Invocation, server: str, share: str, user: str) -> None:
    """Take a user's access away, and end the user's open connections.

    The user's account stays until 'user remove'.
    """
    host = invocation.changing()
    had_rule = host.access.deny(server, share, user)
    said = (
        f"{user} may not use {share} on {server} any more" if had_rule else f"{user} had no access to {share}"
    )
    still = _still_reads(host.snapshots.list(server), share, user)
    invocation.out.answer(
        {"server": server, "share": share, "user": user, "denied": had_rule, "still_reads": still},
        lambda: invocation.out.lines(said, *(f"{user} may still read {name}" for name in still)),
    )


def _still_reads(snapshots: Sequence[SnapshotView], share: str, user: str) -> list[str]:
    """The share's exported snapshots that have a rule for the user."""
    exports = [view.export for view in snapshots if view.share.name.key == key_of(share)]
    return [
        str(export.name)
        for export in exports
        if export is not None and key_of(user) in {rule.principal.name.key for rule in export.rules}
    ]


@access.command("list")
@click.argument("server", metavar="SERVER")
@click.argument("share", metavar="SHARE")
@pass_invocation
def list_rules(invocation: Invocation, server: str, share: str) -> None:
    """List who may use a share."""
    rules = invocation.reading().access.list(server, share)
    rows = [(str(rule.principal.name), str(rule.level)) for rule in rules]
    invocation.out.answer(
        [documents.rule(rule) for rule in rules],
        lambda: invocation.out.table(("user", "level"), rows, "nobody has access"),
    )


@access.command("replace", epilog="shares-core access replace tenant-a projects ada=rw bob=ro")
@click.argument("server", metavar="SERVER")
@click.argument("share", metavar="SHARE")
@click.argument("rules", metavar="USER=LEVEL...", nargs=-1)
@click.option("--nobody", is_flag=True, help="Take everyone's access away.")
@_reconnect
@pass_invocation
def replace(
    invocation: Invocation, server: str, share: str, rules: tuple[str, ...], nobody: bool, reconnect: bool
) -> None:
    """Make these a share's only rules.

    First it revokes what these do not grant, then it grants the rest. Passwords of new users are generated
    and printed only once. A user whose name cannot be served is left out, and named: the status is then 2.
    """
    if bool(rules) == nobody:
        raise click.UsageError("give either rules, as USER=LEVEL, or --nobody")
    wanted, refused = rules_for(_parse(rule) for rule in rules)
    if refused and not wanted:  # an empty set would take everyone's access away, and nobody asked for that
        raise _left_out(refused, "nothing has changed")
    views = invocation.changing().access.replace(server, share, wanted, reconnect=reconnect)
    rows = [_row(view) for view in views]

    def tell() -> None:
        invocation.out.table(("user", "level", "password"), rows, "nobody has access")
        invocation.out.lines(*(line for view in views for line in _stale(view)))
        for view in views[:1]:
            invocation.tell_unreachable(view.server, view.state)

    invocation.out.answer([documents.access(view) for view in views], tell)
    if reconnect:
        _require_reached(views)
    if refused:
        raise _left_out(refused, "the rules of the others are in force")


def _parse(text: str) -> tuple[str, str]:
    user, equals, level = text.rpartition("=")
    if not equals:
        raise InvalidInput(f"{text!a} is not a rule", hint=f"write USER={AccessLevel.READ_WRITE}")
    return user, level


def _left_out(refused: Sequence[RefusedUser], then: str) -> InvalidInput:
    error = InvalidInput(f"{len(refused)} of these users cannot be served; {then}", hint=UserName.rule)
    for each in refused:
        error.add_note(each.error.message)
    return error


def _stale(view: AccessView) -> list[str]:
    """What is told of connections that a raised level has not reached."""
    name, count = view.rule.principal.name, view.stale_connections
    if count == 0:
        return []
    known = "an unknown number" if count is None else str(count)
    return [
        f"connections of {name} that keep the former level: {known}",
        "they get the new one when they use the share anew: --reconnect makes them",
    ]


def _require_reached(views: Sequence[AccessView]) -> None:
    """Raises BackendFailure if connections do not close: the rules are in force, and have been told."""
    left = [str(view.rule.principal.name) for view in views if view.stale_connections is None]
    if left:
        raise BackendFailure(
            f"the rules are in force, but connections of {', '.join(left)} do not close",
            hint="see whether the share's storage answers, and call again",
        )


def _row(view: AccessView) -> tuple[str, str, str]:
    said = view.password.reveal() if view.password is not None else str(view.outcome)
    return str(view.rule.principal.name), str(view.rule.level), said
