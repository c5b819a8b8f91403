"""The progress of operations, in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from shares_core.ports.progress import Progress
from shares_core.testing.host import MemoryHost


class MemoryProgress(Progress):
    """A host's table of reported progress."""

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def report(self, operation_id: str, done: int, total: int) -> None:
        if total > 0:
            self._host.progress[operation_id] = (done, total)

    def told(self, ids: Collection[str]) -> Mapping[str, float]:
        kept = self._host.progress
        return {each: min(1.0, max(0.0, kept[each][0] / kept[each][1])) for each in ids if each in kept}

    def list(self) -> tuple[str, ...]:
        return tuple(self._host.progress)

    def clear(self, operation_id: str) -> None:
        self._host.progress.pop(operation_id, None)
