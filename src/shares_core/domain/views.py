"""The answers of use cases: plain values that serialise and hold nothing of the host."""

from __future__ import annotations

from enum import StrEnum

from attrs import field, frozen

from shares_core.domain.access import AccessRule
from shares_core.domain.capacity import Capacity, format_bytes
from shares_core.domain.drift import Drift
from shares_core.domain.exports import Export
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.remedy import HostTool, Remedy
from shares_core.domain.secret import Secret
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare
from shares_core.domain.volume import PoolName

#: The operator should know if more than this percentage of a thin pool is used.
_NEARLY_FULL = 80
#: A share with no more than this part left is nearly full: one in twenty.
_LITTLE = 20

#: What Linux keeps in an extended attribute (XATTR_SIZE_MAX), without the byte that Samba adds.
LARGEST_STREAM = 65535


class RunState(StrEnum):
    """The state of a server's container."""

    RUNNING = "running"
    STOPPED = "stopped"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@frozen
class Usage:
    """A mounted file system's figures, in bytes. ``total`` is without its own tables.

    ``files`` is how many files and folders it holds, ``files_free`` how many more it can; xfs makes room for
    more of them as long as it has space.
    """

    total: int
    used: int
    free: int
    block: int = 4096
    files: int = 0
    files_free: int = 0

    @property
    def running_out(self) -> str:
        """What there is little left of, in words: a twentieth or less; empty if there is enough of both."""
        short = []
        if self.total and self.free * _LITTLE <= self.total:
            short.append(f"{format_bytes(self.free)} of {format_bytes(self.total)}")
        files = self.files + self.files_free
        if files and self.files_free * _LITTLE <= files:
            short.append(f"room for {self.files_free:,} of {files:,} files")
        return f"has only {' and '.join(short)} left" if short else ""


@frozen
class NearlyFull:
    """A share that runs out of space or files: ``problem`` says of what."""

    server: str
    share: str
    problem: str

    def __str__(self) -> str:
        return f"share {self.share} of server {self.server} {self.problem}"


@frozen
class ServerView:
    """A share server and how it is.

    ``problem`` is empty unless something is wrong with it; ``remedy`` is what to do, if that is known.
    """

    server: ShareServer
    state: RunState
    problem: str = ""
    remedy: Remedy = Remedy()


@frozen
class LogLine:
    """One line of a service's log. ``time`` is in UTC, to the nanosecond, and sorts as text."""

    time: str
    text: str


@frozen
class RecycledFiles:
    """What a share's recycle bin holds: ``bytes`` is the room that it takes.

    ``emptied`` is whether anything empties the bin: the image of a former release does not.
    """

    bytes: int
    files: int
    emptied: bool = True


@frozen
class ShareView:
    """A share and its state. ``usage`` is None unless it is mounted.

    ``volume_size`` is the share's capacity rounded up by the pool; None if the volume is missing. ``state``
    is the server's if the call had to know it, otherwise unknown: listing asks no container. ``recycled`` is
    what its recycle bin holds; None if it has none, or the call did not ask, or the server did not say. They
    do not count when views are compared: views of one share are equal whichever call returned them.
    """

    server: ShareServer
    share: CifsShare
    usage: Usage | None
    export_locations: tuple[str, ...]
    volume_size: Capacity | None
    state: RunState = field(default=RunState.UNKNOWN, eq=False)
    recycled: RecycledFiles | None = field(default=None, eq=False)

    @property
    def stream_limit(self) -> int | None:
        """How many bytes an alternate data stream may have.

        On a volume without large attributes, all streams of a file together. None if that is not known,
        because the share is not mounted.
        """
        if self.share.volume.large_attributes:
            return LARGEST_STREAM
        return self.usage.block if self.usage is not None else None


class PasswordOutcome(StrEnum):
    """What became of the user's password."""

    KEPT = "kept"
    SET = "set"
    GENERATED = "generated"


@frozen
class AccessView:
    """What an allow did. ``password`` is set only if it was generated: it is shown once.

    ``stale_connections`` is how many of the user's connections this call's higher level has not reached,
    until they use the share anew; None if the server does not say, or does not close them. ``state`` is the
    server's: if it does not run, the rule takes effect when it is started.
    """

    server: ShareServer
    export: Export
    rule: AccessRule
    outcome: PasswordOutcome
    password: Secret | None = None
    stale_connections: int | None = 0
    state: RunState = field(default=RunState.UNKNOWN, eq=False)

    @property
    def share(self) -> CifsShare:
        """The share, or the one whose snapshot it is."""
        return self.export.share


@frozen
class PasswordView:
    """What set-password did. ``password`` is set only if it was generated: it is shown once."""

    server: ShareServer
    user: str
    outcome: PasswordOutcome
    password: Secret | None = None


class ExtendWay(StrEnum):
    """How a share got larger.

    ``offline`` closed its clients' connections for a moment, if its server was running.
    """

    ONLINE = "online"
    OFFLINE = "offline"
    UNCHANGED = "unchanged"


@frozen
class ExtendView:
    """What an extend did, and which way it went."""

    share: ShareView
    way: ExtendWay


@frozen
class PoolWarning:
    """What is about to go wrong in a pool, and what to do. As text it is in the library's own words."""

    problem: str
    remedy: Remedy

    def __str__(self) -> str:
        return f"{self.problem}: {self.remedy}"


