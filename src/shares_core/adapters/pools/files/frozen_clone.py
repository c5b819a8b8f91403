"""A program: ``SOURCE TARGET [MOUNT]`` makes TARGET share all blocks of SOURCE, with MOUNT frozen meanwhile.

It is a process of its own, in which nothing else can fail: whoever is killed between freezing and thawing
a file system leaves all of its writers waiting. It imports nothing that has to be installed.
"""

import errno
import fcntl
import os
import signal
import sys

# linux/fs.h
_FICLONE, _FIFREEZE, _FITHAW = 0x40049409, 0xC0045877, 0xC0045878
#: The exit status if the file system of the files cannot share blocks.
CANNOT_SHARE = 3


def _clone(source: int, target: int) -> None:
    fcntl.ioctl(target, _FICLONE, source)


def _can_share(target: int) -> bool:
    """Ask for a clone of a file onto itself, which the kernel refuses otherwise where it knows clones."""
    try:
        _clone(target, target)
    except OSError as error:
        return error.errno not in (errno.EOPNOTSUPP, errno.ENOTTY, errno.ENOSYS)
    return True


def main(source_path: str, target_path: str, mount: str = "") -> int:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    source = os.open(source_path, os.O_RDONLY | os.O_NOFOLLOW)
    target = os.open(target_path, os.O_RDWR | os.O_NOFOLLOW)
    if not _can_share(target):
        return CANNOT_SHARE
    if not mount:
        _clone(source, target)
    else:
        folder = os.open(mount, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.ioctl(folder, _FIFREEZE, 0)
        try:
            _clone(source, target)
        finally:
            fcntl.ioctl(folder, _FITHAW, 0)
    os.fsync(target)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
