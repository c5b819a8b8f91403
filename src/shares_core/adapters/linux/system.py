"""Time, ids and randomness from the system, and listeners."""

from __future__ import annotations

import os
import secrets
import time
import uuid
from collections.abc import Callable, Iterable

from shares_core.domain.secret import Secret
from shares_core.ports.clock import Clock
from shares_core.ports.events import Event, Events
from shares_core.ports.ids import Ids
from shares_core.ports.workers import R, T, Workers


class SystemClock(Clock):
    """The kernel's clock."""

    def now(self) -> int:
        return int(time.time())

    def elapsed(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


class RandomIds(Ids):
    """Ids and passwords from the kernel's random numbers."""

    def new_id(self) -> str:
        return os.urandom(6).hex()

    def new_uuid(self) -> str:
        return str(uuid.uuid4())

    def new_password(self) -> Secret:
        return Secret(secrets.token_urlsafe(18))


class NoEvents(Events):
    """Nobody listens."""

    def emit(self, event: Event) -> None:
        """Forget it."""


class CallbackEvents(Events):
    """A function listens."""

    def __init__(self, listener: Callable[[Event], None]) -> None:
        self._listener = listener

    def emit(self, event: Event) -> None:
        self._listener(event)


class ThreadWorkers(Workers):
    """A few threads: more would not help, because they wait for Docker and the disk."""

    _AT_ONCE = 4

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> tuple[R, ...]:
        from concurrent.futures import ThreadPoolExecutor

        todo = tuple(items)
        if len(todo) < 2:
            return tuple(map(work, todo))
        with ThreadPoolExecutor(min(self._AT_ONCE, len(todo)), "reconcile") as threads:
            begun = [threads.submit(work, item) for item in todo]
        return tuple(each.result() for each in begun)
