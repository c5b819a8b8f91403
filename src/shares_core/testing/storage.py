"""Pools of volumes in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

from shares_core.domain.capacity import Capacity, format_bytes, round_up
from shares_core.domain.errors import (
    BackendFailure,
    Conflict,
    HostNotReady,
    InvalidInput,
    NoCapacity,
    ShareFailed,
)
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.domain.views import PoolView
from shares_core.domain.volume import PoolName, VolumeRef, VolumeTraits
from shares_core.ports.progress import Report, unreported
from shares_core.ports.storage import BlockStorage, Volume, VolumeOwner
from shares_core.testing.faults import halfway
from shares_core.testing.host import MemoryHost
from shares_core.testing.state import ContractBroken, MemoryVolume

_DEVICES = "/dev/memory/"


def device_of(ref: VolumeRef) -> str:
    """The path of a volume's block device while it is attached."""
    return f"{_DEVICES}{ref}"


def volume_at(host: MemoryHost, device: str) -> MemoryVolume | None:
    """The volume of a block device, or None if the device does not exist."""
    ref = ref_at(host, device)
    return None if ref is None else host.volumes.get(ref)


def ref_at(host: MemoryHost, device: str) -> VolumeRef | None:
    """Its reference, or None if the device does not exist."""
    return next((ref for ref in host.attached if device_of(ref) == device), None)


