"""Work that signal handlers do not interrupt."""

from __future__ import annotations

import _thread
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Nothing depends on it: an end is noticed at once.
_LOOK_AGAIN_SECONDS = 1.0


def to_its_end(work: Callable[[], T]) -> T:
    """Do the work and return its result; an error from a signal handler is raised afterwards.

    It runs in its own thread, because Python runs the handlers in the main thread. Raises what the work
    raises, and RuntimeError if it cannot start a thread.
    """
    given: list[T] = []
    failed: list[BaseException] = []
    end = _thread.allocate_lock()
    end.acquire()

    def run() -> None:
        try:
            given.append(work())
        except BaseException as error:  # noqa: BLE001 - it is the caller's, and raised there
            failed.append(error)
        finally:
            end.release()

    started: list[int] = []
    interruption: BaseException | None = None
    while not given and not failed:
        try:
            if not started:
                # In one step that no handler can interrupt, so that we know whether the thread runs.
                started.extend(map(_thread.start_new_thread, (run,), ((),)))
            while not given and not failed:
                end.acquire(timeout=_LOOK_AGAIN_SECONDS)
        except BaseException as error:
            if not started:
                raise
            interruption = interruption or error
    if interruption is not None:
        raise interruption
    if failed:
        raise failed[0]
    return given[0]
