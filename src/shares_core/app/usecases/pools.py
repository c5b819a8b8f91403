"""The pool: how much there is, and how much is left."""

from __future__ import annotations

from attrs import frozen

from shares_core.domain.views import PoolView
from shares_core.domain.volume import DEFAULT_POOL
from shares_core.ports import Ports


@frozen
class Pool:
    """The use case about the pool."""

    _ports: Ports

    def show(self) -> PoolView:
        """The pool's figures in bytes. Raises HostNotReady where the pool is not there."""
        return self._ports.storage.pool(DEFAULT_POOL)
