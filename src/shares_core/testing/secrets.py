"""Password hashes in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shares_core.domain.errors import RecordUnreadable
from shares_core.domain.names import UserName
from shares_core.domain.secret import PasswordHash, Secret
from shares_core.ports.secrets import Secrets
from shares_core.testing.hashes import digest
from shares_core.testing.host import MemoryHost


class MemorySecrets(Secrets):
    """The hashes in ``MemoryHost.secrets``."""

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def digest(self, password: Secret, changed: int) -> PasswordHash:
        return PasswordHash(digest(password.reveal()), changed)

    def hashes(self, server_id: str) -> Mapping[UserName, PasswordHash]:
        if server_id in self._host.damaged_secrets:
            raise RecordUnreadable(f"memory:secrets/{server_id}", "it is damaged")
        return dict(self._host.secrets.get(server_id, {}))

    def put(self, server_id: str, hashes: Mapping[UserName, PasswordHash]) -> None:
        self._host.secrets[server_id] = {**self.hashes(server_id), **hashes}

    def remove(self, server_id: str, users: Iterable[UserName]) -> None:
        gone = set(users)
        left = {name: known for name, known in self.hashes(server_id).items() if name not in gone}
        if server_id in self._host.secrets:
            self._host.secrets[server_id] = left

    def clear(self, server_id: str) -> None:
        self._host.secrets.pop(server_id, None)
        self._host.damaged_secrets.discard(server_id)
