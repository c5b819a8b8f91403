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
        """The server's record, or None where there is none. Raises RecordUnreadable."""

    @abstractmethod
    def find(self, name: ServerName) -> ShareServer | None:
        """The record of the server of that name, in whatever case, or None.

        One that is there costs as much as loading its record, however many there are. Raises RecordUnreadable
        if the name may stand in a record that cannot be read.
        """

    @abstractmethod
    def claims(self) -> tuple[Claim | RecordUnreadable, ...]:
        """What every server takes of what all share, in no order.

        A record of which that cannot be read is given as its error. It costs little for each record, however
        many shares that has: what stands in the rest of a record is not looked at.
        """

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
