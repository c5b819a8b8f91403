"""Locks among threads, strict about their order."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from shares_core.domain.errors import Busy
from shares_core.ports.locks import Locks
from shares_core.testing.state import ContractBroken

_CLAIMS = "claims"


class LockTable:
    """Who holds what: all ``Ports`` on one host, and their threads, share it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: dict[str, int] = {}
        #: Servers and shares whose locks left something behind, which ``forget`` removes.
        self.kept: set[str] = set()
        self._slots: set[str] = set()

    @property
    def held(self) -> frozenset[str]:
        """The ids of the servers and shares that are held, and ``claims``."""
        return frozenset(self._held)

    def reset(self) -> None:
        """Free everything, as a reboot does."""
        with self._changed:
            self._held.clear()
            self._changed.notify_all()

    @contextmanager
    def hold(self, key: str, timeout: float) -> Iterator[None]:
        me = threading.get_ident()
        with self._changed:
            self._check_order(key, [held for held, holder in self._held.items() if holder == me])
            if not self._changed.wait_for(lambda: key not in self._held, timeout):
                raise Busy(f"another caller holds {key} for too long", hint="try again later")
            self._held[key] = me
        with self._freed_after(key, me):
            yield

    @contextmanager
    def take(self, key: str) -> Iterator[None]:
        """Take it at once, or raise Busy."""
        me = threading.get_ident()
        with self._changed:
            if _CLAIMS in [held for held, holder in self._held.items() if holder == me]:
                raise ContractBroken(f"slot {key} was taken after the claims")
            if key in self._held:
                raise Busy(f"another caller holds share {key}", hint="try again later")
            self._held[key] = me
            self._slots.add(key)
        with self._freed_after(key, me):
            yield

    @contextmanager
    def _freed_after(self, key: str, holder: int) -> Iterator[None]:
        try:
            yield
        finally:
            with self._changed:
                if self._held.get(key) == holder:
                    del self._held[key]
                self._changed.notify_all()

    def await_free(self, key: str, timeout: float) -> None:
        """Wait until nobody holds it."""
        with self._changed:
            if not self._changed.wait_for(lambda: key not in self._held, timeout):
                raise Busy(f"another caller holds {key} for too long", hint="try again later")

    def _check_order(self, key: str, mine: list[str]) -> None:
        if key in mine:
            raise ContractBroken(f"{key} is held already: locks are not re-entrant")
        others = [held for held in mine if held not in self._slots]
        if _CLAIMS in others or (key != _CLAIMS and any(key < held for held in others)):
            raise ContractBroken(f"{key} was taken after {mine}: servers come by id, then claims")


class MemoryLocks(Locks):
    """Locks in a table; ``timeout`` in seconds."""

    def __init__(self, table: LockTable, timeout: float) -> None:
        self._table = table
        self._timeout = timeout

    @contextmanager
    def server(self, server_id: str) -> Iterator[None]:
        with self._table.hold(server_id, self._timeout):
            self._table.kept.add(server_id)
            yield

    @contextmanager
    def share(self, share_id: str) -> Iterator[None]:
        with self._table.take(share_id):
            self._table.kept.add(share_id)
            yield

    def await_share(self, share_id: str) -> None:
        self._table.await_free(share_id, self._timeout)

    def held(self, ids: Collection[str]) -> frozenset[str]:
        return self._table.held & frozenset(ids)

    @contextmanager
    def claims(self) -> Iterator[None]:
        with self._table.hold(_CLAIMS, self._timeout):
            yield

    def forget(self, owner_id: str) -> None:
        if owner_id not in self._table.held:
            raise ContractBroken(f"the lock of {owner_id} is forgotten by someone who does not hold it")
        self._table.kept.discard(owner_id)
