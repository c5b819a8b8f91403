"""The records: the truth about every share server."""

from __future__ import annotations

from abc import ABC, abstractmethod

from shares_core.domain.claim import Claim
from shares_core.domain.errors import RecordUnreadable
from shares_core.domain.names import ServerName
from shares_core.domain.server import ShareServer


class Records(ABC):
    """One record for each server, written whole or not at all."""

    @abstractmethod
    def load(self, server_id: str) -> ShareServer | None:
        """The server's record, or None if it has none. Raises RecordUnreadable."""

    @abstractmethod
    def find(self, name: ServerName) -> ShareServer | None:
        """The record of the server of that name, in any case, or None.

        Finding one costs as much as loading its record, however many there are. Raises RecordUnreadable if
        the name may be in a record that cannot be read.
        """

    @abstractmethod
    def claims(self) -> tuple[Claim | RecordUnreadable, ...]:
        """The claims of all servers, in no order.

        If a record's claim cannot be read, its error is returned instead. The cost of a record does not
        depend on its shares: the rest of the record is not read.
        """

    @abstractmethod
    def load_all(self) -> tuple[ShareServer | RecordUnreadable, ...]:
        """Every record, in the order of names; an unreadable record is returned as its error."""

    @abstractmethod
    def save(self, server: ShareServer) -> None:
        """Replace the server's record, durably and atomically.

        Half-done: the former record is there, whole. Raises RecordUnreadable rather than overwrite a
        record that cannot be read.
        """

    @abstractmethod
    def remove(self, server_id: str) -> None:
        """Remove the server's record, durably. Idempotent. Raises RecordUnreadable, as save does."""
