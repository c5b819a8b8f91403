"""What clients wrote, changed inside the container: the host never walks through it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from shares_core.adapters.samba.render import folder_of
from shares_core.domain.errors import BackendFailure
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare
from shares_core.ports.processes import Script, ServerProcesses
from shares_core.ports.smb import SmbFiles


@cache
def _script() -> Script:
    return Script("make-executable", Path(__file__).with_name("make_executable.sh").read_text())


class SambaFiles(SmbFiles):
    """Files by a script, which runs inside the container as smbd's user."""

    def __init__(self, processes: ServerProcesses) -> None:
        self._processes = processes

    def make_executable(self, server: ShareServer, share: CifsShare) -> bool:
        said = self._processes.run(server.id, _script(), folder_of(share)).strip()
        if said not in ("done", "more"):
            raise BackendFailure(f"{_script().name} in server {server.id} says neither done nor more")
        return said == "done"
