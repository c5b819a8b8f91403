"""Records in memory: the values are frozen, so keeping them is as good as writing them."""

from __future__ import annotations

from shares_core.domain.claim import Claim
from shares_core.domain.errors import RecordUnreadable
from shares_core.domain.names import ServerName
from shares_core.domain.server import ShareServer
from shares_core.ports.records import Records
from shares_core.testing.host import MemoryHost
from shares_core.testing.state import Damaged


class MemoryRecords(Records):
    """The records in ``MemoryHost.records``."""

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def load(self, server_id: str) -> ShareServer | None:
        record = self._host.records.get(server_id)
        if isinstance(record, Damaged):
            raise self._unreadable(server_id, record)
        return record

    def find(self, name: ServerName) -> ShareServer | None:
        unreadable: RecordUnreadable | None = None
        for record in self.load_all():
            if isinstance(record, RecordUnreadable):
                unreadable = record
            elif record.name.key == name.key:
                return record
        if unreadable is not None:
            raise unreadable
        return None

    def claims(self) -> tuple[Claim | RecordUnreadable, ...]:
        return tuple(
            record if isinstance(record, RecordUnreadable) else record.claim for record in self.load_all()
        )

    def load_all(self) -> tuple[ShareServer | RecordUnreadable, ...]:
        records = tuple(self._host.records.items())
        readable = [record for _, record in records if isinstance(record, ShareServer)]
        damaged = [self._unreadable(key, record) for key, record in records if isinstance(record, Damaged)]
        return (*sorted(readable, key=lambda server: server.name.key), *damaged)

    def save(self, server: ShareServer) -> None:
        self.load(server.id)
        self._host.records[server.id] = server

    def remove(self, server_id: str) -> None:
        self.load(server_id)
        self._host.records.pop(server_id, None)

    @staticmethod
    def _unreadable(server_id: str, record: Damaged) -> RecordUnreadable:
        return RecordUnreadable(f"memory:{server_id}", record.why)
