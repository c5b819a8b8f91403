"""The mount table, read from the kernel."""

from __future__ import annotations

import os
import re
from pathlib import Path

from attrs import frozen

_FDINFO = 4096  # more than any file there has
_MOUNTINFO = Path("/proc/self/mountinfo")
#: The second is for an ext4 that met an error, from Linux 6.13 on.
_READ_ONLY = frozenset(("ro", "emergency_ro"))
_ESCAPE = re.compile(r"\\([0-7]{3})")


@frozen
class Mount:
    """One line of the mount table.

    ``number`` is the mount's own and ``parent`` that of the mount above it, ``device`` the kernel's
    major:minor. Mounts with the same ``peers`` pass on what is mounted below them to each other and to their
    slaves; it is empty for a mount that passes nothing on. ``read_only`` is about the file system,
    ``idmapped`` about the mount: it shows other owners than those on disk.
    """

    number: str
    parent: str
    target: str
    device: str
    kind: str
    source: str
    peers: str
    read_only: bool = False
    idmapped: bool = False

    @property
    def shared(self) -> bool:
        """Whether what is mounted below reaches other mounts."""
        return bool(self.peers)


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """Read /proc/self/mountinfo (proc_pid_mountinfo(5))."""
    return tuple(map(_parsed, text.splitlines()))


def _parsed(line: str) -> Mount:
    fields = line.split(" ")
    dash = fields.index("-", 6)
    return Mount(
        number=fields[0],
        parent=fields[1],
        target=_unescape(fields[4]),
        device=fields[2],
        kind=fields[dash + 1],
        source=_unescape(fields[dash + 2]),
        peers=next((field for field in fields[6:dash] if field.startswith("shared:")), ""),
        read_only=not _READ_ONLY.isdisjoint(fields[dash + 3].split(",")),
        idmapped="idmapped" in fields[5].split(","),
    )


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)


def is_mounted(target: Path) -> bool:
    """Whether ``target`` is the root of a mount. Takes as long among a thousand mounts as among none."""
    return _mounted_as(target) is not None


def mount_at(target: Path) -> Mount | None:
    """The mount whose root is ``target``; the topmost if several are stacked."""
    return mount_and_above(target)[0]


def mount_and_above(target: Path) -> tuple[Mount | None, Mount | None]:
    """The mount whose root is ``target``, and the mount that holds its mount point."""
    number = _mounted_as(target)
    if number is None:
        return None, None
    table = _MOUNTINFO.read_bytes()
    mount = _mount(table, number)
    return mount, None if mount is None else _mount(table, mount.parent)


def mounts_below(folder: Path) -> tuple[Mount, ...]:
    """The mounts whose roots are below ``folder``, without ``folder`` itself."""
    return tuple(mount for mount in mount_table() if mount.target.startswith(f"{folder}/"))


def mount_table() -> tuple[Mount, ...]:
    return parse_mountinfo(_decoded(_MOUNTINFO.read_bytes()))


def _mounted_as(target: Path) -> str | None:
    """The number of the mount whose root is ``target``: another one than that of the folder it is in."""
    try:
        number = _number_of(target)
        return number if number != _number_of(target.parent) else None
    except (FileNotFoundError, NotADirectoryError):
        return None


def _number_of(path: Path) -> str:
    """The number of the mount that a path is on. Does not ask its file system, which may have shut down."""
    descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with open(f"/proc/self/fdinfo/{descriptor}", "rb", buffering=0) as file:
            told = file.read(_FDINFO)
    finally:
        os.close(descriptor)
    return told.partition(b"mnt_id:")[2].split()[0].decode()


def _mount(table: bytes, number: str) -> Mount | None:
    """The mount of that number. Only its own line is parsed: the table may be long."""
    line = re.search(rb"^%b .*$" % number.encode(), table, re.MULTILINE)
    return None if line is None else _parsed(_decoded(line[0]))


def _decoded(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")
