"""Copying what a volume holds into a new one."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator

from shares_core.adapters.linux.oserrors import os_errors
from shares_core.domain.capacity import MIB
from shares_core.ports.progress import Report

#: So much is read at a time; then others may cancel.
_AT_ONCE = 4 * MIB
_REPORTED = 32 * MIB
_ZEROS = bytes(_AT_ONCE)
_BLKFLSBUF = 0x1261  # linux/fs.h


def copy(source: str, target: int, zeroed: bool, *, report: Report) -> None:
    """Copy the file or device ``source``, to which nobody writes, to the open ``target``, and to its disk.

    Zeros are not written to a ``zeroed`` target, so that it takes no more room than its source. What
    ``report`` raises ends it.
    """
    with os_errors(f"copying {source}"):
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _forget_what_was_read(descriptor)
            size, done = os.lseek(descriptor, 0, os.SEEK_END), 0
            report(0, size)
            for start, block in _blocks(descriptor, size, holes=not zeroed):
                if not zeroed or block != _ZEROS[: len(block)]:
                    _write(target, block, start)
                if start - done >= _REPORTED:
                    done = start
                    report(done, size)
                    # What waits in memory for its disk would delay every other write to it.
                    os.fdatasync(target)
                    os.posix_fadvise(descriptor, 0, done, os.POSIX_FADV_DONTNEED)
                    os.posix_fadvise(target, 0, done, os.POSIX_FADV_DONTNEED)
            os.fsync(target)
            report(size, size)
        finally:
            os.close(descriptor)


def _write(target: int, block: bytes, start: int) -> None:
    """Write all of it: where a disk gets full, a part may be written without an error."""
    written = 0
    while written < len(block):
        written += os.pwrite(target, block[written:], start + written)


def _forget_what_was_read(descriptor: int) -> None:
    """Read a device itself: a file system may have changed it beside what was read through the device."""
    if stat.S_ISBLK(os.fstat(descriptor).st_mode):
        fcntl.ioctl(descriptor, _BLKFLSBUF, 0)


def _blocks(descriptor: int, size: int, *, holes: bool) -> Iterator[tuple[int, bytes]]:
    """What is there, in parts, each with its place; of ``holes``, which read as zeros, only if asked."""
    start = 0
    while start < size:
        if not holes:
            start = _next_data(descriptor, start, size)
        if start >= size:
            return
        block = os.pread(descriptor, min(_AT_ONCE, size - start), start)
        if not block:
            raise OSError(errno.EIO, "it ended early")
        yield start, block
        start += len(block)


def _next_data(descriptor: int, start: int, size: int) -> int:
    """Where the next part begins that is not a hole; the end if there is none."""
    try:
        return os.lseek(descriptor, start, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return size
        if error.errno == errno.EINVAL:  # a device has no holes
            return start
        raise