@frozen
class PoolView:
    """A pool's figures in bytes.

    ``provisioned`` is what the shares were promised; ``free`` what a new share may have; with
    ``overprovisioned`` the promises may exceed ``total``, and writes to shares fail if the disk is full. The
    percentages say how full a thin pool's data and tables (metadata) are; other pools have none.
    ``snapshots`` is how they are taken, which is not known of every pool before its first use.
    """

    name: PoolName
    kind: str
    location: str
    total: int
    provisioned: int
    free: int
    overprovisioned: bool
    data_percent: float | None = None
    metadata_percent: float | None = None
    snapshots: SnapshotWay | None = None

    def holds(self, capacity: Capacity) -> bool:
        return capacity.bytes <= self.free

    @property
    def warnings(self) -> tuple[PoolWarning, ...]:
        """What fills up: a full thin pool fails writes inside its shares, whatever these have free."""
        parts = (
            ("data", self.data_percent, "--size"),
            ("metadata", self.metadata_percent, "--poolmetadatasize"),
        )
        return tuple(
            PoolWarning(
                f"the {part} of {self.location} is {percent:.0f} % full",
                Remedy.of("make it larger with ", HostTool("lvextend", (option, "+SIZE", self.location))),
            )
            for part, percent, option in parts
            if percent is not None and percent > _NEARLY_FULL
        )


@frozen
class ListedPool:
    """A configured pool. If it is missing, ``view`` is None and ``problem`` says why."""

    name: PoolName
    view: PoolView | None
    problem: str = ""


class ReconcileOutcome(StrEnum):
    """What reconcile did with a server."""

    OK = "ok"
    #: Nothing: this was a dry run.
    FOUND = "found"
    FAILED = "failed"
    #: Nothing: another caller was at work on it for longer than reconcile waits.
    BUSY = "busy"
    #: Nothing: its record cannot be read.
    UNREADABLE = "unreadable"
    #: It is gone: its creation had been interrupted, and was undone.
    CREATION_UNDONE = "creation_undone"
    #: It is gone: its deletion had been interrupted, and was finished.
    DELETION_CARRIED_ON = "deletion_carried_on"
    #: It is gone: another caller deleted it meanwhile.
    DELETED_MEANWHILE = "deleted_meanwhile"


@frozen
class ReconcileView:
    """What reconcile found and did about one server; ``problem`` is empty if all is well.

    ``found`` is what differed from its record. If the record cannot be read, ``name`` is its path, and
    ``server_id`` is empty.
    """

    name: str
    problem: str
    failed_shares: tuple[str, ...] = ()
    outcome: ReconcileOutcome = ReconcileOutcome.OK
    found: tuple[Drift, ...] = ()
    server_id: str = ""


class OrphanKind(StrEnum):
    """What an orphan is, in the order in which they can be removed."""

    CONTAINER = "container"
    MOUNT = "mount"
    DEVICE = "device"
    FOLDER = "folder"
    VOLUME = "volume"


@frozen
class Orphan:
    """Something on the host that belongs to this installation but is in no record.

    ``name`` is a server's id or a device's name; for a volume, its pool's name and its id; for a mount, the
    ids of the server and the share. ``problem`` says why it could not be removed, if that was asked for.
    """

    kind: OrphanKind
    name: str
    problem: str = ""
    removed: bool = False


@frozen
class ReconcileReport:
    """What reconcile found and did: nothing if the host agrees with its records.

    ``servers`` are those that differed; ``known`` is the number of records. ``nearly_full`` are shares that
    run out of space or files, which nobody but their users can change.
    """

    servers: tuple[ReconcileView, ...] = ()
    orphans: tuple[Orphan, ...] = ()
    known: int = 0
    nearly_full: tuple[NearlyFull, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.servers and not self.orphans

    @property
    def is_well(self) -> bool:
        """Whether everything except orphans is now as it should be."""
        served = not any(view.problem or view.failed_shares for view in self.servers)  # busy is not a problem
        return served and not any(orphan.problem for orphan in self.orphans)


class UpgradeOutcome(StrEnum):
    """What an upgrade did to a server."""

    UPGRADED = "upgraded"
    #: Its container is already what it should be.
    CURRENT = "current"
    #: It does not run; it gets the current image when it is started.
    STOPPED = "stopped"


@frozen
class UpgradeView:
    """What an upgrade did. ``downtime`` is how many seconds the server was away."""

    server: ShareServer
    outcome: UpgradeOutcome
    downtime: float = 0.0


@frozen
class CheckView:
    """What a thorough look at a share's file system found.

    ``damage`` is what the tool says is damaged, empty if it is whole; ``repair`` what it says of a repair.
    """

    share: ShareView
    damage: str = ""
    repair: str = ""


@frozen
class OperationView:
    """One operation that is under way, or was interrupted.

    ``share`` is empty for an operation on the server itself. ``since`` is in unix seconds; ``running`` means
    that a caller is at work on it; otherwise the next reconcile recovers it. ``problem`` is why it could not
    be recovered. ``no_return`` says why it cannot be cancelled; empty if it can. ``progress`` is that of the
    present step, from 0 to 1; None if it is not known.
    """

    id: str
    kind: str
    server: str
    share: str
    since: int
    running: bool
    cancelled: bool = False
    no_return: str = ""
    problem: str = ""
    progress: float | None = None
