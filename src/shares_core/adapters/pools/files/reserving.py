"""fallocate(2) itself, never an emulation.

Python has only ``posix_fallocate``. If a file system lacks the call, the C library reads and writes every
block, and overwrites what a client writes there at the same time.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from shares_core.domain.errors import HostNotReady

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate64.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def reserve(descriptor: int, length: int) -> None:
    """Reserve space for the file's first ``length`` bytes; its content stays.

    Raises OSError, with EOPNOTSUPP if the file system cannot do it. Idempotent.
    """
    while _libc.fallocate64(descriptor, 0, 0, length) != 0:
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))


@contextmanager
def able_to_reserve(place: str, hint: str) -> Iterator[None]:
    """Raise HostNotReady, which names the place, if its file system lacks the call."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        raise HostNotReady(
            f"the file system of {place} cannot reserve space for a file", hint=hint
        ) from error
