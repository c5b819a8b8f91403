"""Volume groups for the contracts' suites, for thick volumes and those of a thin pool."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attrs import evolve, frozen

from shares_core import Capacity, FilePool, LvmPool
from shares_core.domain.capacity import MIB
from shares_core.domain.pools import SnapshotWay, ThinPoolName, VolumeGroupName, volume_name
from shares_core.domain.volume import DEFAULT_POOL, PoolName, VolumeRef
from shares_core.ports.storage import BlockStorage
from tests.contracts.pools import PoolsWorld
from tests.contracts.storage_world import POOL
from tests.contracts.values import OWNER
from tests.integration.support.contract_storage import RealStorage, emptied
from tests.settings import folder_of, with_pool
from tests.testkit.leftovers import remove_installation
from tests.testkit.volume_groups import EXTENT, lvm, volume_group

THIN_POOL = "pool"
#: Extents beside a thin pool.
_BESIDE = 64
#: How many zeros a new thick volume has at either end.
_END = 4 * MIB


@frozen
class Groups:
    """Volume groups that a module's tests share, because making them takes longer than a test.

    ``thick`` has POOL, ``thin`` a thin pool of POOL, with space for its tables, their spare and some thick
    volumes.
    """

    thick: str
    thin: str


@contextmanager
def shared_groups() -> Iterator[Groups]:
    """The groups, removed at the end."""
    extents = POOL.bytes // EXTENT
    with volume_group(extents) as thick, volume_group(extents + 4 + _BESIDE) as thin:
        size = ("--size", f"{POOL.bytes}b", "--poolmetadatasize", f"{4 * MIB}b")
        lvm("lvcreate", "--yes", "--type", "thin-pool", *size, "--name", THIN_POOL, thin)
        yield Groups(thick, thin)


class LvmStorage(RealStorage):
    """What thick and thin volumes have in common."""

    def __init__(self, group: str) -> None:
        super().__init__()
        self.group = group
        self.config = evolve(self.config, pools=(LvmPool(volume_group=VolumeGroupName(group)),))
        self.cleanup.callback(self._remove_volumes)
        # Last in, first out: mounts go before the volumes below them.
        self.cleanup.callback(remove_installation, self.state_dir)

    def _remove_volumes(self) -> None:
        volumes = [name for row in self.report() if (name := row["lv_name"]).startswith(volume_name(""))]
        if volumes:
            lvm("lvremove", "--yes", *(f"{self.group}/{name}" for name in volumes))

    @contextmanager
    def lost_pool(self) -> Iterator[None]:
        """Make the group of this name another than the installation knows.

        Changes the installation's side, because renaming groups takes seconds; ``test_volumes`` does rename
        them.
        """
        path = self.layout.installation
        known = path.read_text()
        path.write_text(json.dumps(json.loads(known) | {"pool": "strange-uuid"}))
        try:
            yield
        finally:
            path.write_text(known)

    @contextmanager
    def pool_on_a_disk(self) -> Iterator[Callable[[], None]]:
        """It always is; mounting it again means making its devices again."""

        def mount_anew() -> None:
            lvm("vgchange", "--refresh", self.group)

        yield mount_anew

    def half_grown_volume(self, ref: VolumeRef, size: Capacity) -> None:
        """What a call leaves that is killed after LVM's part."""
        lvm("lvextend", "--size", f"{size.bytes}b", self.path(ref))

    def lose_volume(self, ref: VolumeRef) -> None:
        lvm("lvremove", "--yes", self.path(ref))

    def cut_behind(self, ref: VolumeRef, size: int) -> None:
        lvm("lvreduce", "--force", "--yes", "--size", f"{size}b", self.path(ref))

    def path(self, ref: VolumeRef) -> str:
        return f"{self.group}/{volume_name(ref.id)}"

    def report(self) -> list[dict[str, str]]:
        """LVM's report on the group's volumes."""
        fields = "lv_name,lv_size,pool_lv,lv_layout"
        output = lvm(
            "lvs", "--reportformat", "json", "--units", "b", "--nosuffix", "--options", fields, self.group
        )
        found: list[dict[str, str]] = json.loads(output)["report"][0]["lv"]
        return found


