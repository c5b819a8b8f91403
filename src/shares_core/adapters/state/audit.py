"""Audit trails on disk: for each share and day a file of JSON lines that only root can read.

::

    audit/<server>/bookmark.json          how far the server's log was taken, and the files' sizes then
    audit/<server>/<share>/<day>.jsonl    the trail
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from attrs import frozen

from shares_core.adapters.linux.files import make_private_folder, open_folder, write_whole
from shares_core.adapters.linux.flock import lock_within
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.state.audit_file import append_to, entry_of
from shares_core.adapters.state.layout import Layout
from shares_core.domain.audit import AuditEntry
from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import Busy
from shares_core.ports.audit import AuditTrails

_BOOKMARK, _SUFFIX = "bookmark.json", ".jsonl"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@frozen
class _State:
    """How far the log was taken, and how long each of the last appended files was then."""

    bookmark: str = ""
    sizes: Mapping[str, int] = {}


class DiskAuditTrails(AuditTrails):
    """The trails in the state folder. ``room`` is for one share's day; ``days`` are kept, today included.

    A server's folder is its lock (flock). What a killed caller appended beyond the recorded sizes is
    recognised when the same is appended again.
    """

    def __init__(self, layout: Layout, days: int, room: Capacity, lock_timeout: float) -> None:
        self._folder = layout.audit
        self._state_dir = layout.state_dir
        self._days = days
        self._room = room.bytes
        self._timeout = lock_timeout

    def ensure(self, server_id: str, share_id: str) -> None:
        if self._share(server_id, share_id).is_dir():
            return
        with os_errors("making an audit trail"):
            make_private_folder(self._state_dir)
            make_private_folder(self._folder)
            while True:
                make_private_folder(self._server(server_id))
                with suppress(FileNotFoundError), self._locked(server_id):
                    self._share(server_id, share_id).mkdir(mode=0o700, exist_ok=True)
                    return

    def servers(self) -> tuple[str, ...]:
        with os_errors(f"listing {self._folder}"):
            return tuple(sorted(_listed(self._folder)))

    def bookmark(self, server_id: str) -> str:
        with os_errors("reading an audit trail's bookmark"):
            return self._load(server_id).bookmark

    def append(
        self,
        server_id: str,
        former: str,
        bookmark: str,
        entries: Mapping[str, Sequence[AuditEntry]],
        today: str,
    ) -> bool:
        with os_errors("appending to an audit trail"), suppress(FileNotFoundError), self._locked(server_id):
            state = self._load(server_id)
            if state.bookmark != former:
                return False
            sizes: dict[str, int] = {}
            for share_id, added in entries.items():
                if self._share(server_id, share_id).is_dir():
                    sizes |= self._append(server_id, share_id, added, state.sizes)
            if bookmark != former or sizes:
                known = {**state.sizes, **sizes}
                there = {
                    name: size for name, size in known.items() if (self._server(server_id) / name).exists()
                }
                self._save(server_id, _State(bookmark, there))
            self._remove_old(server_id, today)
        return True

    def _append(
        self, server_id: str, share_id: str, entries: Sequence[AuditEntry], sizes: Mapping[str, int]
    ) -> dict[str, int]:
        """Append a share's entries to its days' files. Returns the files' sizes, by their names."""
        grown: dict[str, int] = {}
        for day, of_day in groupby(entries, key=lambda entry: entry.time[:10]):
            if _DAY.fullmatch(day):
                name = f"{share_id}/{day}{_SUFFIX}"
                known = grown.get(name, sizes.get(name, 0))
                grown[name] = append_to(self._server(server_id) / name, tuple(of_day), known, self._room)
        return grown

    def read(
        self, server_id: str, share_id: str, after: str = "", limit: int = 10_000
    ) -> tuple[AuditEntry, ...]:
        found: list[AuditEntry] = []
        with os_errors("reading an audit trail"):
            for path in self._files(server_id, share_id):
                if path.stem < after[:10]:
                    continue
                for entry in _entries(path, after):
                    if len(found) >= limit and entry.time != found[-1].time:
                        return tuple(found)
                    found.append(entry)
        return tuple(found)

    def remove(self, server_id: str, share_id: str) -> None:
        with os_errors("removing an audit trail"), suppress(FileNotFoundError), self._locked(server_id):
            _remove(self._share(server_id, share_id))
            if not set(_listed(self._server(server_id))) - {_BOOKMARK}:
                _remove(self._server(server_id))

    def clear(self, server_id: str) -> None:
        with os_errors("removing audit trails"), suppress(FileNotFoundError), self._locked(server_id):
            _remove(self._server(server_id))

    # -- helpers

    def _server(self, server_id: str) -> Path:
        return self._folder / server_id

    def _share(self, server_id: str, share_id: str) -> Path:
        return self._server(server_id) / share_id

    def _files(self, server_id: str, share_id: str) -> list[Path]:
        """The share's files, the oldest day first."""
        folder = self._share(server_id, share_id)
        return sorted(folder / name for name in _listed(folder) if _DAY.fullmatch(name.removesuffix(_SUFFIX)))

    def _remove_old(self, server_id: str, today: str) -> None:
        oldest = (date.fromisoformat(today) - timedelta(days=self._days - 1)).isoformat()
        for share_id in _listed(self._server(server_id)):
            if share_id != _BOOKMARK:
                for path in self._files(server_id, share_id):
                    if path.stem < oldest:
                        path.unlink(missing_ok=True)

    @contextmanager
    def _locked(self, server_id: str) -> Iterator[None]:
        """Hold the server's trails. Raises FileNotFoundError if there are none, and Busy."""
        with open_folder(self._server(server_id)) as descriptor:
            if not lock_within(descriptor, self._timeout):
                raise Busy(
                    f"another caller holds the audit trails of server {server_id}",
                    hint="try again later; 'lock_timeout' in the configuration sets how long to wait",
                )
            # Another caller may have removed it meanwhile, and a third have made it anew.
            if not os.path.samestat(os.stat(self._server(server_id)), os.fstat(descriptor)):
                raise FileNotFoundError(self._server(server_id))
            yield

    def _load(self, server_id: str) -> _State:
        try:
            found: dict[str, Any] = json.loads((self._server(server_id) / _BOOKMARK).read_bytes())
            return _State(str(found["bookmark"]), {str(k): int(v) for k, v in found["sizes"].items()})
        except FileNotFoundError:
            return _State()
        except (ValueError, KeyError, TypeError, AttributeError):
            return _State("unreadable")  # what is no place in any log: the trail says that it is incomplete

    def _save(self, server_id: str, state: _State) -> None:
        content = json.dumps({"bookmark": state.bookmark, "sizes": dict(state.sizes)})
        write_whole(self._server(server_id) / _BOOKMARK, content.encode())


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _remove(folder: Path) -> None:
    """Remove a folder of root's, in which only this module makes anything."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _entries(path: Path, after: str) -> Iterator[AuditEntry]:
    """A file's entries after that time. What a killed caller left half-written is no entry."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            entry = entry_of(line, after)
            if entry is not None:
                yield entry
