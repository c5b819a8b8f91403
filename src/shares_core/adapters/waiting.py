"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

_SHORTEST, _LONGEST = 0.002, 0.1


def timer(seconds: float) -> Callable[[], bool]:
    """Gives a function that tells whether there is time left, from now on."""
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() < deadline


def wait_until(condition: Callable[[], bool], timeout: float) -> bool:
    """Poll until the condition holds, ever less often. Gives whether it did within ``timeout`` seconds."""
    time_left = timer(timeout)
    pause = _SHORTEST
    while not condition():
        if not time_left():
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST)
    return True