class ThickStorage(LvmStorage):
    """A volume group of POOL."""

    def __init__(self, groups: Groups) -> None:
        super().__init__(groups.thick)
        self._ports = self.opened(self.config)

    @property
    def snapshot_way(self) -> SnapshotWay:
        return SnapshotWay.COPYING

    def is_blank(self, device: str) -> bool:
        """Whether its ends are, where signatures may be: the space between holds data of former volumes."""
        with open(device, "rb", buffering=0) as file:
            for start in (0, file.seek(0, os.SEEK_END) - _END):
                file.seek(start)
                if file.read(_END) != bytes(_END):
                    return False
        return True

    def half_made_volume(self, ref: VolumeRef, size: Capacity) -> None:
        """Made by LVM, and not cleared yet."""
        where = "shares_core.adapters.pools.lvm.thick.blank_ends"
        self.killed_in("storage.ensure_volume", ref, size, OWNER, where=where)

    def is_reserved(self, ref: VolumeRef) -> bool:
        layouts = {row["lv_name"]: row["lv_layout"] for row in self.report()}
        return layouts[volume_name(ref.id)] == "linear"

    def overprovisioned_pool(self) -> BlockStorage:
        raise AssertionError("extents cannot be promised twice")


class ThinStorage(LvmStorage):
    """A thin pool of POOL."""

    def __init__(self, groups: Groups) -> None:
        super().__init__(groups.thin)
        self.config = with_pool(self.config, thin_pool=ThinPoolName(THIN_POOL))
        self._ports = self.opened(self.config)

    @property
    def snapshot_way(self) -> SnapshotWay:
        return SnapshotWay.SHARING

    def half_made_volume(self, ref: VolumeRef, size: Capacity) -> None:
        """LVM makes it in one step: before that nothing is there."""
        where = "shares_core.adapters.pools.lvm.thin.ThinPool._lvm"
        self.killed_in("storage.ensure_volume", ref, size, OWNER, where=where)

    def is_reserved(self, ref: VolumeRef) -> bool:
        """Whether the pool has space for all that it promised."""
        promised = sum(int(row["lv_size"]) for row in self.report() if row["pool_lv"] == THIN_POOL)
        return volume_name(ref.id) in {row["lv_name"] for row in self.report()} and (promised <= POOL.bytes)

    def overprovisioned_pool(self) -> BlockStorage:
        config = evolve(with_pool(self.config, overprovision=True), state_dir=self.state_dir / "over")
        storage = self.opened(config).storage
        storage.prepare(DEFAULT_POOL)
        return storage


class MixedPools(ThinStorage, PoolsWorld):
    """Files, and thick volumes beside those of a thin pool in one group.

    The group is the one with a thin pool.
    """

    def __init__(self, groups: Groups) -> None:
        super().__init__(groups)
        group = VolumeGroupName(self.group)
        thin = ThinPoolName(THIN_POOL)
        self.config = evolve(
            self.config,
            pools=(
                FilePool(dir=self.state_dir / "pool", size=POOL),
                LvmPool(name=PoolName("thick"), volume_group=group),
                LvmPool(name=PoolName("thin"), volume_group=group, thin_pool=thin),
            ),
        )
        self._ports = self.opened(self.config)

    @property
    def pools(self) -> tuple[PoolName, ...]:
        return tuple(pool.name for pool in self.config.pools)

    @contextmanager
    def lost(self, pool: PoolName) -> Iterator[None]:
        if pool == DEFAULT_POOL:
            with emptied(folder_of(self.config, pool)):
                yield
            return
        path = self.layout.installation
        known = path.read_text()
        path.write_text(json.dumps(json.loads(known) | {f"pool:{pool}": "strange-uuid"}))
        try:
            yield
        finally:
            path.write_text(known)

    def without(self, pool: PoolName) -> BlockStorage:
        pools = tuple(other for other in self.config.pools if other.name != pool)
        return self.opened(evolve(self.config, pools=pools)).storage
