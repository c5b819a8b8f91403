"""fallocate(2) itself, never an emulation.

Python has only ``posix_fallocate``. If a file system lacks the call, the C library reads and writes every
block, and overwrites what a client writes there at the same time.
"""

from __future__ import annotations

import ctypes
import errno
import os

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
