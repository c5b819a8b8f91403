"""A host without user namespaces."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LIMIT = Path("/proc/sys/user/max_user_namespaces")


@contextmanager
def no_user_namespaces(folder: Path) -> Iterator[None]:
    """Forbid user namespaces on the whole host; existing ones stay.

    Root may set the limit unless it lacks CAP_SYS_RESOURCE, as on some build machines. There a file of
    ``folder`` is mounted over it, so that it reads 0, although the kernel would still make one.
    """
    before = _LIMIT.read_text(encoding="ascii")
    try:
        _LIMIT.write_text("0", encoding="ascii")
    except PermissionError:
        with _covered(folder / "limit"):
            yield
        return
    try:
        yield
    finally:
        _LIMIT.write_text(before, encoding="ascii")


@contextmanager
def _covered(limit: Path) -> Iterator[None]:
    limit.write_text("0\n", encoding="ascii")
    subprocess.run(("mount", "--bind", limit, _LIMIT), check=True)
    try:
        yield
    finally:
        subprocess.run(("umount", _LIMIT), check=True)
        limit.unlink()


def helpers() -> list[str]:
    """The processes that have a user namespace other than this one's, by their names."""
    own, found = Path("/proc/self/ns/user").readlink(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns/user").readlink() != own:
                found.append((process / "comm").read_text().strip())
        except OSError:
            continue  # it has ended
    return found
