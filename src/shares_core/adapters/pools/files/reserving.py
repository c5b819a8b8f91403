"""fallocate(2) itself, and never an imitation of it.

Python has only ``posix_fallocate``. Where a file system has no such call, the C library then reads and writes
every block: over what a client writes there at the same time.
"""

from __future__ import annotations

import ctypes
import errno
import os

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate64.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def reserve(descriptor: int, length: int) -> None:
    """Have the file's first ``length`` bytes on the disk; what is there stays.

    Raises OSError, EOPNOTSUPP where its file system cannot do it. Idempotent.
    """
    while _libc.fallocate64(descriptor, 0, 0, length) != 0:
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))
