"""A host in memory for the contracts' suites: they change its attributes to do what no port does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest
from tests.contracts.audit import DAYS, FILES, ROOM, SERVER, TODAY, AuditWorld
from tests.contracts.events import EventsWorld
from tests.contracts.folders import FoldersWorld
from tests.contracts.locks import LocksWorld, Take
from tests.contracts.pools import PoolsWorld
from tests.contracts.progress import ProgressWorld
from tests.contracts.records import RecordsWorld
from tests.contracts.runtime import RuntimeWorld
from tests.contracts.secrets import SecretsWorld
from tests.contracts.storage_world import POOL, StorageWorld
from tests.contracts.values import ABSENT, OWNER, UID

from shares_core.domain.audit import AuditEntry
from shares_core.domain.capacity import Capacity
from shares_core.domain.names import UserName
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.secret import PasswordHash
from shares_core.domain.server import ShareServer
from shares_core.domain.volume import DEFAULT_POOL, PoolName, VolumeRef
from shares_core.ports import Locks, Ports
from shares_core.ports.audit import AuditTrails
from shares_core.ports.events import Event
from shares_core.ports.progress import Progress
from shares_core.ports.runtime import ServerRuntime
from shares_core.ports.storage import BlockStorage
from shares_core.testing import (
    Fault,
    FaultPlan,
    MemoryHost,
    Moment,
    ProcessDied,
    memory_ports,
)
from shares_core.testing.state import Container, MemoryMount
from shares_core.testing.storage import volume_at


class MemoryWorld(
    AuditWorld,
    EventsWorld,
    FoldersWorld,
    LocksWorld,
    ProgressWorld,
    RecordsWorld,
    RuntimeWorld,
    SecretsWorld,
    StorageWorld,
):
    """The first half; the rest is in the classes below."""

    def __init__(self, *, lagging: bool = False) -> None:
        self.host = MemoryHost(pool_size=POOL, lagging=lagging, audit_days=DAYS, audit_room=ROOM)
        self._ports = memory_ports(self.host)

    @property
    def ports(self) -> Ports:
        return self._ports

    @contextmanager
    def dying(self, verb: str, moment: Moment = Moment.HALFWAY, step: int = 1) -> Iterator[Ports]:
        """Another process, which dies in the verb."""
        plan = FaultPlan().on(verb, Fault(moment, dies=True, step=step))
        with pytest.raises(ProcessDied):
            yield memory_ports(self.host, faults=plan)

    # -- audit

    def others_trails(self) -> AuditTrails:
        return memory_ports(self.host).audit

    def half_appended(self, former: str, bookmark: str, added: Sequence[AuditEntry]) -> None:
        with self.dying("audit.append") as ports:
            ports.audit.append(SERVER, former, bookmark, {FILES: added}, TODAY)

    def traces(self) -> bool:
        return bool(self.host.trails)

    # -- events

    def heard(self) -> tuple[Event, ...]:
        return tuple(self.host.events)

    # -- storage

    @property
    def snapshot_way(self) -> SnapshotWay:
        return self.host.snapshot_way

    @property
    def extends(self) -> bool:
        return True

    # -- locks

    def locks(self, timeout: float) -> Locks:
        return memory_ports(self.host, lock_timeout=timeout).locks

    def die_holding(self, take: Take) -> None:
        with self.dying("folders.list", Moment.BEFORE) as ports, take(ports.locks):
            ports.folders.list()

    def kept_locks(self) -> set[str]:
        return set(self.host.lock_table.kept)

    # -- progress

    def others_progress(self) -> Progress:
        return memory_ports(self.host).progress

    # -- records and secrets

    def damage_record(self, server_id: str) -> None:
        self.host.damage_record(server_id)

    def half_saved(self, server: ShareServer) -> None:
        with self.dying("records.save", Moment.BEFORE) as ports:
            ports.records.save(server)

    def record_traces(self, server_id: str) -> object:
        return self.host.records.get(server_id)

    def damage_secrets(self, server_id: str) -> None:
        self.host.damaged_secrets.add(server_id)

    def half_put(self, server_id: str, hashes: Mapping[UserName, PasswordHash]) -> None:
        with self.dying("secrets.put", Moment.BEFORE) as ports:
            ports.secrets.put(server_id, hashes)

    def secret_traces(self, server_id: str) -> object:
        kept = dict(self.host.secrets.get(server_id, {}))
        return kept or self.host.damaged_secrets.intersection({server_id})

    # -- folders

    def folder_owner(self, server_id: str) -> int | None:
        folder = self.host.folders.get(server_id)
        return None if folder is None else folder.uid

    def passes_mounts_on(self, server_id: str) -> bool:
        return self.host.folders[server_id].shared

    def half_ensured_folders(self, server_id: str, step: int) -> None:
        with self.dying("folders.ensure") as ports:
            ports.folders.ensure(server_id, UID)

    def half_removed_folders(self, server_id: str) -> None:
        del self.host.folders[server_id]

    def mounts(self) -> int:
        return len(self.host.folders) + len(self.host.mounts)

    def mount_below(self, server_id: str) -> None:
        self.host.mounts[server_id, "share"] = MemoryMount(ABSENT)

    def unmount_below(self, server_id: str) -> None:
        del self.host.mounts[server_id, "share"]

    # -- containers

    def without_image(self) -> ServerRuntime:
        return self._while("image_built", False)

    def with_stale_image(self) -> ServerRuntime:
        return self._while("image_stale", True)

    def without_docker(self) -> ServerRuntime:
        return self._while("docker_up", False)

    def _while(self, attribute: str, value: bool) -> ServerRuntime:
        """The runtime of a process, with the host changed during each verb."""

        def around(_: object, proceed: Callable[[], object]) -> object:
            before = getattr(self.host, attribute)
            setattr(self.host, attribute, value)
            try:
                return proceed()
            finally:
                setattr(self.host, attribute, before)

        return memory_ports(self.host, faults=around).runtime

    def foreign_container(self, server_id: str) -> None:
        self.host.containers[server_id] = Container(UID, foreign=True)

    def foreign_is_there(self, server_id: str) -> bool:
        return self.host.containers[server_id] == Container(UID, foreign=True)

    def lives(self, namespace: str) -> bool:
        return any(container.namespace == namespace for container in self.host.containers.values())

    def kill(self, server_id: str) -> None:
        self.host.kill_container(server_id)

    def break_smbd(self, server_id: str) -> str:
        self.host.smbd_fails = f"{server_id} has no smb.conf"
        return "smb.conf"

    # -- the pool

    @contextmanager
    def lost_pool(self) -> Iterator[None]:
        self.host.lost_pools.add(DEFAULT_POOL)
        yield
        self.host.lost_pools.clear()

    @contextmanager
    def pool_on_a_disk(self) -> Iterator[Callable[[], None]]:
        """Nothing happens: devices in memory do not depend on mounts."""

        def mount_anew() -> None:
            self.host.lost_pools.add(DEFAULT_POOL)
            self.host.lost_pools.clear()

        yield mount_anew

    @contextmanager
    def in_use(self, ref: VolumeRef) -> Iterator[None]:
        self.host.mounts["elsewhere", "share"] = MemoryMount(ref)
        yield
        del self.host.mounts["elsewhere", "share"]

    def half_made_volume(self, ref: VolumeRef, size: Capacity) -> None:
        with self.dying("storage.ensure_volume", step=2) as ports:
            ports.storage.ensure_volume(ref, size, OWNER)

    def half_copied_volume(self, origin: VolumeRef, ref: VolumeRef) -> None:
        with self.dying("storage.snapshot_volume") as ports:
            ports.storage.snapshot_volume(origin, ref, OWNER, None)

    def half_grown_volume(self, ref: VolumeRef, size: Capacity) -> None:
        with self.dying("storage.grow_volume") as ports:
            ports.storage.grow_volume(ref, size)

    def lose_volume(self, ref: VolumeRef) -> None:
        del self.host.volumes[ref]

    def is_reserved(self, ref: VolumeRef) -> bool:
        return ref in self.host.volumes

    def overprovisioned_pool(self) -> BlockStorage:
        storage = memory_ports(MemoryHost(pool_size=POOL, overprovision=True)).storage
        storage.prepare(DEFAULT_POOL)
        return storage

    def is_blank(self, device: str) -> bool:
        volume = volume_at(self.host, device)
        assert volume is not None
        return volume.content is None and not volume.debris

    def scribble(self, device: str) -> None:
        volume = volume_at(self.host, device)
        assert volume is not None
        volume.debris = True

    def device_size(self, device: str) -> int:
        volume = volume_at(self.host, device)
        return 0 if volume is None else volume.size


class MemoryPools(MemoryWorld, PoolsWorld):
    """A host in memory with several pools."""

    def __init__(self) -> None:
        super().__init__()
        self.host.pools = (DEFAULT_POOL, PoolName("fast"), PoolName("slow"))

    @property
    def pools(self) -> tuple[PoolName, ...]:
        return self.host.pools

    @contextmanager
    def lost(self, pool: PoolName) -> Iterator[None]:
        self.host.lost_pools.add(pool)
        yield
        self.host.lost_pools.discard(pool)

    def without(self, pool: PoolName) -> BlockStorage:
        """Another host with the same volumes."""
        host = MemoryHost(
            pools=tuple(other for other in self.host.pools if other != pool),
            pool_size=POOL,
            volumes=self.host.volumes,
            prepared_pools=self.host.prepared_pools,
            attached=self.host.attached,
        )
        return memory_ports(host).storage
