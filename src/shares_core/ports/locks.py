"""Who may work on what, across threads and processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager


class Locks(ABC):
    """Two kinds of locks. Order: servers by id, then claims. Readers take none.

    A holder that dies frees its locks. None is re-entrant.
    """

    @abstractmethod
    def server(self, server_id: str) -> AbstractContextManager[None]:
        """Hold one server while working on it. Raises Busy when another holds it for too long."""

    @abstractmethod
    def claims(self) -> AbstractContextManager[None]:
        """Hold what servers share (names, addresses, uids) while claiming some of it in a record.

        Brief: never held over a command or an API call. Raises Busy.
        """

    @abstractmethod
    def forget(self, server_id: str) -> None:
        """Drop what is kept for the lock of a server that is gone; called by the lock's holder."""
