"""The composition root: from a configuration to a Host with its use cases.

Each function imports what it composes, so that ``import shares_core`` stays quick.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from shares_core.config import FilePool, HostConfig, LvmPool, PoolSettings
from shares_core.domain.checks import require
from shares_core.domain.errors import InvalidInput
from shares_core.domain.volume import DEFAULT_POOL, PoolName, VolumeTraits

if TYPE_CHECKING:
    from shares_core.adapters.containers.image import ImageBuilder
    from shares_core.adapters.pools.lvm.building import PoolBuilder
    from shares_core.adapters.pools.volume_pool import VolumePool
    from shares_core.adapters.state.installation import Installation
    from shares_core.adapters.state.layout import Layout
    from shares_core.app.usecases.access import Access
    from shares_core.app.usecases.accounts import Users
    from shares_core.app.usecases.fleet import Fleet
    from shares_core.app.usecases.operations import Operations
    from shares_core.app.usecases.pools import Pool
    from shares_core.app.usecases.schedules import Schedules
    from shares_core.app.usecases.servers import Servers
    from shares_core.app.usecases.sessions import Sessions
    from shares_core.app.usecases.shares import Shares
    from shares_core.app.usecases.snapshots import Snapshots
    from shares_core.app.watch.watcher import Watcher
    from shares_core.domain.findings import Finding
    from shares_core.domain.network import DefaultNetwork
    from shares_core.ports import Events, Ports, ServerProcesses
    from shares_core.testing import Interceptor


@frozen
class Host:
    """The use cases of a host, by subject."""

    fleet: Fleet
    servers: Servers
    shares: Shares
    access: Access
    users: Users
    pool: Pool
    operations: Operations
    sessions: Sessions
    snapshots: Snapshots
    schedules: Schedules


def host(ports: Ports, network: DefaultNetwork) -> Host:
    """The use cases over the given ports."""
    from shares_core.app.leases import Leases
    from shares_core.app.usecases.access import Access
    from shares_core.app.usecases.accounts import Users
    from shares_core.app.usecases.fleet import Fleet
    from shares_core.app.usecases.operations import Operations
    from shares_core.app.usecases.pools import Pool
    from shares_core.app.usecases.schedules import Schedules
    from shares_core.app.usecases.servers import Servers
    from shares_core.app.usecases.sessions import Sessions
    from shares_core.app.usecases.shares import Shares
    from shares_core.app.usecases.snapshots import Snapshots

    leases = Leases(ports)
    snapshots = Snapshots(ports, leases)
    return Host(
        fleet=Fleet(ports, leases),
        servers=Servers(ports, leases, network),
        shares=Shares(ports, leases),
        access=Access(ports, leases),
        users=Users(ports, leases),
        pool=Pool(ports),
        operations=Operations(ports, leases),
        sessions=Sessions(ports, leases),
        snapshots=snapshots,
        schedules=Schedules(ports, leases, snapshots),
    )


def watcher(ports: Ports, network: DefaultNetwork) -> Watcher:
    """The watcher that keeps the servers up, over the given ports."""
    from shares_core.app.watch.watcher import Watcher

    made = host(ports, network)
    return Watcher(ports, made.fleet, made.schedules)


def open_watcher(config: HostConfig, events: Events | None = None) -> Watcher:
    """The watcher of this machine's servers. Changes nothing yet. Raises as ``open_host`` does."""
    from shares_core.app.watch.watcher import ROUND_SECONDS

    return watcher(ports(config, events, patience=ROUND_SECONDS), config.network)


def open_host(config: HostConfig | None = None, events: Events | None = None) -> Host:
    """This machine as a Host. Changes nothing yet. ``events`` hears what happens.

    Without ``config`` it uses the machine's own settings, as a shell does: those that ``HostConfig.load()``
    reads. Raises InvalidInput for wrong settings.
    """
    if config is None:
        config = HostConfig.load()
    require(config, HostConfig, "a host's configuration", hint="HostConfig.load(path) reads a file")
    return host(ports(config, events), config.network)


