"""The servers' folders in memory."""

from __future__ import annotations

from shares_core.domain.errors import BackendFailure
from shares_core.ports.folders import ServerFolders
from shares_core.testing.faults import halfway
from shares_core.testing.host import MemoryHost
from shares_core.testing.state import Folder


class MemoryFolders(ServerFolders):
    """The folders in ``MemoryHost.folders``. Half-done: a folder that mounts do not reach."""

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def ensure(self, server_id: str, uid: int) -> None:
        folder = self._host.folders.setdefault(server_id, Folder(uid))
        halfway()
        folder.uid, folder.shared = uid, True

    def ensured(self, server_id: str, uid: int) -> bool:
        folder = self._host.folders.get(server_id)
        return folder is not None and (folder.uid, folder.shared) == (uid, True)

    def remove(self, server_id: str) -> None:
        if any(mount[0] == server_id for mount in self._host.mounts):
            raise BackendFailure(f"something is mounted below the folder of server {server_id}")
        self._host.folders.pop(server_id, None)

    def list(self) -> tuple[str, ...]:
        return tuple(self._host.folders)
