"""Locks that hold across threads and processes, and that a dying holder frees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shares_core.adapters.linux.files import make_private_folder
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.state.layout import Layout
from shares_core.domain.errors import Busy
from shares_core.ports.locks import Locks


@contextmanager
def file_lock(path: Path, timeout: float, what: str) -> Iterator[None]:
    """Hold the lock file. Raises Busy after ``timeout`` seconds."""
    from filelock import FileLock, Timeout

    # A new object each time: within a process too, two holders are then two open files to flock(2).
    lock = FileLock(path, timeout=timeout, mode=0o600, thread_local=False, poll_interval=0.01)
    with os_errors(f"locking {path}"):
        try:
            lock.acquire()
        except Timeout as error:  # an OSError too, hence caught in here
            raise Busy(
                f"another caller has been working on {what} for more than {timeout:g} s",
                hint="try again later; 'lock_timeout' in the configuration sets how long to wait",
            ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def state_lock(layout: Layout, name: str, timeout: float, what: str) -> Iterator[None]:
    """Hold one of the locks in the state folder, which is made if need be. Raises as ``file_lock``."""
    with os_errors(f"making {layout.locks}"):
        make_private_folder(layout.state_dir)
        make_private_folder(layout.locks)
    with file_lock(_path(layout, name), timeout, what):
        yield


def _path(layout: Layout, name: str) -> Path:
    return layout.locks / f"{name}.lock"


class FileLocks(Locks):
    """Lock files in the state folder."""

    def __init__(self, layout: Layout, timeout: float) -> None:
        self._layout = layout
        self._timeout = timeout

    @contextmanager
    def server(self, server_id: str) -> Iterator[None]:
        with state_lock(self._layout, server_id, self._timeout, f"server {server_id}"):
            yield

    @contextmanager
    def claims(self) -> Iterator[None]:
        with state_lock(self._layout, "claims", self._timeout, "the servers' names and addresses"):
            yield

    def forget(self, server_id: str) -> None:
        # Unlinked while held: whoever waits on the old file finds no record behind it, and ids are
        # never given twice, so nobody needs a second file of that name.
        with os_errors("removing a lock"):
            _path(self._layout, server_id).unlink(missing_ok=True)