def ports(
    config: HostConfig,
    events: Events | None = None,
    *,
    patience: float | None = None,
    around: Interceptor | None = None,
) -> Ports:
    """This machine's ports. Touches nothing yet. Raises InvalidInput as ``_behind_links`` does.

    ``patience`` is how long they wait for a server's lock, in seconds, if that is shorter than the setting.
    ``around`` wraps every verb, also when ports call each other: a FaultPlan, a trace.
    """
    from shares_core.adapters.containers.client import Docker
    from shares_core.adapters.containers.processes import ContainerProcesses
    from shares_core.adapters.containers.runtime import DockerRuntime
    from shares_core.adapters.containers.settings import Limits
    from shares_core.adapters.filesystems.adapter import LinuxFileSystems
    from shares_core.adapters.linux.system import NoEvents, RandomIds, SystemClock, ThreadWorkers
    from shares_core.adapters.network.adapter import LinuxNetwork
    from shares_core.adapters.pools.storage import Pools
    from shares_core.adapters.samba.config import SambaConfig
    from shares_core.adapters.samba.files import SambaFiles
    from shares_core.adapters.samba.profile import SMB, connections_within
    from shares_core.adapters.samba.sessions import SambaSessions
    from shares_core.adapters.state.audit import DiskAuditTrails
    from shares_core.adapters.state.folders import DiskFolders
    from shares_core.adapters.state.installation import Installation
    from shares_core.adapters.state.layout import Layout
    from shares_core.adapters.state.locks import FileLocks
    from shares_core.adapters.state.progress import DiskProgress
    from shares_core.adapters.state.records import DiskRecords
    from shares_core.adapters.state.secrets import DiskSecrets
    from shares_core.app.operations import OPERATIONS
    from shares_core.ports import Ports

    config = _behind_links(config)
    layout = Layout(config.state_dir)
    timeout = config.lock_timeout
    installation = Installation(layout, timeout)
    limits = Limits(config.server.memory, config.server.processes)
    connections = connections_within(limits.memory, limits.processes)
    pools = [_pool(settings, layout, installation, timeout) for settings in config.pools]
    former = next((pool.traits for pool in pools if pool.name == DEFAULT_POOL), VolumeTraits())
    docker = Docker(config.docker.url)
    runtime = DockerRuntime(SMB, docker, layout, installation, config.docker.image, limits)

    def compose(processes: ServerProcesses) -> Ports:
        return Ports(
            runtime=runtime,
            processes=processes,
            folders=DiskFolders(layout, timeout),
            storage=Pools(pools),
            filesystems=LinuxFileSystems(layout),
            network=LinuxNetwork(SMB, layout, installation, timeout),
            smb_config=SambaConfig(layout, processes, connections),
            smb_sessions=SambaSessions(processes),
            smb_files=SambaFiles(processes),
            records=DiskRecords(layout, OPERATIONS, former),
            secrets=DiskSecrets(layout),
            audit=DiskAuditTrails(layout, config.audit.days, config.audit.size, timeout),
            locks=FileLocks(layout, timeout if patience is None else min(timeout, patience)),
            progress=DiskProgress(layout),
            clock=SystemClock(),
            ids=RandomIds(),
            events=events or NoEvents(),
            workers=ThreadWorkers(),
        )

    processes = ContainerProcesses(docker, layout, runtime)
    if around is None:
        return compose(processes)
    from shares_core.testing import composed

    return composed(processes, compose, around)


def _pool(
    settings: PoolSettings, layout: Layout, installation: Installation, lock_timeout: float
) -> VolumePool:
    """The pool that the settings describe."""
    if isinstance(settings, FilePool) and settings.xfs_image:
        from shares_core.adapters.pools.files.image_pool import ImageFilePool

        return ImageFilePool(
            settings.folder, settings.size, installation, lock_timeout=lock_timeout, name=settings.name
        )
    if isinstance(settings, FilePool):
        from shares_core.adapters.pools.files.pool import LoopFilePool

        return LoopFilePool(
            settings.folder,
            settings.size,
            installation,
            overprovision=settings.overprovision,
            lock_timeout=lock_timeout,
            name=settings.name,
        )
    if settings.thin_pool is None:
        from shares_core.adapters.pools.lvm.thick import VolumeGroupPool

        return VolumeGroupPool(
            settings.volume_group, installation, wipe=settings.wipe_deleted, name=settings.name
        )
    from shares_core.adapters.pools.lvm.thin import ThinPool

    return ThinPool(
        settings.volume_group,
        settings.thin_pool,
        installation,
        layout,
        wipe=settings.wipe_deleted,
        overprovision=settings.overprovision,
        lock_timeout=lock_timeout,
        name=settings.name,
    )


def _behind_links(config: HostConfig) -> HostConfig:
    """The settings with symbolic links in their folders resolved: the mount table has only resolved paths.

    Raises InvalidInput if a resolved folder would not be valid in the settings.
    """
    pools = tuple(
        evolve(pool, dir=Path(os.path.realpath(pool.folder))) if isinstance(pool, FilePool) else pool
        for pool in config.pools
    )
    return evolve(config, state_dir=Path(os.path.realpath(config.state_dir)), pools=pools)


def image_builder(config: HostConfig) -> ImageBuilder:
    """The builder of the share servers' image on this machine."""
    from shares_core.adapters.containers.client import Docker
    from shares_core.adapters.containers.image import ImageBuilder
    from shares_core.adapters.samba.profile import SMB

    return ImageBuilder(Docker(config.docker.url), config.docker.image, SMB.image)


def pool_builder(config: HostConfig, pool: PoolName = DEFAULT_POOL) -> PoolBuilder:
    """The builder of that pool's volume group or thin pool. Raises InvalidInput if the pool has neither."""
    from shares_core.adapters.pools.lvm.building import PoolBuilder
    from shares_core.adapters.state.installation import Installation
    from shares_core.adapters.state.layout import Layout

    settings = config.pool(pool)
    if isinstance(settings, FilePool):
        raise InvalidInput(
            f"the pool {pool} is of files in {settings.folder}, which are made when they are needed",
            hint='for a volume group write kind = "lvm" in its [pool] of the configuration',
        )
    installation = Installation(Layout(_behind_links(config).state_dir), config.lock_timeout)
    others = tuple(
        other.name
        for other in config.pools
        if isinstance(other, LvmPool) and other.volume_group == settings.volume_group and other.name != pool
    )
    return PoolBuilder(pool, settings.volume_group, settings.thin_pool, installation, others)


def examine(config: HostConfig) -> tuple[Finding, ...]:
    """Find out what this machine has and lacks. Changes nothing."""
    from shares_core.adapters.doctor import examine as doctor
    from shares_core.adapters.samba.profile import SMB

    config = _behind_links(config)
    looking = ports(config)
    return doctor.examine(
        state_dir=config.state_dir,
        pool_dirs=tuple(pool.folder for pool in config.pools if isinstance(pool, FilePool)),
        lvm=any(isinstance(pool, LvmPool) for pool in config.pools),
        thin=any(isinstance(pool, LvmPool) and pool.thin_pool is not None for pool in config.pools),
        image=config.docker.image,
        recipe=SMB.image,
        docker_url=config.docker.url,
        network=config.network,
        port=SMB.probe.number,
        storage=looking.storage,
        records=looking.records,
        filesystems=looking.filesystems,
    )
