"""The pools: their space, used and free."""

from __future__ import annotations

from attrs import frozen

from shares_core.domain.capacity import Capacity
from shares_core.domain.checks import require
from shares_core.domain.errors import NotFound, SharesError
from shares_core.domain.views import ListedPool, PoolView
from shares_core.domain.volume import DEFAULT_POOL, PoolName
from shares_core.ports import Ports


@frozen
class Pool:
    """The use cases about pools."""

    _ports: Ports

    def list(self) -> tuple[ListedPool, ...]:
        """List the configured pools in the order of the settings; a missing one says why it is missing."""
        return tuple(map(self._listed, self._ports.storage.pools()))

    def show(self, name: str = str(DEFAULT_POOL)) -> PoolView:
        """Return a pool's figures in bytes. Raises InvalidInput, NotFound, HostNotReady if it is missing."""
        return self._ports.storage.pool(configured(self._ports, PoolName(name)))

    def extend(self, name: str, size: Capacity) -> PoolView:
        """Make a pool larger that is in an xfs image; its shares are served meanwhile. Returns its figures.

        Idempotent. Raises InvalidInput for a smaller size, NotFound, NoCapacity, and HostNotReady for a pool
        of another kind, which says how it gets larger.
        """
        require(size, Capacity, "the size of a pool", hint="Capacity.parse('100GiB') reads one")
        pool = configured(self._ports, PoolName(name))
        self._ports.storage.extend_pool(pool, size)
        return self._ports.storage.pool(pool)

    def _listed(self, pool: PoolName) -> ListedPool:
        try:
            return ListedPool(pool, self._ports.storage.pool(pool))
        except SharesError as error:
            return ListedPool(pool, None, str(error))


def configured(ports: Ports, pool: PoolName) -> PoolName:
    """The pool of that name. Raises NotFound if the settings do not have it."""
    known = ports.storage.pools()
    if pool not in known:
        raise NotFound(
            "pool",
            str(pool),
            where="the configuration",
            hint=f"name one that is there: {', '.join(map(str, known))}",
        )
    return pool