class MemoryStorage(BlockStorage):
    """The volumes in ``MemoryHost.volumes``."""

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def pools(self) -> tuple[PoolName, ...]:
        return self._host.pools

    def prepare(self, pool: PoolName) -> VolumeTraits:
        self._need_pool(pool)
        self._host.prepared_pools.add(pool)
        return self._traits()

    def _traits(self) -> VolumeTraits:
        return VolumeTraits(thin=self._host.overprovision, zeroed=True)

    def pool(self, pool: PoolName) -> PoolView:
        self._need_pool(pool)
        total = self._host.pool_size.bytes
        provisioned = sum(volume.size for ref, volume in self._host.volumes.items() if ref.pool == pool)
        free = total if self._host.overprovision else max(0, total - provisioned)
        return PoolView(
            pool,
            "memory",
            "memory",
            total,
            provisioned,
            free,
            self._host.overprovision,
            snapshots=self._host.snapshot_way,
        )

    def extend_pool(self, pool: PoolName, size: Capacity) -> None:
        self._need_prepared(pool)
        if size < self._host.pool_size:
            raise InvalidInput(f"the pool has {self._host.pool_size}", hint="give a larger size")
        halfway()
        self._host.pool_size = size

    def ensure_volume(self, ref: VolumeRef, size: Capacity, owner: VolumeOwner) -> Volume:
        self._need_prepared(ref.pool)
        rounded = self._rounded(size)
        found = self._host.volumes.get(ref)
        if found is None:
            self._reserve(ref.pool, rounded)
            halfway()
            found = self._host.volumes[ref] = MemoryVolume(rounded, self._traits(), debris=True)
            halfway()
            found.debris = False
        elif found.size != rounded:
            raise Conflict(f"volume {ref} exists with {format_bytes(found.size)}")
        return _volume(ref, found)

    def find_volume(self, ref: VolumeRef) -> Volume | None:
        self._need_prepared(ref.pool)
        found = self._host.volumes.get(ref)
        return _volume(ref, found) if found is not None else None

    def snapshot_way(self, pool: PoolName) -> SnapshotWay:
        self._need_prepared(pool)
        return self._host.snapshot_way

    def snapshot_volume(
        self,
        origin: VolumeRef,
        ref: VolumeRef,
        owner: VolumeOwner,
        mount_point: str | None,
        report: Report = unreported,
    ) -> Volume:
        there = self._need_volume(origin)
        way = self._host.snapshot_way
        if way.copies:
            paused = there.content is not None and there.content.paused
            if mount_point is not None and way is SnapshotWay.COPYING_READ_ONLY and not paused:
                raise ContractBroken(f"volume {origin} is copied while it is written to")
            return self._copied(there, ref, report)
        found = self._host.volumes.get(ref)
        if found is None:
            self._reserve(ref.pool, there.size)
            with _frozen(there if mount_point is not None else None):
                halfway()
            found = self._host.volumes[ref] = _twin(there)
        return _volume(ref, found)

    def copy_volume(
        self, source: VolumeRef, ref: VolumeRef, owner: VolumeOwner, report: Report = unreported
    ) -> Volume:
        if source.pool == ref.pool:
            return self.snapshot_volume(source, ref, owner, None, report)
        self._need_prepared(ref.pool)
        return self._copied(self._need_volume(source), ref, report)

    def _copied(self, there: MemoryVolume, ref: VolumeRef, report: Report) -> Volume:
        found = self._host.volumes.get(ref)
        if found is None:
            self._reserve(ref.pool, there.size)
            report(there.size // 2, there.size)
            halfway()
            found = self._host.volumes[ref] = _twin(there)
        return _volume(ref, found)

    def grow_volume(self, ref: VolumeRef, size: Capacity) -> Volume:
        volume = self._need_volume(ref)
        rounded = self._rounded(size)
        if rounded > volume.size:
            self._reserve(ref.pool, rounded - volume.size)
            volume.size += self._rounded(Capacity((rounded - volume.size + 1) // 2))
            halfway()
            volume.size = rounded
        return _volume(ref, volume)

    def cut_volume(self, ref: VolumeRef, size: Capacity) -> None:
        volume = self._need_volume(ref)
        rounded = self._rounded(size)
        if volume.content is not None and volume.content.reach > rounded:
            raise ContractBroken(f"cutting volume {ref} would cut its file system")
        halfway()
        volume.size = min(volume.size, rounded)

    def attach(self, ref: VolumeRef) -> str:
        self._need_volume(ref)
        self._host.attached.add(ref)
        return device_of(ref)

    def device(self, ref: VolumeRef) -> str | None:
        self._need_configured(ref.pool)
        return device_of(ref) if ref in self._host.attached else None

    def detach(self, ref: VolumeRef) -> None:
        self._need_configured(ref.pool)
        if ref in (mount.volume for mount in self._host.mounts.values()):
            raise BackendFailure(f"volume {ref} is mounted")
        if ref in self._host.volumes and ref in self._host.scratch:
            raise BackendFailure(f"volume {ref} is mounted for a check")
        self._host.attached.discard(ref)

    def remove_volume(self, ref: VolumeRef, report: Report = unreported) -> None:
        self._need_prepared(ref.pool)
        self.detach(ref)
        if ref in self._host.volumes:
            report(self._host.volumes[ref].size // 2, self._host.volumes[ref].size)
        halfway()
        self._host.volumes.pop(ref, None)

    def list(self, pool: PoolName) -> tuple[Volume, ...]:
        self._need_pool(pool)
        size, traits = Capacity(self._host.granularity), self._traits()
        lost = (
            Volume(ref, size, traits, lost=True) for ref in self._host.attached - self._host.volumes.keys()
        )
        found = (*(_volume(ref, volume) for ref, volume in self._host.volumes.items()), *lost)
        return tuple(volume for volume in found if volume.ref.pool == pool)

    def _rounded(self, size: Capacity) -> int:
        return round_up(size.bytes, self._host.granularity)

    def _reserve(self, pool: PoolName, count: int) -> None:
        free = self.pool(pool).free
        if count > free:
            raise NoCapacity(
                f"the pool has {format_bytes(free)} free, {format_bytes(count)} are needed",
                hint=Remedy.of(Call(UseCase.POOL_SHOW), " tells how much there is"),
            )

    def _need_configured(self, pool: PoolName) -> None:
        if pool not in self.pools():
            raise HostNotReady(f"the pool {pool} is not configured", hint="put it back")

    def _need_pool(self, pool: PoolName) -> None:
        self._need_configured(pool)
        if pool in self._host.lost_pools:
            raise HostNotReady(f"the pool {pool} is not there", hint="mount it")

    def _need_prepared(self, pool: PoolName) -> None:
        self._need_pool(pool)
        if pool not in self._host.prepared_pools:
            raise HostNotReady("the pool has no identity yet")

    def _need_volume(self, ref: VolumeRef) -> MemoryVolume:
        self._need_pool(ref.pool)
        volume = self._host.volumes.get(ref)
        if volume is None:
            raise ShareFailed(f"volume {ref} is missing", hint="restore it")
        return volume


def _twin(volume: MemoryVolume) -> MemoryVolume:
    """What holds the same, in which nothing is frozen or paused."""
    made = deepcopy(volume)
    if made.content is not None:
        made.content.frozen = made.content.paused = False
    return made


@contextmanager
def _frozen(volume: MemoryVolume | None) -> Iterator[None]:
    """Inside, writers wait. Only a process that dies inside leaves them waiting."""
    content = volume.content if volume is not None else None
    if content is None:
        yield
        return
    content.frozen = True
    try:
        yield
    except Exception:
        content.frozen = False
        raise
    content.frozen = False


def _volume(ref: VolumeRef, found: MemoryVolume) -> Volume:
    return Volume(ref, Capacity(found.size), found.traits)
