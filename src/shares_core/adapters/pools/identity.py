"""Which pool is which: a name in the settings, and the id that its first use has given it."""

from __future__ import annotations

from attrs import frozen

from shares_core.adapters.state.installation import Installation
from shares_core.domain.volume import DEFAULT_POOL, PoolName


def in_settings(pool: PoolName, key: str) -> str:
    """Where an operator finds a setting of the pool."""
    return f"[pool] {key}" if pool == DEFAULT_POOL else f"{key} of the [[pool]] {str(pool)!r}"


@frozen
class PoolIdentity:
    """A pool of an installation. What has its place without having its id is another pool, or none."""

    pool: PoolName
    installation: Installation

    @property
    def known(self) -> str:
        """The id that this installation knows the pool by; empty before its first use."""
        return self.installation.pool_id(self.pool)

    def exists(self) -> bool:
        """Whether this installation has used the pool; not whether it is there now."""
        return bool(self.known)
