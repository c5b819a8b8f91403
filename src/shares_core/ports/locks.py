"""Who may work on what, across threads and processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from contextlib import AbstractContextManager


class Locks(ABC):
    """Three kinds of locks; a holder that dies frees its locks, and none is re-entrant.

    A share's slot is held for as long as an operation on the share takes. A server's lock is held for brief
    steps, also by the holder of a slot; the holder of a server's lock never waits for a slot. The claims come
    last. Readers take no locks.
    """

    @abstractmethod
    def server(self, server_id: str) -> AbstractContextManager[None]:
        """Hold one server while working on it. Raises Busy if another caller holds it for too long."""

    @abstractmethod
    def share(self, share_id: str) -> AbstractContextManager[None]:
        """Hold one share's slot. Raises Busy at once if another caller holds it."""

    @abstractmethod
    def await_share(self, share_id: str) -> None:
        """Wait until nobody holds the share's slot, without taking it. Raises Busy if that takes too long."""

    @abstractmethod
    def claims(self) -> AbstractContextManager[None]:
        """Hold the claims (names, addresses, uids) of all servers while recording a new one.

        Brief: never held over a command or an API call. Raises Busy.
        """

    @abstractmethod
    def held(self, ids: Collection[str]) -> frozenset[str]:
        """Those of the servers and shares, given by id, that somebody holds now. Takes no lock."""

    @abstractmethod
    def forget(self, owner_id: str) -> None:
        """Drop what is kept for the lock of a deleted server or share; called by the lock's holder."""
