"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

_SHORTEST, _LONGEST = 0.002, 0.1


def timer(seconds: float) -> Callable[[], bool]:
    """Return a function that tells whether time is left, counted from now."""
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() < deadline


def wait_until(condition: Callable[[], bool], timeout: float, *, looks: int = 1) -> bool:
    """Poll until the condition holds, ever less often.

    Returns whether it did within ``timeout`` seconds, or within that many ``looks``, however long they take.
    """
    time_left = timer(timeout)
    pause = _SHORTEST
    for looked in count(1):
        if condition():
            return True
        if looked >= looks and not time_left():
            break
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST)
    return False
