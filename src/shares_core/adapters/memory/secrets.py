"""Passwords' hashes in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from shares_core.domain.errors import RecordUnreadable
from shares_core.domain.names import UserName
from shares_core.domain.secret import PasswordHash, Secret
from shares_core.ports.secrets import Secrets

if TYPE_CHECKING:
    from shares_core.adapters.memory.host import MemoryHost


def digest(password: str) -> str:
    """What stands in for an NT hash: the same shape, and nothing that a real Samba would take."""
    return hashlib.sha256(password.encode()).hexdigest()[:32].upper()


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
