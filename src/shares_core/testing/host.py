"""A host that exists only in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from attrs import define, field

from shares_core.domain.access import AccessLevel
from shares_core.domain.addresses import Address, MacAddress
from shares_core.domain.capacity import GIB, MIB, Capacity
from shares_core.domain.names import UserName, key_of
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.secret import PasswordHash
from shares_core.domain.server import ShareServer
from shares_core.domain.views import LogLine
from shares_core.domain.volume import DEFAULT_POOL, FileSystemKind, PoolName, VolumeRef
from shares_core.ports.events import Event
from shares_core.testing.clients import HOST_UNREACHABLE, LOGON_FAILURE, OpenFile, Session, SmbRefused
from shares_core.testing.hashes import digest
from shares_core.testing.locks import LockTable
from shares_core.testing.state import (
    Container,
    Damaged,
    Folder,
    Link,
    MemoryBridge,
    MemoryFileSystem,
    MemoryMount,
    MemoryTrail,
    MemoryVolume,
    ServedShare,
)

#: Begins what smbd in memory logs for the audit trails.
AUDIT = "audit"


def _kinds(kinds: Iterable[FileSystemKind]) -> frozenset[FileSystemKind]:
    return frozenset(kinds)


@define(eq=False, repr=False, kw_only=True)
class MemoryHost:
    """The state of a host: it stays when a process that works on it dies.

    ``memory_ports(host)`` returns ports that work on it; several can do so at once, like processes. Tests may
    set, read and change the attributes to play tricks; the methods do what happens to real hosts.

    ``pools`` are named, and each has ``pool_size`` and ``granularity`` (bytes); ``overprovision`` lets it
    promise more than it has. ``online_grow`` names the file systems that the kernel grows while they are
    mounted. On a ``lagging`` host, open connections keep the former configuration until the library waits for
    them to reload.
    """

    pools: tuple[PoolName, ...] = (DEFAULT_POOL,)
    pool_size: Capacity = Capacity(100 * GIB)
    granularity: int = 4096
    overprovision: bool = False
    online_grow: frozenset[FileSystemKind] = field(default=tuple(FileSystemKind), converter=_kinds)
    lagging: bool = False

    #: Pools whose folders are not mounted.
    lost_pools: set[PoolName] = field(factory=set)
    prepared_pools: set[PoolName] = field(factory=set)
    #: False is a kernel without idmapped mounts.
    idmapped_mounts: bool = True
    snapshot_way: SnapshotWay = SnapshotWay.SHARING
    #: False is a kernel whose ext4 does not fold case.
    case_fold: bool = True
    #: False is a Docker that does not answer, or an image that was not built.
    docker_up: bool = True
    image_built: bool = True
    image_stale: bool = False
    #: The image for new containers; a change of it stands for a build.
    image: str = "image-1"
    #: What smbd logs when it ends instead of listening, except in ``good_images``; empty while all is well.
    smbd_fails: str = ""
    good_images: frozenset[str] = frozenset()
    #: The servers whose containers ended, in order.
    ended: list[str] = field(factory=list)
    time: int = 1_700_000_000
    #: Seconds that only go forward: a wait for what does not come takes its time.
    uptime: float = 0.0

    records: dict[str, ShareServer | Damaged] = field(factory=dict)
    secrets: dict[str, dict[UserName, PasswordHash]] = field(factory=dict)
    #: Servers whose set of hashes cannot be read any more.
    damaged_secrets: set[str] = field(factory=set)
    volumes: dict[VolumeRef, MemoryVolume] = field(factory=dict)
    #: Volumes that have a block device.
    attached: set[VolumeRef] = field(factory=set)
    #: By the ids of server and share.
    mounts: dict[tuple[str, str], MemoryMount] = field(factory=dict)
    #: The volumes in scratch mounts of a check.
    scratch: set[VolumeRef] = field(factory=set)
    folders: dict[str, Folder] = field(factory=dict)
    containers: dict[str, Container] = field(factory=dict)
    bridges: dict[str, MemoryBridge] = field(factory=dict)
    links: dict[str, Link] = field(factory=dict)
    #: The MAC that clients on a bridge have for an address, by both.
    neighbours: dict[tuple[str, Address], MacAddress] = field(factory=dict)
    #: The names of devices that have a packet filter, which outlives its device.
    filters: set[str] = field(factory=set)
    #: Devices that are not this installation's, with the addresses that the host has on them.
    foreign_devices: dict[str, tuple[str, ...]] = field(factory=dict)
    sessions: list[Session] = field(factory=list)
    events: list[Event] = field(factory=list)
    #: The progress of operations: how much is done, of how much.
    progress: dict[str, tuple[int, int]] = field(factory=dict)

    #: The servers' audit trails; how many days they keep, and the bytes that they have for a share's day.
    trails: dict[str, MemoryTrail] = field(factory=dict)
    audit_days: int = 90
    audit_room: int = 16 * MIB

    lock_table: LockTable = field(init=False, factory=LockTable)
    #: Held during each verb, so that verbs are atomic among threads.
    mutex: threading.RLock = field(init=False, factory=threading.RLock)
    _counter: int = field(init=False, default=0)

    def count(self) -> int:
        """A number that it never returned before."""
        with self.mutex:
            self._counter += 1
            return self._counter

    # -- what happens to hosts

    def reboot(self) -> None:
        """Containers stop; mounts, folders, block devices, bridges and interfaces vanish; all else stays."""
        for server_id in tuple(self.containers):
            self.kill_container(server_id)
        self.mounts.clear()
        self.scratch.clear()
        self.attached.clear()
        self.bridges.clear()
        self.links.clear()
        self.filters.clear()
        self.folders.clear()
        self.lock_table.reset()

    def restart_docker(self) -> None:
        """Containers stop; all else stays."""
        for server_id in tuple(self.containers):
            self.kill_container(server_id)

    def kill_container(self, server_id: str) -> None:
        """Stop one container, and with it all its connections and its ends of its interfaces."""
        container = self.containers[server_id]
        if container.running:
            self.ended.append(server_id)
        for name, link in tuple(self.links.items()):
            if link.namespace == container.namespace:
                del self.links[name]
        container.namespace = ""
        container.loaded = ()
        for session in self.sessions_of(server_id):
            session.end()

    def damage_record(self, server_id: str, why: str = "it is truncated") -> None:
        """Make a record unreadable."""
        self.records[server_id] = Damaged(why)

    # -- clients

    def connect(self, server_id: str, user: str, password: str) -> Session:
        """Log in as an SMB client does. Raises SmbRefused with the client's status."""
        container = self.containers.get(server_id)
        reachable = any(link.server_id == server_id and link.up for link in self.links.values())
        failing = self.smbd_fails and (container is None or container.image not in self.good_images)
        if container is None or not container.running or not reachable or failing:
            raise SmbRefused(HOST_UNREACHABLE)
        if (key_of(user), digest(password)) not in self._logins(server_id):
            raise SmbRefused(LOGON_FAILURE)
        session = Session(self, server_id, user, container.loaded)
        self.sessions.append(session)
        return session

    def log_audit(self, server_id: str, share_id: str, *words: str) -> None:
        """What smbd logs of a client's change: the action, the user, the path."""
        log = self.containers[server_id].log
        log.append(LogLine(f"2026-01-01T00:00:00.{self.count():09d}Z", "\t".join((AUDIT, share_id, *words))))

    def _logins(self, server_id: str) -> set[tuple[str, str]]:
        accounts = self.folders[server_id].accounts
        return {(name.key, known.nt) for name, known in accounts.items() if known is not None}

    def admitted(self, server_id: str) -> dict[tuple[str, str], AccessLevel]:
        """Who has which access, by (share, user): what new connections would get, whatever the password."""
        container = self.containers.get(server_id)
        if container is None or not container.running:
            return {}
        users = {user for user, _ in self._logins(server_id)}
        return {
            (str(share.name), str(rule.principal.name)): rule.level
            for share in container.loaded
            if self.served_filesystem(server_id, share) is not None
            for rule in share.rules
            if rule.principal.name.key in users
        }

    def sessions_of(self, server_id: str) -> tuple[Session, ...]:
        """The open connections to a server."""
        return tuple(session for session in self.sessions if session.server_id == server_id)

    def open_files(self, server_id: str, share_id: str) -> tuple[OpenFile, ...]:
        """The files of a share that clients have open."""
        sessions = self.sessions_of(server_id)
        return tuple(
            opened for session in sessions for opened in session.files if opened.share.id == share_id
        )

    # -- what adapters and clients ask

    def mounted_filesystem(self, server_id: str, share_id: str) -> MemoryFileSystem | None:
        """The mounted file system of a share, or None."""
        mount = self.mounts.get((server_id, share_id))
        volume = None if mount is None else self.volumes.get(mount.volume)
        return volume.content if volume is not None else None

    def served_filesystem(self, server_id: str, share: ServedShare) -> MemoryFileSystem | None:
        """The same if smbd can serve it: mounted, with the share's folder inside."""
        filesystem, container = self.mounted_filesystem(server_id, share.id), self.containers.get(server_id)
        if filesystem is None or container is None or not container.running:
            return None
        owner = filesystem.folders.get(share.folder)
        seen = None if owner is None else self.mounts[server_id, share.id].seen(owner)
        return filesystem if seen == container.uid else None

    def server_id(self, name: str) -> str:
        """The id of the server of that name. Raises KeyError."""
        for server_id, record in self.records.items():
            if isinstance(record, ShareServer) and record.name.key == key_of(name):
                return server_id
        raise KeyError(name)
