"""Text for terminals: nothing from elsewhere may move a cursor or change a meaning."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable, Sequence

from shares_core.domain.access import AccessRule
from shares_core.domain.exports import Export
from shares_core.domain.operation import Operation
from shares_core.domain.server import DesiredState, ShareServer
from shares_core.domain.share import CifsShare
from shares_core.domain.views import RunState, ServerView


def printable(text: str) -> str:
    """The text as one line: white space becomes spaces, control and format characters are escaped."""
    return escaped(" ".join(text.split()))


def escaped(text: str) -> str:
    """The text with every control and format character escaped, also line ends."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shell(*words: str) -> str:
    """A command line that a POSIX shell reads back as these words."""
    return shlex.join(words)


def access(rules: Iterable[AccessRule]) -> str:
    """Who may use something: ``ada (rw), bob (ro)``; empty for nobody."""
    return ", ".join(f"{rule.principal.name} ({rule.level})" for rule in rules)


def smbclient_line(host: str, share: str, user: str) -> str:
    """The command that tries the share from a shell; it asks for the password."""
    return shell("smbclient", f"//{host}/{share}", "-U", user)


def state_of(view: ServerView) -> str:
    """The server's state. A server that should not run has no container, which is not worth mentioning."""
    resting = view.server.desired is DesiredState.STOPPED and view.state is RunState.ABSENT
    return str(RunState.STOPPED if resting else view.state)


def under_way(operation: Operation | None) -> str:
    """What is under way, by its kind and id; empty if nothing is."""
    return f"{operation.kind} {operation.id}" if operation is not None else ""


def duration(since: int) -> str:
    """For how long something has been under way; empty if its record does not say since when."""
    if not since:
        return "-"
    minutes, seconds = divmod(max(0, int(time.time()) - since), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def does_not_run(server: ShareServer, state: RunState) -> bool:
    """Whether the server does not run: by its state, or if that is unknown, by what it should be."""
    if state is RunState.UNKNOWN:
        return server.desired is DesiredState.STOPPED
    return state is not RunState.RUNNING


def hosts(server: ShareServer) -> tuple[str, ...]:
    """The server's addresses without their prefixes, in the order of its interfaces."""
    return tuple(str(address.ip) for interface in server.interfaces for address in interface.addresses)


def smbclient_lines(server: ShareServer, share: CifsShare | Export, user: str) -> list[str]:
    """The commands to try, one for each address; none for a user whose name it would take for a password."""
    if "%" in user:
        return []
    return [smbclient_line(host, str(share.name), user) for host in hosts(server)]


def locations(server: ShareServer, share: CifsShare | Export) -> list[tuple[str, str]]:
    """Each address's export locations, as (client, location), ready to paste."""
    return [(str(each.client), each.location) for each in server.locations(share)]


def plain_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The table as lines, columns aligned with spaces: for pipes and files."""
    whole = [head, *rows]
    widths = [max(len(row[column]) for row in whole) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in whole
    ]


def plain_fields(fields: Sequence[tuple[str, str]]) -> list[str]:
    """Names and values as lines, the values aligned."""
    width = max((len(name) for name, _ in fields), default=0)
    return [f"{name.ljust(width)}  {value}".rstrip() for name, value in fields]
