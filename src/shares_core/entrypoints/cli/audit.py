"""``shares-core share audit``: who opened files for writing, renamed and deleted them."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import click

from shares_core.bootstrap import Host
from shares_core.domain.audit import AuditAction, AuditEntry
from shares_core.entrypoints.cli import documents
from shares_core.entrypoints.cli.framework import Command
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation

_FOLLOW_SECONDS = 1.0
#: Entries in one answer of the library.
_PAGE = 10_000
_NOTES = {
    AuditAction.INCOMPLETE: "some of what was done until now may be missing",
    AuditAction.FULL: "this day's trail is full: what was done later that day is missing",
}


@click.command(
    "audit",
    cls=Command,
    epilog="shares-core share audit tenant-a contracts\n"
    "shares-core share audit tenant-a contracts --after 2026-01-31 --follow\n"
    "shares-core share audit tenant-a contracts --json > contracts.json",
)
@click.argument("server", metavar="SERVER")
@click.argument("name", metavar="SHARE")
@click.option("--after", metavar="TIME", default="", help="Begin after this time or with this day, in UTC.")
@click.option("--follow", is_flag=True, help="Go on with new entries, until interrupted.")
@pass_invocation
def audit(invocation: Invocation, server: str, name: str, *, after: str, follow: bool) -> None:
    """Show a share's audit trail: who did what, and from where.

    'share set --audit' begins it. It has what was opened for writing, made, renamed and deleted. The host
    keeps it, for as many days and bytes as the configuration says ([audit]), while 'shares-core watch' runs;
    without it, only what the last megabytes of the server's log hold. It is deleted with its share: copy it
    first.
    """
    if follow and invocation.out.json:
        raise click.UsageError("--json prints one document, so it does not --follow")
    host = invocation.reading()
    if invocation.out.json:
        found = [documents.audit_entry(entry) for entry in _entries(host, server, name, after)]
        invocation.out.answer(found, lambda: None)
        return
    last = ""
    for entry in _entries(host, server, name, after):
        invocation.out.lines(_told(entry))
        last = entry.time
    if not last and not host.shares.show(server, name).share.options.audit:
        line = invocation.command("share", "set", server, name, "--audit")
        invocation.out.lines(f"share {name} has no audit trail", "", f"next: {line}")
    while follow:
        Event().wait(_FOLLOW_SECONDS)
        for entry in _entries(host, server, name, last or after):
            invocation.out.lines(_told(entry))
            last = entry.time


def _entries(host: Host, server: str, name: str, after: str) -> Iterator[AuditEntry]:
    """All entries after that time, a page at a time."""
    while True:
        page = host.shares.audit(server, name, after, _PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].time


def _told(entry: AuditEntry) -> str:
    when = f"{entry.time[:19]}Z"
    if entry.action in _NOTES:
        return f"{when} {_NOTES[entry.action]}"
    who = f"{' or '.join(entry.users)} ({entry.address or 'from an unknown address'})"
    to = f" -> {_quoted(entry.new_path)}" if entry.new_path else ""
    return f"{when} {who} {entry.action} {_quoted(entry.path)}{to}"


def _quoted(path: str) -> str:
    """In quotes that no path holds: Samba refuses them, and what a broken one says is escaped."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
