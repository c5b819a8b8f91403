"""Locks that hold across threads and processes, and that a dying holder frees."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from shares_core.adapters.linux.files import make_private_folder
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.linux.polling import wait_until
from shares_core.adapters.state.layout import Layout
from shares_core.domain.errors import Busy
from shares_core.ports.locks import Locks

#: How long to try for a share's slot.
_AT_ONCE_SECONDS = 0.1


@contextmanager
def file_lock(path: Path, timeout: float, what: str) -> Iterator[None]:
    """Hold the lock file. Raises Busy after ``timeout`` seconds."""
    from filelock import FileLock, Timeout

    # A new object each time, so that two holders in one process are also two open files to flock(2).
    lock = FileLock(path, timeout=timeout, mode=0o600, thread_local=False, poll_interval=0.01)
    with os_errors(f"locking {path}"):
        try:
            lock.acquire()
        except Timeout as error:  # is an OSError too, hence caught here
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
    """Hold one of the locks in the state folder, which is made if need be. Raises as ``file_lock`` does."""
    with os_errors(f"making {layout.locks}"):
        make_private_folder(layout.state_dir)
        make_private_folder(layout.locks)
    with file_lock(_path(layout, name), timeout, what):
        yield


def _path(layout: Layout, name: str) -> Path:
    return layout.locks / f"{name}.lock"


def _is_held(path: Path) -> bool:
    with os_errors(f"looking at {path}"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False


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
    def share(self, share_id: str) -> Iterator[None]:
        # Not at the first refusal: a reader that asks which locks are held has this one for an instant.
        with state_lock(self._layout, share_id, _AT_ONCE_SECONDS, f"share {share_id}"):
            yield

    def await_share(self, share_id: str) -> None:
        path = _path(self._layout, share_id)  # never made here: the share may be gone by now
        if not wait_until(lambda: not _is_held(path), self._timeout):
            raise Busy(
                f"another caller has been working on share {share_id} for more than {self._timeout:g} s",
                hint="try again later; 'lock_timeout' in the configuration sets how long to wait",
            )

    def held(self, ids: Collection[str]) -> frozenset[str]:
        return frozenset(owner_id for owner_id in ids if _is_held(_path(self._layout, owner_id)))

    @contextmanager
    def claims(self) -> Iterator[None]:
        with state_lock(self._layout, "claims", self._timeout, "the servers' names and addresses"):
            yield

    def forget(self, owner_id: str) -> None:
        # Unlinked while held: a caller that waits on the old file finds no record afterwards, and ids never
        # repeat, so nobody needs a second file of that name.
        with os_errors("removing a lock"):
            _path(self._layout, owner_id).unlink(missing_ok=True)
