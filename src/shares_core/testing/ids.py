"""Ids and passwords that are the same in every run. Never give them to a real server."""

from __future__ import annotations

import hashlib
from uuid import UUID

from shares_core.domain.secret import Secret
from shares_core.ports.ids import Ids
from shares_core.testing.host import MemoryHost


class MemoryIds(Ids):
    """Ids and passwords from one counter of the host."""

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def new_id(self) -> str:
        return f"{self._host.count():012x}"

    def new_uuid(self) -> str:
        return str(UUID(int=self._host.count()))

    def new_password(self) -> Secret:
        return Secret(hashlib.sha256(f"password {self._host.count()}".encode()).hexdigest()[:32])
