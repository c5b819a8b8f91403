"""Orphans: what belongs to this installation on the host but is in no record."""

from __future__ import annotations

from contextlib import suppress

from attrs import evolve, frozen

from shares_core.domain.errors import SharesError
from shares_core.domain.server import ShareServer
from shares_core.domain.views import Orphan, OrphanKind
from shares_core.domain.volume import VolumeRef
from shares_core.ports import Ports


@frozen
class _Known:
    """The names that records account for."""

    servers: frozenset[str]
    mounts: frozenset[tuple[str, str]]
    volumes: frozenset[str]
    devices: frozenset[str]

    @classmethod
    def of(cls, servers: tuple[ShareServer, ...]) -> _Known:
        interfaces = [interface for server in servers for interface in server.interfaces]
        shares = [(server, share) for server in servers for share in server.shares]
        return cls(
            servers=frozenset(server.id for server in servers),
            mounts=frozenset((server.id, each) for server, share in shares for each in share.mount_ids),
            volumes=frozenset(str(ref) for _, share in shares for ref in share.refs),
            devices=frozenset(name for interface in interfaces for name in interface.devices),
        )

    def accounts_for(self, orphan: Orphan) -> bool:
        match orphan.kind:
            case OrphanKind.CONTAINER | OrphanKind.FOLDER:
                return orphan.name in self.servers
            case OrphanKind.MOUNT:
                return _mount(orphan) in self.mounts
            case OrphanKind.DEVICE:
                return orphan.name in self.devices
            case OrphanKind.VOLUME:
                return orphan.name in self.volumes


def find_orphans(ports: Ports) -> tuple[Orphan, ...]:
    """Find the orphans, in the order in which they can be removed.

    Reports none while a record cannot be read, because what belongs to that server is not known. The host is
    listed before the records, because a record is written before what it describes is made; and again after
    them, because a record is removed after all of that is gone.
    """
    candidates = _listed(ports)
    records = ports.records.load_all()
    servers = tuple(record for record in records if isinstance(record, ShareServer))
    if len(servers) < len(records):
        return ()
    known = _Known.of(servers)
    strays = [candidate for candidate in candidates if not known.accounts_for(candidate)]
    return tuple(stray for stray in _listed(ports) if stray in strays) if strays else ()


def _listed(ports: Ports) -> tuple[Orphan, ...]:
    """All that belongs to this installation on the host."""
    names: dict[OrphanKind, tuple[str, ...]] = {
        OrphanKind.CONTAINER: tuple(ports.runtime.list()),
        OrphanKind.MOUNT: tuple("/".join(mount) for mount in ports.filesystems.list()),
        OrphanKind.DEVICE: ports.network.list(),
        OrphanKind.FOLDER: ports.folders.list(),
        OrphanKind.VOLUME: _volumes(ports),
    }
    return tuple(Orphan(kind, name) for kind in OrphanKind for name in names[kind])


def _volumes(ports: Ports) -> tuple[str, ...]:
    """The volumes of the pools that exist: shares of a missing pool say so themselves."""
    names: list[str] = []
    for pool in ports.storage.pools():
        with suppress(SharesError):
            names += [str(volume.ref) for volume in ports.storage.list(pool)]
    return tuple(names)


def forget_progress(ports: Ports) -> None:
    """Drop the progress that a crash left of ended operations. Listed before the records, like orphans."""
    kept = ports.progress.list()
    if not kept:
        return
    servers = [record for record in ports.records.load_all() if isinstance(record, ShareServer)]
    known = {operation.id for server in servers for operation in server.operations}
    for operation_id in kept:
        if operation_id not in known:
            ports.progress.clear(operation_id)


def remove_orphan(ports: Ports, orphan: Orphan) -> Orphan:
    """Remove it with whatever it holds; returns it with the outcome.

    Ids never repeat, so an orphan stays an orphan. Idempotent.
    """
    try:
        match orphan.kind:
            case OrphanKind.CONTAINER:
                ports.runtime.remove(orphan.name)
            case OrphanKind.MOUNT:
                ports.filesystems.unmount(*_mount(orphan))
            case OrphanKind.DEVICE:
                ports.network.remove(orphan.name)
            case OrphanKind.FOLDER:
                ports.folders.remove(orphan.name)
            case OrphanKind.VOLUME:
                ports.storage.remove_volume(VolumeRef.parse(orphan.name))
    except SharesError as error:
        return evolve(orphan, problem=str(error))
    return evolve(orphan, removed=True)


def _mount(orphan: Orphan) -> tuple[str, str]:
    server_id, _, share_id = orphan.name.partition("/")
    return server_id, share_id
