"""What clients wrote, looked at and changed inside the container: the host never walks through it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from shares_core.adapters.samba.render import folder_of, recycled_in
from shares_core.domain.errors import BackendFailure
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare
from shares_core.domain.views import RecycledFiles
from shares_core.ports.processes import Script, ServerProcesses
from shares_core.ports.smb import SmbFiles

#: For a look at a recycle bin: more than its script takes.
_LOOK_SECONDS = 6.0
#: No file system holds more bytes, nor as many files.
_MOST = 2**63
_RECYCLED = re.compile(r"([0-9]{1,19}) ([0-9]{1,19}) (emptied|kept)")


@cache
def _script(name: str) -> Script:
    path = Path(__file__).with_name(f"{name.replace('-', '_')}.sh")
    return Script(name, path.read_text())


class SambaFiles(SmbFiles):
    """Files by a script, which runs inside the container as smbd's user."""

    def __init__(self, processes: ServerProcesses) -> None:
        self._processes = processes

    def make_executable(self, server: ShareServer, share: CifsShare) -> bool:
        said = self._processes.run(server.id, _script("make-executable"), folder_of(share)).strip()
        if said not in ("done", "more"):
            raise BackendFailure(f"make-executable in server {server.id} says neither done nor more")
        return said == "done"

    def recycled(self, server: ShareServer, share: CifsShare) -> RecycledFiles:
        script = _script("count-recycled")
        said = self._processes.run(server.id, script, recycled_in(share), seconds=_LOOK_SECONDS)
        return parse_recycled(said.strip(), server)


def parse_recycled(said: str, server: ShareServer) -> RecycledFiles:
    """Read what count_recycled.sh prints. Raises BackendFailure if it is not that."""
    found = _RECYCLED.fullmatch(said)
    if found is None or int(found[1]) >= _MOST:
        raise BackendFailure(f"server {server.name} does not say what a recycle bin holds")
    return RecycledFiles(int(found[1]), int(found[2]), found[3] == "emptied")
