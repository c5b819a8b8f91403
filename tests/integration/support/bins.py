"""A share's recycle bin, seen from inside its server, and the image's empty-bins with another list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import frozen

from shares_core import RecycleBin
from shares_core.adapters.samba.render import folder_of, recycled_in
from tests.integration.support.intruder import Intruder
from tests.testkit.probes import until

_LIST = "/tmp/list-of-bins"
_FIND = """
for process in /proc/[0-9]*; do
  mapfile -d '' -t words 2>/dev/null <$process/cmdline
  [[ ${{words[1]-}} == */empty-bins && ${{words[2]-}} == "{argument}" ]] || continue
  echo ${{process#/proc/}}
done 2>/dev/null
true
"""


@frozen
class Bin:
    """The recycle bin of a share."""

    inside: Intruder
    share: str = "files"

    @property
    def served(self) -> str:
        return folder_of(self.inside.site.host.servers.show(self.inside.server).server.share(self.share))

    @property
    def path(self) -> str:
        return recycled_in(self.inside.site.host.servers.show(self.inside.server).server.share(self.share))

    def files(self) -> list[str]:
        """All that it holds but folders, by path."""
        find = f"cd {self.path} 2>/dev/null && find . -mindepth 1 ! -type d -printf '%P\\n'"
        return sorted(self.inside.sh(find)[1].splitlines())

    def deleted_at(self, name: str) -> float:
        """When the file was deleted, in unix seconds."""
        return float(self.inside.succeeds(f"stat --format=%.Z '{self.path}/{name}'"))

    def set_to(self, days: int | bool) -> None:
        """Turn it on, for so many days, or off."""
        kept = days if isinstance(days, bool) else RecycleBin(days)
        self.inside.site.host.shares.set(self.inside.server, self.share, recycle_bin=kept)

    @contextmanager
    def emptied(self, kept: int, cleared: int = 0, *, before: str = ":") -> Iterator[None]:
        """The image's program at work with a list of this bin alone: ``kept`` seconds, not days.

        ``before`` is run in its shell first.
        """
        self.inside.succeeds(f"echo '{kept} {cleared} {self.served}' >{_LIST}")
        self.inside.start(f"{before}; exec empty-bins {_LIST}")
        try:
            yield
        finally:
            self.inside.succeeds(f": >{_LIST}")
            assert until(lambda: not running(self.inside, _LIST))


def running(inside: Intruder, argument: str = "") -> list[str]:
    """The processes of empty-bins with this argument; without one, those that the agent started."""
    return inside.succeeds(_FIND.format(argument=argument)).split()
