"""Thick volumes: all of their extents come from a volume group at once."""

from __future__ import annotations

from shares_core.adapters.pools.lvm.commands import lvm
from shares_core.adapters.pools.lvm.devices import blank_ends
from shares_core.adapters.pools.lvm.pool import THICK, LogicalVolumes
from shares_core.adapters.pools.lvm.report import VolumeGroup
from shares_core.domain.errors import HostNotReady
from shares_core.domain.pools import volume_name
from shares_core.domain.remedy import HostTool
from shares_core.domain.undo import undone_by
from shares_core.domain.views import PoolView


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
        )

    def _create(self, volume_id: str, size: int, tags: tuple[str, ...]) -> None:
        name = volume_name(volume_id)
        marks = [word for tag in tags for word in ("--addtag", tag)]
        # It would ask whether to wipe each signature of a former volume.
        wiping = ("--yes", "--wipesignatures", "y", "--zero", "y")
        lvm("lvcreate", *wiping, "--name", name, "--size", f"{size}b", *marks, self._group, group=self._group)
        with undone_by(lambda: self._remove(volume_id)):
            blank_ends(self._active(volume_id).path)

    def _snapshot(self, origin_id: str, volume_id: str, tags: tuple[str, ...]) -> None:
        raise HostNotReady(
            f"the volumes in {self._group} cannot share blocks, so they have no snapshots",
            hint="put the share in a thin pool, or in a pool of files on xfs",
        )

    def _extend(self, volume_id: str, size: int) -> None:
        self._run("lvextend", "--size", f"{size}b", volume_id)
