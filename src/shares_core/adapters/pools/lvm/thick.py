"""Thick volumes: all of their extents come from a volume group at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from shares_core.adapters.pools.copying import copy
from shares_core.adapters.pools.lvm.commands import lvm
from shares_core.adapters.pools.lvm.devices import blank_ends
from shares_core.adapters.pools.lvm.pool import THICK, LogicalVolumes
from shares_core.adapters.pools.lvm.report import LogicalVolume, VolumeGroup
from shares_core.domain.capacity import format_bytes, round_up
from shares_core.domain.errors import BackendFailure, NoCapacity
from shares_core.domain.pools import SnapshotWay, moment_name
from shares_core.domain.remedy import HostTool, Remedy
from shares_core.domain.undo import undone_by
from shares_core.domain.views import PoolView
from shares_core.ports.progress import Report, unreported
from shares_core.ports.storage import Volume, VolumeOwner

#: The tables of a thick snapshot: 16 bytes for each chunk of 4 KiB (dm-snap-persistent.c), and some.
_TABLES_PART = 200
#: At least so much of a volume may change while it is copied.
_LEAST_PART = 10


class VolumeGroupPool(LogicalVolumes):
    """The free extents of a volume group.

    An unwritten volume reads what its extents held before: only its ends, where signatures may be, are zeros.
    """

    traits = THICK

    @property
    def _larger(self) -> HostTool:
        return HostTool("vgextend", (str(self._group), "DEVICE"))

    def _check_usable(self, group: VolumeGroup) -> None:
        group.require_usable()

    def _figures(self, group: VolumeGroup) -> PoolView:
        return PoolView(
            name=self.name,
            kind="lvm",
            location=group.name,
            total=group.size,
            provisioned=sum(volume.size for volume in self._ours(group)),
            free=group.free,
            overprovisioned=False,
            snapshots=self.snapshot_way(),
        )

    def _create(self, name: str, size: int, marks: tuple[str, ...]) -> None:
        # It would ask whether to wipe each signature of a former volume.
        wiping = ("--yes", "--wipesignatures", "y", "--zero", "y")
        lvm("lvcreate", *wiping, "--name", name, "--size", f"{size}b", *marks, self._group, group=self._group)
        with undone_by(lambda: lvm("lvremove", "--yes", f"{self._group}/{name}", group=self._group)):
            blank_ends(self._active(name).path)

    def snapshot_way(self) -> SnapshotWay:
        return SnapshotWay.COPYING

    def snapshot_volume(
        self,
        origin_id: str,
        volume_id: str,
        owner: VolumeOwner,
        mount_point: str | None,
        report: Report = unreported,
    ) -> Volume:
        """Copy the origin. If it is in use, a thick snapshot keeps the moment until it is copied.

        Until then LVM copies each part away before clients change it, which makes their writes slower.
        """
        size = self.require_volume(origin_id).size
        if mount_point is not None and self.find_volume(volume_id) is None:
            group = self._identity.read()
            self._room_for_moment(group, group.free - size.bytes, size.bytes)  # before anything is made

        def fill(target: int, zeroed: bool) -> None:
            if mount_point is None:
                copy(self.readable(origin_id), target, zeroed, report=report)
                return
            with self._moment(origin_id, volume_id, size.bytes, owner) as source:
                copy(source, target, zeroed, report=report)

        return self.filled(volume_id, size, owner, fill)

    @contextmanager
    def _moment(self, origin_id: str, volume_id: str, size: int, owner: VolumeOwner) -> Iterator[str]:
        """The device of a thick snapshot of the origin, which is removed after the body.

        Raises NoCapacity if clients changed more meanwhile than it has room for.
        """
        name, group = moment_name(volume_id), self._identity.read()
        room = self._room_for_moment(group, group.free, size)
        marks = self._marks(owner)
        # device-mapper freezes a mounted file system by itself.
        making = ("lvcreate", "--yes", "--snapshot", "--size", f"{room}b", "--name", name)
        lvm(*making, *marks, self._path(origin_id), group=self._group)
        try:
            yield os.path.realpath(self._active(name).path)
        except BackendFailure:
            self._require_kept(self._identity.read().find(name), room, size)
            raise
        self._remove(self._require_kept(self._identity.read().find(name), room, size))

    def _room_for_moment(self, group: VolumeGroup, free: int, size: int) -> int:
        """How much the clients of a volume may change while it is copied: all of it, or half of what is free.

        Raises NoCapacity if that is less than a tenth.
        """
        half = max(0, free) // 2 // group.extent * group.extent
        room = min(half, round_up(size + size // _TABLES_PART, group.extent) + group.extent)
        if room * _LEAST_PART < size:
            raise NoCapacity(
                f"volume group {group.name} has {format_bytes(group.free)} free, too little for a copy of "
                f"{format_bytes(size)} and what clients change meanwhile",
                hint=Remedy.of("delete something, or add a device: ", self._larger),
            )
        return room

    def _require_kept(self, moment: LogicalVolume | None, room: int, size: int) -> LogicalVolume:
        """The thick snapshot. Raises NoCapacity if it has overflowed: what was read of it may be torn."""
        if moment is None or moment.has_overflowed:
            raise NoCapacity(
                f"clients changed more than {format_bytes(room)} while {format_bytes(size)} were copied, "
                f"and volume group {self._group} had no more room to keep that",
                hint=Remedy.of("take it while less is written, or add a device: ", self._larger),
            )
        return moment

    def _extend(self, volume_id: str, size: int) -> None:
        self._run("lvextend", "--size", f"{size}b", volume_id)
