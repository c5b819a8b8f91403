"""The kernel's calls that make a mount by way of file descriptors.

Debian 12's C library has no functions for them. A new mount is not attached anywhere until it is moved: if
its process dies before that, the mount is gone with its descriptor.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from attrs import field, frozen

#: The same on every architecture but Alpha (Linux's scripts/syscall.tbl).
NUMBERS: Mapping[str, int] = {
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "mount_setattr": 442,
}
#: From the kernel's include/uapi/linux/mount.h and fcntl.h.
RDONLY, NOSUID, NODEV, NOEXEC, NOATIME, NOSYMFOLLOW = 0x1, 0x2, 0x4, 0x8, 0x10, 0x200000
_IDMAP = 0x100000
_FSOPEN_CLOEXEC, _FSMOUNT_CLOEXEC, _MOVE_MOUNT_F_EMPTY_PATH = 1, 1, 4
_FSPICK_CLOEXEC = 1
_SET_FLAG, _SET_STRING, _CMD_CREATE, _CMD_RECONFIGURE = 0, 1, 6, 7
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
_MOUNT_ATTR = "=QQQQ"  # struct mount_attr: attributes to set, to clear, propagation, the user namespace
_LOG_BYTES = 4096


@frozen
class MountCalls:
    """The descriptors that they return are not inherited by other programs. All raise OSError.

    ``numbers`` are the calls' numbers: a test may use one that no kernel has.
    """

    numbers: Mapping[str, int] = field(default=NUMBERS, repr=False)

    def make(self, kind: str, source: str, options: Iterable[str], attributes: int) -> int:
        """Mount the file system on the device ``source``, without attaching the mount anywhere yet.

        ``options`` are the file system's own, without values, ``attributes`` those of the mount. The error
        says what the file system said, if it said anything.
        """
        context = self._call("fsopen", kind.encode(), _FSOPEN_CLOEXEC)
        try:
            self._call("fsconfig", context, _SET_STRING, b"source", os.fsencode(source), 0)
            for option in options:
                self._call("fsconfig", context, _SET_FLAG, option.encode(), None, 0)
            self._call("fsconfig", context, _CMD_CREATE, None, None, 0)
            return self._call("fsmount", context, _FSMOUNT_CLOEXEC, attributes)
        except OSError as error:
            said = _log(context)
            raise OSError(error.errno, f"{error.strerror} ({said})" if said else error.strerror) from error
        finally:
            os.close(context)

    def set_read_only(self, target: Path, read_only: bool) -> None:
        """Make the file system that is mounted there read-only, or writable, wherever it is mounted.

        Its other options stay. Raises EBUSY if a file in it is open for writing.
        """
        context = self._call("fspick", _AT_FDCWD, os.fsencode(target), _FSPICK_CLOEXEC)
        try:
            self._call("fsconfig", context, _SET_FLAG, b"ro" if read_only else b"rw", None, 0)
            self._call("fsconfig", context, _CMD_RECONFIGURE, None, None, 0)
        finally:
            os.close(context)

    def load(self, kind: str) -> None:
        """Have the kernel load the file system, if it has it as a module that is not loaded."""
        os.close(self._call("fsopen", kind.encode(), _FSOPEN_CLOEXEC))

    def map_ids(self, mount: int, namespace: int) -> None:
        """Show the mount's files with the owners to which the user namespace maps those on disk.

        Raises EBUSY if a file in it is open for writing, EPERM if the mount is already mapped, EINVAL if it
        is already attached or its file system does not support mappings.
        """
        wanted = struct.pack(_MOUNT_ATTR, _IDMAP, 0, 0, namespace)
        self._call("mount_setattr", mount, b"", _AT_EMPTY_PATH, wanted, len(wanted))

    def move(self, mount: int, target: Path) -> None:
        """Put the mount on a folder, never on the target of a symbolic link in its place."""
        self._call("move_mount", mount, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH)

    def missing(self) -> tuple[str, ...]:
        """The names of the calls that this kernel lacks. Tries them without a valid descriptor."""
        asked: Mapping[str, tuple[Any, ...]] = {
            "move_mount": (-1, b"", -1, b"", 0),
            "fsopen": (None, 0),
            "fsconfig": (-1, _CMD_CREATE, None, None, 0),
            "fsmount": (-1, 0, 0),
            "fspick": (-1, None, 0),
            "mount_setattr": (-1, b"", _AT_EMPTY_PATH, bytes(struct.calcsize(_MOUNT_ATTR)), 0),
        }
        return tuple(name for name, arguments in asked.items() if self._is_missing(name, arguments))

    def _is_missing(self, name: str, arguments: tuple[Any, ...]) -> bool:
        try:
            self._call(name, *arguments)
        except OSError as error:
            return error.errno == errno.ENOSYS
        return False

    def _call(self, name: str, *arguments: int | bytes | None) -> int:
        import ctypes  # not before it is used: most commands mount nothing

        given = [
            ctypes.c_long(each) if isinstance(each, int) else ctypes.c_char_p(each) for each in arguments
        ]
        result: int = _libc().syscall(ctypes.c_long(self.numbers[name]), *given)
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{name}: {os.strerror(number)}")
        return result


@cache
def _libc() -> Any:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def _log(context: int) -> str:
    """The file system's messages, one at a time, each after a letter for its severity."""
    said: list[str] = []
    with suppress(OSError):  # no more messages
        while True:
            said.append(os.read(context, _LOG_BYTES).decode(errors="replace").strip())
    return "; ".join(said)
