"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

_SHORTEST, _LONGEST = 0.002, 0.1


def timer(seconds: float) -> Callable[[], bool]:
    """Gives a function that tells whether there is time left, from now on."""
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() < deadline


def wait_until(condition: Callable[[], bool], timeout: float, *, looks: int = 1) -> bool:
    """Poll until the condition holds, ever less often.

    Gives whether it did within ``timeout`` seconds, or within as many ``looks``, however long those take.
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
