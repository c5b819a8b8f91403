"""A pool of volumes in memory."""

from __future__ import annotations

from shares_core.domain.capacity import Capacity, format_bytes, round_up
from shares_core.domain.errors import BackendFailure, Conflict, HostNotReady, NoCapacity, ShareFailed
from shares_core.domain.views import PoolView
from shares_core.ports.storage import BlockStorage, Volume, VolumeOwner
from shares_core.testing.faults import halfway
from shares_core.testing.host import MemoryHost
from shares_core.testing.state import ContractBroken, MemoryVolume

_DEVICES = "/dev/memory/"


def device_of(volume_id: str) -> str:
    """The path that a volume's block device has while it is attached."""
    return _DEVICES + volume_id


def volume_at(host: MemoryHost, device: str) -> MemoryVolume | None:
    """The volume behind a block device, or None where there is no such device."""
    volume_id = device.removeprefix(_DEVICES)
    return host.volumes.get(volume_id) if volume_id in host.attached else None


class MemoryStorage(BlockStorage):
    """The volumes in ``MemoryHost.volumes``."""

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def prepare(self) -> None:
        self._need_pool()
        self._host.pool_prepared = True

    def pool(self) -> PoolView:
        self._need_pool()
        total = self._host.pool_size.bytes
        provisioned = sum(volume.size for volume in self._host.volumes.values())
        free = total if self._host.overprovision else max(0, total - provisioned)
        return PoolView("memory", "memory", total, provisioned, free, self._host.overprovision)

    def ensure_volume(self, volume_id: str, size: Capacity, owner: VolumeOwner) -> Volume:
        self._need_prepared()
        rounded = self._rounded(size)
        found = self._host.volumes.get(volume_id)
        if found is None:
            self._reserve(rounded)
            halfway()
            made = self._host.volumes[volume_id] = MemoryVolume(rounded, debris=True)
            halfway()
            made.debris = False
        elif found.size != rounded:
            raise Conflict(f"volume {volume_id} exists with {format_bytes(found.size)}")
        return Volume(volume_id, Capacity(rounded))

    def find_volume(self, volume_id: str) -> Volume | None:
        self._need_prepared()
        found = self._host.volumes.get(volume_id)
        return Volume(volume_id, Capacity(found.size)) if found is not None else None

    def grow_volume(self, volume_id: str, size: Capacity) -> Volume:
        volume = self._need_volume(volume_id)
        rounded = self._rounded(size)
        if rounded > volume.size:
            self._reserve(rounded - volume.size)
            volume.size += self._rounded(Capacity((rounded - volume.size + 1) // 2))
            halfway()
            volume.size = rounded
        return Volume(volume_id, Capacity(volume.size))

    def cut_volume(self, volume_id: str, size: Capacity) -> None:
        volume = self._need_volume(volume_id)
        rounded = self._rounded(size)
        if volume.content is not None and volume.content.reach > rounded:
            raise ContractBroken(f"cutting volume {volume_id} would cut its file system")
        halfway()
        volume.size = min(volume.size, rounded)

    def attach(self, volume_id: str) -> str:
        self._need_volume(volume_id)
        self._host.attached.add(volume_id)
        return device_of(volume_id)

    def attached(self, volume_id: str) -> bool:
        return volume_id in self._host.attached

    def detach(self, volume_id: str) -> None:
        if volume_id in self._host.mounts.values():
            raise BackendFailure(f"volume {volume_id} is mounted")
        volume = self._host.volumes.get(volume_id)
        content = volume.content if volume is not None else None
        if content is not None and content.identity.uuid in self._host.aside:
            raise BackendFailure(f"volume {volume_id} is mounted aside")
        self._host.attached.discard(volume_id)

    def remove_volume(self, volume_id: str) -> None:
        self._need_prepared()
        self.detach(volume_id)
        halfway()
        self._host.volumes.pop(volume_id, None)

    def list(self) -> tuple[Volume, ...]:
        self._need_pool()
        return tuple(Volume(key, Capacity(volume.size)) for key, volume in self._host.volumes.items())

    def _rounded(self, size: Capacity) -> int:
        return round_up(size.bytes, self._host.granularity)

    def _reserve(self, count: int) -> None:
        free = self.pool().free
        if count > free:
            raise NoCapacity(
                f"the pool has {format_bytes(free)} free, {format_bytes(count)} are needed",
                hint="'shares-core pool show' tells how much there is",
            )

    def _need_pool(self) -> None:
        if not self._host.pool_present:
            raise HostNotReady("the pool is not there", hint="mount it")

    def _need_prepared(self) -> None:
        self._need_pool()
        if not self._host.pool_prepared:
            raise HostNotReady("the pool has no identity yet")

    def _need_volume(self, volume_id: str) -> MemoryVolume:
        self._need_pool()
        volume = self._host.volumes.get(volume_id)
        if volume is None:
            raise ShareFailed(f"volume {volume_id} is missing", hint="restore it")
        return volume
