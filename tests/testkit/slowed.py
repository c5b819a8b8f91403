"""Real programs that start when released: they stand for a slow disk, without waiting by the clock.

A script of the same name comes first in PATH. It says that it was called, waits for a line, and then executes
the real program.
"""

from __future__ import annotations

import os
import select
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define

#: For what takes some milliseconds.
_SECONDS = 60.0


@define
class Slowed:
    """A program that waits. ``path`` is a PATH in which it comes first."""

    folder: Path
    path: str
    _reached: int
    _go: int

    def wait(self) -> None:
        """Until somebody has called it."""
        assert select.select([self._reached], [], [], _SECONDS)[0], f"nobody called {self.folder}"
        os.read(self._reached, 1)

    @property
    def calls(self) -> list[str]:
        """The arguments of the calls that matched the pattern."""
        log = self.folder / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def let_go(self) -> None:
        """Release the waiting calls, and all later ones."""
        (self.folder / "slow").unlink(missing_ok=True)
        os.write(self._go, b"\n" * 100)


@contextmanager
def slowed(folder: Path, program: str, pattern: str = "*") -> Iterator[Slowed]:
    """Make the program wait if its arguments match the shell pattern."""
    folder.mkdir()
    real = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert real is not None
    place = shlex.quote(str(folder))
    for name in ("reached", "go"):
        os.mkfifo(folder / name)
    (folder / "slow").touch()
    wrapper = folder / "bin" / program
    wrapper.parent.mkdir()
    wrapper.write_text(
        "#!/bin/sh\n"
        f'case "$*" in {pattern})\n'
        f'  echo "$*" >>{place}/calls\n'
        f"  if [ -e {place}/slow ]; then\n"
        f"    printf . >{place}/reached\n"
        f"    read -r _ <{place}/go\n"
        "  fi\n"
        "esac\n"
        f'exec {real} "$@"\n'
    )
    wrapper.chmod(0o755)
    # For reading and writing: otherwise opening them would wait for the other end.
    ends = [os.open(folder / name, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC) for name in ("reached", "go")]
    made = Slowed(folder, f"{wrapper.parent}:{os.environ['PATH']}", *ends)
    try:
        yield made
    finally:
        made.let_go()
        for end in ends:
            os.close(end)
