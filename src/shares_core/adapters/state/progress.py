"""The progress of operations, in small files in the state folder."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from shares_core.adapters.linux.files import make_private_folder
from shares_core.adapters.state.layout import Layout
from shares_core.ports.progress import Progress

#: A file always has the same length, so that one write replaces it, and is written once for each part.
_FORMAT, _PARTS = "{:20} {:20}\n", 200
_ID = re.compile("[0-9a-f]{12}")


class DiskProgress(Progress):
    """A file for each operation that reports progress. Not synced: it is worthless after a crash."""

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.progress
        self._last: dict[str, int] = {}

    def report(self, operation_id: str, done: int, total: int) -> None:
        if total <= 0:
            return
        part = done * _PARTS // total
        if self._last.get(operation_id) == part:
            return
        self._last[operation_id] = part
        with suppress(OSError):
            self._write(operation_id, _FORMAT.format(done, total).encode())

    def _write(self, operation_id: str, content: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(self._path(operation_id), flags, 0o600)
        except FileNotFoundError:
            make_private_folder(self._folder)
            descriptor = os.open(self._path(operation_id), flags, 0o600)
        try:
            os.pwrite(descriptor, content, 0)
        finally:
            os.close(descriptor)

    def told(self, ids: Collection[str]) -> Mapping[str, float]:
        found: dict[str, float] = {}
        for operation_id in ids:
            with suppress(OSError, ValueError, ZeroDivisionError):
                done, total = map(int, self._path(operation_id).read_bytes().split())
                found[operation_id] = min(1.0, max(0.0, done / total))
        return found

    def list(self) -> tuple[str, ...]:
        with suppress(OSError):
            return tuple(name for name in os.listdir(self._folder) if _ID.fullmatch(name))
        return ()

    def clear(self, operation_id: str) -> None:
        self._last.pop(operation_id, None)
        with suppress(OSError):
            self._path(operation_id).unlink()

    def _path(self, operation_id: str) -> Path:
        return self._folder / operation_id
