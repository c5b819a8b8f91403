"""A program, ``SOURCE TARGET [MOUNT CALLER]``: TARGET shares the blocks that SOURCE has with MOUNT frozen.

It is a process of its own, in which nothing else can fail: whoever is killed between freezing and thawing
a file system leaves all of its writers waiting. It imports nothing that has to be installed.

Cloning takes long for a file in many pieces, and keeps its writers waiting. So it is done twice: first piece
by piece while they go on, then as a whole while the file system is frozen. The kernel passes quickly over
what is shared by then. If the process CALLER is gone, nobody wants it any more: it ends without freezing.
"""

import fcntl
import os
import signal
import struct
import sys

# linux/fs.h
_FICLONE, _FICLONERANGE, _FIFREEZE, _FITHAW = 0x40049409, 0x4020940D, 0xC0045877, 0xC0045878
_CLONE_RANGE = struct.Struct("=qQQQ")
# linux/fiemap.h
_FIEMAP = 0xC020660B
_MAP, _EXTENT = struct.Struct("=QQLLLL"), struct.Struct("=QQQ16xL12x")
#: So many pieces are cloned at a time while writers go on: they wait for some milliseconds.
_PIECES = 500
#: The exit status if its caller was killed.
ABANDONED = 4


def _clone(source: int, target: int) -> None:
    fcntl.ioctl(target, _FICLONE, source)


def _clone_in_parts(source: int, target: int, caller: int) -> None:
    """Clone a few pieces at a time. What is written meanwhile is missing in the target."""
    size, start = os.fstat(source).st_size, 0
    while start < size and os.getppid() == caller:
        end = _end_of_pieces(source, start, size)
        fcntl.ioctl(target, _FICLONERANGE, _CLONE_RANGE.pack(source, start, end - start, start))
        start = end


def _end_of_pieces(source: int, start: int, size: int) -> int:
    """Where the next pieces of the file end, or the file itself if these are the last."""
    found = bytearray(_MAP.pack(start, size - start, 0, 0, _PIECES, 0)) + bytes(_PIECES * _EXTENT.size)
    fcntl.ioctl(source, _FIEMAP, found)
    count: int = _MAP.unpack_from(found)[3]
    if count < _PIECES:
        return size
    logical: int
    length: int
    logical, _, length, _ = _EXTENT.unpack_from(found, _MAP.size + (count - 1) * _EXTENT.size)
    return min(logical + length, size)


def _sync(folder: int) -> None:
    """Leave little to write while it is frozen (syncfs(2), which Python lacks)."""
    import ctypes  # here, because a clone without a mount does not need it

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syncfs(folder) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main(source_path: str, target_path: str, mount: str = "", caller: str = "0") -> int:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    source = os.open(source_path, os.O_RDONLY | os.O_NOFOLLOW)
    target = os.open(target_path, os.O_RDWR | os.O_NOFOLLOW)
    if not mount:
        _clone(source, target)
    else:
        _clone_in_parts(source, target, int(caller))
        folder = os.open(mount, os.O_RDONLY | os.O_DIRECTORY)
        _sync(folder)
        if os.getppid() != int(caller):
            return ABANDONED
        fcntl.ioctl(folder, _FIFREEZE, 0)
        try:
            _clone(source, target)
        finally:
            fcntl.ioctl(folder, _FITHAW, 0)
    os.fsync(target)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
