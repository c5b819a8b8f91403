"""Thin volumes: they get their blocks from a thin pool when they are written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from shares_core.adapters.pools.identity import in_settings
from shares_core.adapters.pools.lvm.commands import lvm
from shares_core.adapters.pools.lvm.pool import THIN, LogicalVolumes
from shares_core.adapters.pools.lvm.report import LogicalVolume, VolumeGroup
from shares_core.adapters.state.installation import Installation
from shares_core.adapters.state.layout import Layout
from shares_core.adapters.state.locks import state_lock
from shares_core.domain.capacity import format_bytes, round_up
from shares_core.domain.errors import Conflict, HostNotReady, NoCapacity
from shares_core.domain.pools import SnapshotWay, ThinPoolName, VolumeGroupName, volume_name
from shares_core.domain.remedy import Call, HostTool, Remedy, UseCase
from shares_core.domain.views import PoolView
from shares_core.domain.volume import DEFAULT_POOL, PoolName
from shares_core.ports.progress import Report, unreported
from shares_core.ports.storage import Volume, VolumeOwner

#: Per cent. If its tables are full, a pool and all its volumes turn read-only: the last of the tables are
#: kept for existing volumes.
_FULL_DATA, _FULL_METADATA = 100, 95
#: The health of a pool in which nothing can be made (lvs(8), lv_health_status).
_BROKEN = ("failed", "metadata_read_only")


class ThinPool(LogicalVolumes):
    """A thin pool in a volume group. Unwritten blocks read as zeros, and discards give blocks back.

    Unless it is overprovisioned, it promises its volumes together no more than it has; snapshots and volumes
    that others made in it count as well.
    """

    traits = THIN

    def __init__(
        self,
        group: VolumeGroupName,
        pool: ThinPoolName,
        installation: Installation,
        layout: Layout,
        *,
        wipe: bool,
        overprovision: bool = False,
        lock_timeout: float = 120,
        name: PoolName = DEFAULT_POOL,
    ) -> None:
        super().__init__(group, installation, wipe=wipe, name=name)
        self._pool = str(pool)
        self._layout = layout
        self._lock = "pool" if name == DEFAULT_POOL else f"pool-{name}"
        self._overprovision = overprovision
        self._lock_timeout = lock_timeout

    @property
    def _larger(self) -> HostTool:
        return HostTool("lvextend", ("--size", "+SIZE", f"{self._group}/{self._pool}"))

    def _check_usable(self, group: VolumeGroup) -> None:
        group.require_usable()
        self._found(group)

    def _found(self, group: VolumeGroup) -> LogicalVolume:
        """The thin pool. Raises HostNotReady if it is missing, or not fit for tenants' files."""
        place = f"{group.name}/{self._pool}"
        pool = group.find(self._pool)
        if pool is None:
            raise HostNotReady(
                f"there is no thin pool {place}",
                hint=Remedy.of(Call(UseCase.BUILD_POOL), f" on volume group {group.name}"),
            )
        if not pool.is_thin_pool:
            raise HostNotReady(
                f"{place} is not a thin pool",
                hint=f"name another in the configuration: {in_settings(self.name, 'thin_pool')}",
            )
        if pool.health in _BROKEN:
            raise HostNotReady(
                f"the thin pool {place} is not well: {pool.health}",
                hint=Remedy.of(
                    "see lvmthin(7): make its tables larger, ",
                    HostTool("lvextend", ("--poolmetadatasize", "+SIZE", place)),
                    ", then deactivate it and ",
                    HostTool("lvconvert", ("--repair", place)),
                ),
            )
        if not pool.zeroes:
            raise HostNotReady(
                f"the thin pool {place} does not zero new blocks: a tenant could read another's data in them",
                hint=Remedy.of(HostTool("lvchange", ("--zero", "y", place))),
            )
        return pool

    def _figures(self, group: VolumeGroup) -> PoolView:
        pool = self._found(group)
        return PoolView(
            name=self.name,
            kind="lvm thin",
            location=f"{group.name}/{pool.name}",
            total=pool.size,
            provisioned=sum(volume.size for volume in self._ours(group)),
            free=self._free(group, pool),
            overprovisioned=self._overprovision,
            data_percent=pool.data_percent,
            metadata_percent=pool.metadata_percent,
            snapshots=self.snapshot_way(),
        )

    def _free(self, group: VolumeGroup, pool: LogicalVolume) -> int:
        if self._overprovision:
            return pool.size
        promised = sum(volume.size for volume in group.volumes if volume.pool == pool.name)
        return max(0, pool.size - promised)

    @contextmanager
    def _room(self, name: str, size: int) -> Iterator[None]:
        """Inside, a volume of ``size`` fits, and no other caller can take the space. Raises NoCapacity.

        The lock is held over two commands: LVM itself allows only one caller at a time on a volume group.
        """
        with state_lock(self._layout, self._lock, self._lock_timeout, f"the pool {self.name}"):
            group = self._identity.read()
            pool = self._found(group)
            _require_blocks(pool, f"{group.name}/{pool.name}")
            existing = group.find(name)
            more = round_up(size, group.extent) - (existing.size if existing is not None else 0)
            free = self._free(group, pool)
            if more > free:
                raise NoCapacity(
                    f"the thin pool {group.name}/{pool.name} has {format_bytes(free)} left to promise, "
                    f"not {format_bytes(more)}",
                    hint=Remedy.of(
                        "delete something, or enlarge it: ",
                        HostTool("lvextend", ("--size", "+SIZE", f"{group.name}/{pool.name}")),
                    ),
                )
            yield

    def _create(self, name: str, size: int, marks: tuple[str, ...]) -> None:
        with self._room(name, size):
            self._lvm(
                "lvcreate",
                *("--yes", "--type", "thin", "--thinpool", self._pool, "--virtualsize", f"{size}b"),
                *("--name", name, *marks, self._group),
            )

    def snapshot_way(self) -> SnapshotWay:
        return SnapshotWay.SHARING

    def snapshot_volume(
        self,
        origin_id: str,
        volume_id: str,
        owner: VolumeOwner,
        mount_point: str | None,
        report: Report = unreported,
    ) -> Volume:
        self._identity.check()
        origin, name = self.require_volume(origin_id), volume_name(volume_id)
        marks = self._marks(owner)
        # LVM would leave a thin snapshot inactive, now and after a reboot.
        active = ("--setactivationskip", "n", "--activate", "y")
        # device-mapper freezes a mounted file system by itself.
        with suppress(Conflict), self._room(name, origin.size.bytes):
            argv = ("lvcreate", "--yes", "--snapshot", *active, "--name", name, *marks)
            self._lvm(*argv, self._path(origin_id))
        return self._volume(volume_id, self._active(name))

    def _extend(self, volume_id: str, size: int) -> None:
        with self._room(volume_name(volume_id), size):
            self._lvm("lvextend", "--size", f"{size}b", self._path(volume_id))

    def _lvm(self, *argv: str) -> None:
        lvm(*argv, group=self._group, thin_pool=self._pool)


def _require_blocks(pool: LogicalVolume, place: str) -> None:
    """Raise NoCapacity if the pool's blocks are used up, whatever it may still promise."""
    for part, percent, full, option in (
        ("data", pool.data_percent, _FULL_DATA, "--size"),
        ("metadata", pool.metadata_percent, _FULL_METADATA, "--poolmetadatasize"),
    ):
        if percent is not None and percent >= full:
            raise NoCapacity(
                f"the {part} of the thin pool {place} is {percent:.0f} % full",
                hint=Remedy.of("make it larger: ", HostTool("lvextend", (option, "+SIZE", place))),
            )
