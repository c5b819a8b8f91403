"""The records: the truth about every share server."""

from __future__ import annotations

from abc import ABC, abstractmethod

from shares_core.domain.errors import RecordUnreadable
from shares_core.domain.server import ShareServer


class Records(ABC):
    """One record for each server, written whole or not at all."""

    @abstractmethod
    def load(self, server_id: str) -> ShareServer | None:
        """The server's record, or None where there is none. Raises RecordUnreadable."""

    @abstractmethod
    def load_all(self) -> tuple[ShareServer | RecordUnreadable, ...]:
        """Every record, in the order of names; one that cannot be read is given as its error."""

    @abstractmethod
    def save(self, server: ShareServer) -> None:
        """Replace the server's record, durably and atomically.

        Half-done: the former record is there, whole. Raises RecordUnreadable rather than overwrite a
        record that cannot be read.
        """

    @abstractmethod
    def remove(self, server_id: str) -> None:
        """Remove the server's record, durably. Idempotent. Raises RecordUnreadable, as save does."""
