"""The mount table, read from the kernel."""

from __future__ import annotations

import re
from pathlib import Path

from attrs import frozen

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
    mounts = []
    for line in text.splitlines():
        fields = line.split(" ")
        dash = fields.index("-", 6)
        mounts.append(
            Mount(
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
        )
    return tuple(mounts)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)


def mount_table() -> tuple[Mount, ...]:
    return parse_mountinfo(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape"))


def mount_at(target: Path) -> Mount | None:
    """The mount whose root is ``target``; the topmost if several are stacked."""
    return next((mount for mount in reversed(mount_table()) if mount.target == str(target)), None)


def mount_above(mount: Mount) -> Mount | None:
    """The mount that holds the mount point."""
    return next((above for above in mount_table() if above.number == mount.parent), None)


def mounts_below(folder: Path) -> tuple[Mount, ...]:
    """The mounts whose roots are below ``folder``, without ``folder`` itself."""
    return tuple(mount for mount in mount_table() if mount.target.startswith(f"{folder}/"))
