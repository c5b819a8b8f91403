"""Several pools as one storage: each volume names its pool."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from shares_core.adapters.pools.copying import copy
from shares_core.adapters.pools.volume_pool import VolumePool
from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import HostNotReady
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.views import PoolView
from shares_core.domain.volume import PoolName, VolumeRef, VolumeTraits
from shares_core.ports.progress import Report, unreported
from shares_core.ports.storage import BlockStorage, Volume, VolumeOwner


class Pools(BlockStorage):
    """The configured pools. A call touches only the pool of its volume."""

    def __init__(self, pools: Iterable[VolumePool]) -> None:
        self._pools = {pool.name: pool for pool in pools}

    def pools(self) -> tuple[PoolName, ...]:
        return tuple(self._pools)

    def prepare(self, pool: PoolName) -> VolumeTraits:
        return self.named(pool).prepare()

    def pool(self, pool: PoolName) -> PoolView:
        return self.named(pool).pool()

    def extend_pool(self, pool: PoolName, size: Capacity) -> None:
        self.named(pool).extend(size)

    def ensure_volume(self, ref: VolumeRef, size: Capacity, owner: VolumeOwner) -> Volume:
        return self.named(ref.pool).ensure_volume(ref.id, size, owner)

    def find_volume(self, ref: VolumeRef) -> Volume | None:
        return self.named(ref.pool).find_volume(ref.id)

    def snapshot_way(self, pool: PoolName) -> SnapshotWay:
        return self.named(pool).snapshot_way()

    def snapshot_volume(
        self,
        origin: VolumeRef,
        ref: VolumeRef,
        owner: VolumeOwner,
        mount_point: str | None,
        report: Report = unreported,
    ) -> Volume:
        return self.named(origin.pool).snapshot_volume(origin.id, ref.id, owner, mount_point, report)

    def copy_volume(
        self, source: VolumeRef, ref: VolumeRef, owner: VolumeOwner, report: Report = unreported
    ) -> Volume:
        origin, pool = self.named(source.pool), self.named(ref.pool)
        if origin is pool:
            return pool.snapshot_volume(source.id, ref.id, owner, None, report)
        existing = pool.find_volume(ref.id)
        if existing is not None:
            return existing
        size = origin.require_volume(source.id).size
        return pool.filled(ref.id, size, owner, partial(copy, origin.readable(source.id), report=report))

    def grow_volume(self, ref: VolumeRef, size: Capacity) -> Volume:
        return self.named(ref.pool).grow_volume(ref.id, size)

    def cut_volume(self, ref: VolumeRef, size: Capacity) -> None:
        self.named(ref.pool).cut_volume(ref.id, size)

    def attach(self, ref: VolumeRef) -> str:
        return self.named(ref.pool).attach(ref.id)

    def device(self, ref: VolumeRef) -> str | None:
        return self.named(ref.pool).device(ref.id)

    def detach(self, ref: VolumeRef) -> None:
        self.named(ref.pool).detach(ref.id)

    def remove_volume(self, ref: VolumeRef, report: Report = unreported) -> None:
        self.named(ref.pool).remove_volume(ref.id, report)

    def list(self, pool: PoolName) -> tuple[Volume, ...]:
        return self.named(pool).list()

    def named(self, name: PoolName) -> VolumePool:
        """The pool of that name. Raises HostNotReady if it is not configured."""
        pool = self._pools.get(name)
        if pool is None:
            known = ", ".join(map(str, self._pools))
            raise HostNotReady(
                f"the pool {name} is not in the configuration, which has {known}",
                hint=f'put it back: a [[pool]] with name = "{name}", as it was when its shares were made',
            )
        return pool
