"""One day of one share's audit trail: a file of JSON lines that only grows, up to a size."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from shares_core.domain.audit import AuditAction, AuditEntry

#: Room that is kept for the entry that says that the day is full.
_LAST_ENTRY = 256


def line_of(entry: AuditEntry) -> bytes:
    """The entry as a line. The time comes first, so that a reader can skip by it."""
    fields: dict[str, object] = {"time": entry.time, "action": str(entry.action)}
    if entry.users:
        fields["users"] = list(entry.users)
    for name in ("address", "path", "new_path"):
        if value := getattr(entry, name):
            fields[name] = value
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode(errors="replace") + b"\n"


def entry_of(line: bytes, after: str = "") -> AuditEntry | None:
    """The entry of a line, if it is later than ``after``; None for what is no entry."""
    if after and line.startswith(b'{"time":"') and line[9:39] <= after.encode():
        return None  # without parsing: readers follow long files
    try:
        found = json.loads(line)
        entry = AuditEntry(
            str(found["time"]),
            AuditAction(found["action"]),
            tuple(map(str, found.get("users", ()))),
            *(str(found.get(name, "")) for name in ("address", "path", "new_path")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return entry if entry.time > after else None


def append_to(path: Path, entries: Sequence[AuditEntry], known: int, room: int) -> int:
    """Append the entries to the file, up to ``room`` bytes, and return its size. Durable.

    ``known`` is its size after the last complete append. What lies beyond that was left by a killed caller:
    it is kept, and if it is the beginning of these entries, only their rest is appended.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        known = min(known, size)
        left = os.pread(descriptor, size - known, known)
        content = _fitting(descriptor, entries, known, room)
        if content.startswith(left):
            content = content[len(left) :]
        else:
            if not left.endswith(b"\n"):
                size = known + left.rfind(b"\n") + 1
                os.ftruncate(descriptor, size)  # half a line
            content = _fitting(descriptor, entries, size, room)
        if content:
            with os.fdopen(os.dup(descriptor), "ab") as file:
                file.write(content)
            os.fsync(descriptor)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def _fitting(descriptor: int, entries: Sequence[AuditEntry], size: int, room: int) -> bytes:
    """The lines for which a file of that size has room; after the last, one that says so if some have not."""
    if _is_full(descriptor, size):
        return b""
    content = bytearray()
    for entry in entries:
        line = line_of(entry)
        if size + len(content) + len(line) > room - _LAST_ENTRY:
            content += line_of(AuditEntry(entry.time, AuditAction.FULL))
            break
        content += line
    return bytes(content)


def _is_full(descriptor: int, size: int) -> bool:
    end = os.pread(descriptor, min(size, _LAST_ENTRY), max(0, size - _LAST_ENTRY))
    last = entry_of(end.rstrip(b"\n").rpartition(b"\n")[2])
    return last is not None and last.action is AuditAction.FULL
