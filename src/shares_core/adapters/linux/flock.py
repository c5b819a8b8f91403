"""Locking what is already open (flock(2))."""

from __future__ import annotations

import fcntl

from shares_core.adapters.linux.polling import wait_until


def lock_within(descriptor: int, seconds: float) -> bool:
    """Lock it for this open file alone, and return whether that succeeded in time. Raises OSError."""

    def taken() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    return wait_until(taken, seconds)
