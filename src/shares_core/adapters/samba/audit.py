"""How a server's log says what clients did: one line for each statement, whose form we configure.

Samba refuses file names with a ``|`` or a control character, so no client can forge a field or a line. Names
of users and of their machines, which Samba logs too, may have a ``|``, but do not begin a line. A compromised
server can forge anything: what is read here is what it *says*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address

from attrs import frozen

from shares_core.domain.audit import AuditAction, AuditEntry, users_seen_as
from shares_core.domain.server import Account
from shares_core.domain.share import CifsShare
from shares_core.domain.views import LogLine

_BETWEEN = "|"
#: Begins a line with a statement.
_MARK = f"shares-audit{_BETWEEN}"
#: Samba's names of the operations that it has to log.
OPERATIONS = ("create_file", "renameat", "unlinkat", "linkat")
#: The operating system takes no longer path.
_LONGEST_PATH = 4096
_LONGEST_WORD = 255
#: A line with two such paths. Samba breaks lines that are longer than its buffer, and ends a part like this.
_LONGEST_LINE = 3 * _LONGEST_PATH
_BROKEN = " +>"
#: Rights that include writing: data, appended data, all that is allowed, all, and writing in general (MS-SMB2
#: 2.2.13.1.1).
_WRITING = 0x2 | 0x4 | 0x02000000 | 0x10000000 | 0x40000000
#: What opening a file does to it, whatever the rights.
_DISPOSITIONS = {
    "create": AuditAction.CREATED,
    "supersede": AuditAction.REPLACED,
    "overwrite": AuditAction.REPLACED,
    "overwrite_if": AuditAction.REPLACED,
    "open_if": AuditAction.OPENED,
}
#: Samba makes a folder under such a name first.
_UNFINISHED = ".::TMPNAME:"
#: A stream's type, which all of them have.
_STREAM_TYPE = ":$DATA"


def prefix_of(share: CifsShare) -> str:
    """How Samba's log begins a statement about the share, in Samba's variables: the user, the address."""
    return f"{_MARK}{share.id}{_BETWEEN}%U{_BETWEEN}%I"


def is_statement(text: str) -> bool:
    """Whether a line of the log is for the audit trail."""
    return text.startswith(_MARK)


def entries_of(
    lines: Iterable[LogLine], roots: Mapping[str, str], accounts: tuple[Account, ...]
) -> dict[str, list[AuditEntry]]:
    """What the lines say of some shares, by their ids.

    ``roots`` are the folders that Samba serves, by the ids of these shares; paths are below them.
    """
    found: dict[str, list[AuditEntry]] = {}
    users: dict[str, tuple[str, ...]] = {}
    for line in _whole(lines):
        for said in _statements(line.text):
            if said.share_id not in roots:
                continue
            if said.seen not in users:
                users[said.seen] = users_seen_as(said.seen, accounts)
            paths = (_below(path, f"{roots[said.share_id]}/") for path in (said.path, said.new_path))
            entry = AuditEntry(line.time, said.action, users[said.seen], said.address, *paths)
            found.setdefault(said.share_id, []).append(entry)
    return found


def _whole(lines: Iterable[LogLine]) -> Iterator[LogLine]:
    """The lines, with the parts of each long statement put together: Samba breaks it, and says so.

    No path ends like a broken line: Samba refuses such names.
    """
    begun: LogLine | None = None
    for line in lines:
        if begun is not None:
            if is_statement(line.text):
                yield begun  # another process was quicker: its rest comes later, and is left out
            else:
                line = LogLine(begun.time, begun.text + line.text)
        begun = None
        if line.text.endswith(_BROKEN) and is_statement(line.text) and len(line.text) < _LONGEST_LINE:
            begun = LogLine(line.time, line.text.removesuffix(_BROKEN))
        else:
            yield line
    if begun is not None:
        yield begun


def _below(path: str, root: str) -> str:
    return path.removeprefix(root).removesuffix(_STREAM_TYPE)[:_LONGEST_PATH]


@frozen
class _Statement:
    share_id: str
    seen: str
    address: str
    action: AuditAction
    path: str
    new_path: str = ""


def _statements(text: str) -> Iterator[_Statement]:
    """Those of one line: one that is longer than a pipe takes at once may have another process's in it."""
    if not is_statement(text):
        return
    for part in text.split(_MARK)[1:]:
        share_id, seen, address, operation, result, *rest = (*part.split(_BETWEEN), *[""] * 5)
        done = _done(operation, [each for each in rest if each]) if result == "ok" else None
        if done is not None and done[1]:
            yield _Statement(share_id, seen[:_LONGEST_WORD], _address(address), *done)


def _done(operation: str, arguments: list[str]) -> tuple[AuditAction, str, str] | None:
    """The action and the paths; None for what needs no entry."""
    match operation, arguments:
        case "create_file", [mask, "file", disposition, path]:
            action = _DISPOSITIONS.get(disposition) or (_writes(mask) and AuditAction.OPENED)
            return (action, path, "") if action else None
        case "renameat", [path]:  # a broken line
            return AuditAction.RENAMED, path, ""
        case "renameat", [path, new_path] if _is_unfinished(path):
            return AuditAction.CREATED_FOLDER, new_path, ""
        case "renameat", [path, new_path]:
            return AuditAction.RENAMED, path, new_path
        case "linkat", [path, new_path]:
            return AuditAction.LINKED, path, new_path
        case "unlinkat", [path] if not _is_unfinished(path):
            return AuditAction.DELETED, path, ""
    return None


def _is_unfinished(path: str) -> bool:
    return path.rpartition("/")[2].startswith(_UNFINISHED)


def _writes(mask: str) -> bool:
    try:
        return bool(int(mask[:20], 16) & _WRITING)
    except ValueError:
        return False


def _address(text: str) -> str:
    """The client's address, or nothing."""
    try:
        return str(ip_address(text[:_LONGEST_WORD]))
    except ValueError:
        return ""
