"""The identity of a pool: its name in the settings, and the id that its first use gives it."""

from __future__ import annotations

from attrs import frozen

from shares_core.adapters.state.installation import Installation
from shares_core.domain.volume import DEFAULT_POOL, PoolName


def in_settings(pool: PoolName, key: str) -> str:
    """The place of a setting of the pool, for operators."""
    return f"[pool] {key}" if pool == DEFAULT_POOL else f"{key} of the [[pool]] {str(pool)!r}"


@frozen
class PoolIdentity:
    """A pool of an installation. A folder or group in its place without its id is not this pool."""

    pool: PoolName
    installation: Installation

    @property
    def known(self) -> str:
        """The id by which this installation knows the pool; empty before its first use."""
        return self.installation.pool_id(self.pool)

    def exists(self) -> bool:
        """Whether this installation has used the pool, even if it is missing now."""
        return bool(self.known)
