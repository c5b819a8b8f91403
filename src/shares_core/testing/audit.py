"""Audit trails in memory, and what smbd in memory logs for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from shares_core.domain.audit import AuditAction, AuditEntry
from shares_core.ports.audit import AuditTrails
from shares_core.testing.faults import halfway
from shares_core.testing.host import MemoryHost
from shares_core.testing.state import MemoryTrail

#: What an entry takes, beside its texts.
_OVERHEAD = 64


class MemoryAuditTrails(AuditTrails):
    """The trails in ``MemoryHost.trails``. Half-done: the entries of one share without those of the next."""

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def ensure(self, server_id: str, share_id: str) -> None:
        self._host.trails.setdefault(server_id, MemoryTrail()).shares.setdefault(share_id, [])

    def servers(self) -> tuple[str, ...]:
        return tuple(sorted(self._host.trails))

    def bookmark(self, server_id: str) -> str:
        return self._host.trails.get(server_id, MemoryTrail()).bookmark

    def append(
        self,
        server_id: str,
        former: str,
        bookmark: str,
        entries: Mapping[str, Sequence[AuditEntry]],
        today: str,
    ) -> bool:
        trail = self._host.trails.get(server_id)
        if trail is None:
            return True
        if trail.bookmark != former:
            return False
        for share_id, added in entries.items():
            kept = trail.shares.get(share_id)
            if kept is not None:
                # What a killed caller appended is the beginning of the same.
                done = trail.unfinished.pop(share_id, 0)
                for entry in added[done:]:
                    self._append(kept, entry)
                trail.unfinished[share_id] = len(added)
                halfway()
        trail.bookmark = bookmark
        trail.unfinished.clear()
        oldest = (date.fromisoformat(today) - timedelta(days=self._host.audit_days - 1)).isoformat()
        for kept in trail.shares.values():
            kept[:] = [entry for entry in kept if entry.time[:10] >= oldest]
        return True

    def _append(self, kept: list[AuditEntry], entry: AuditEntry) -> None:
        of_day = [each for each in kept if each.time[:10] == entry.time[:10]]
        if of_day and of_day[-1].action is AuditAction.FULL:
            return
        is_full = sum(map(_size, (*of_day, entry))) > self._host.audit_room
        kept.append(AuditEntry(entry.time, AuditAction.FULL) if is_full else entry)

    def read(
        self, server_id: str, share_id: str, after: str = "", limit: int = 10_000
    ) -> tuple[AuditEntry, ...]:
        kept = self._host.trails.get(server_id, MemoryTrail()).shares.get(share_id, [])
        found = [entry for entry in sorted(kept, key=lambda each: each.time[:10]) if entry.time > after]
        last = found[limit - 1].time if len(found) >= limit else ""
        return tuple(entry for place, entry in enumerate(found) if place < limit or entry.time == last)

    def remove(self, server_id: str, share_id: str) -> None:
        trail = self._host.trails.get(server_id)
        if trail is not None:
            trail.shares.pop(share_id, None)
            if not trail.shares:
                del self._host.trails[server_id]

    def clear(self, server_id: str) -> None:
        self._host.trails.pop(server_id, None)


def _size(entry: AuditEntry) -> int:
    return _OVERHEAD + len(entry.path) + len(entry.new_path)
