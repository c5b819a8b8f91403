"""What use cases answer: plain values that serialise, with nothing of the host inside."""

from __future__ import annotations

from enum import StrEnum

from attrs import field, frozen

from shares_core.domain.access import AccessRule
from shares_core.domain.capacity import Capacity
from shares_core.domain.drift import Drift
from shares_core.domain.remedy import HostTool, Remedy
from shares_core.domain.secret import Secret
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare
from shares_core.domain.volume import PoolName

#: Per cent of a thin pool, above which its operator should know.
_NEARLY_FULL = 80


class RunState(StrEnum):
    """What the host says of a server's container."""

    RUNNING = "running"
    STOPPED = "stopped"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@frozen
class Usage:
    """A mounted file system's figures, in bytes. ``total`` is what remains after its own tables."""

    total: int
    used: int
    free: int


@frozen
class ServerView:
    """A share server and how it is.

    ``problem`` is empty unless something is wrong with it; ``remedy`` is what to do, where that is known.
    """

    server: ShareServer
    state: RunState
    problem: str = ""
    remedy: Remedy = Remedy()


@frozen
class ShareView:
    """A share and how it is. ``usage`` is None where it is not mounted.

    ``volume_size`` is what the pool's granularity made of the share's capacity; None where the volume is not
    there. ``state`` is the server's where the call had to know it, else unknown: listing asks no container.
    It says nothing of the share, and two views of one share are equal whichever call gave them.
    """

    server: ShareServer
    share: CifsShare
    usage: Usage | None
    export_locations: tuple[str, ...]
    volume_size: Capacity | None
    state: RunState = field(default=RunState.UNKNOWN, eq=False)


class PasswordOutcome(StrEnum):
    """What became of the user's password."""

    KEPT = "kept"
    SET = "set"
    GENERATED = "generated"


@frozen
class AccessView:
    """What an allow did. ``password`` is there only where it was generated: it is shown once.

    ``state`` is how the server was found: where it does not run, the rule counts once it is started.
    """

    server: ShareServer
    share: CifsShare
    rule: AccessRule
    outcome: PasswordOutcome
    password: Secret | None = None
    state: RunState = field(default=RunState.UNKNOWN, eq=False)


@frozen
class PasswordView:
    """What set-password did. ``password`` is there only where it was generated: it is shown once."""

    server: ShareServer
    user: str
    outcome: PasswordOutcome
    password: Secret | None = None


class ExtendWay(StrEnum):
    """How a share got larger.

    ``offline`` closed its clients' connections for a moment; where its server does not run nobody has any.
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
    ``overprovisioned`` the promises may exceed ``total``, and a full disk then fails inside shares. The
    percentages say how full a thin pool's data and its tables (metadata) are; other pools have none.
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
    """A pool that is configured. ``view`` is None if it is not there, and ``problem`` then says why."""

    name: PoolName
    view: PoolView | None
    problem: str = ""


class ReconcileOutcome(StrEnum):
    """What became of a server that was reconciled."""

    OK = "ok"
    #: Nothing: it was only looked at.
    FOUND = "found"
    FAILED = "failed"
    #: Nothing: another caller has been working on it for longer than this one would wait.
    BUSY = "busy"
    #: Its record cannot be read, so that nothing is known of it.
    UNREADABLE = "unreadable"
    #: It is gone: its creation had been interrupted, and was undone.
    CREATION_UNDONE = "creation_undone"
    #: It is gone: its deletion had been interrupted, and was carried on.
    DELETION_CARRIED_ON = "deletion_carried_on"
    #: It is gone: another caller deleted it meanwhile.
    DELETED_MEANWHILE = "deleted_meanwhile"


@frozen
class ReconcileView:
    """What reconcile found of one server, and what became of it: ``problem`` is empty where all is well.

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
    """Something on the host that is this installation's, and in no record.

    ``name`` is a server's id or a device's name; of a volume, its pool's name and its id; of a mount, the
    server's and the share's.
    ``problem`` says why it could not be removed, where that was asked for.
    """

    kind: OrphanKind
    name: str
    problem: str = ""
    removed: bool = False


@frozen
class ReconcileReport:
    """What reconcile found and did: of a host that agrees with its records, nothing.

    ``servers`` are those of which something differed; ``known`` is how many records there are.
    """

    servers: tuple[ReconcileView, ...] = ()
    orphans: tuple[Orphan, ...] = ()
    known: int = 0

    @property
    def is_empty(self) -> bool:
        return not self.servers and not self.orphans

    @property
    def is_well(self) -> bool:
        """Whether everything is as it should be now, but for orphans."""
        served = not any(view.problem or view.failed_shares for view in self.servers)  # busy is no trouble
        return served and not any(orphan.problem for orphan in self.orphans)


class UpgradeOutcome(StrEnum):
    """What an upgrade did to a server."""

    UPGRADED = "upgraded"
    #: Its container is what it should be already.
    CURRENT = "current"
    #: It has no container that runs; it gets the current image when it is started.
    STOPPED = "stopped"


@frozen
class UpgradeView:
    """What an upgrade did. ``downtime`` is for how many seconds the server was not there."""

    server: ShareServer
    outcome: UpgradeOutcome
    downtime: float = 0.0


@frozen
class CheckView:
    """What a thorough look at a share's file system found.

    ``damage`` is what its tool says of it, empty where it is whole; ``repair`` what was said of a repair.
    """

    share: ShareView
    damage: str = ""
    repair: str = ""


@frozen
class OperationView:
    """One operation that is under way, or was interrupted.

    ``share`` is empty for an operation on the server itself. ``since`` is in unix seconds; ``running`` says
    that somebody is at work on it, else the next reconcile recovers it. ``problem`` is why it could not be
    recovered. ``no_return`` says why it cannot be cancelled; empty if it can. ``progress`` is how far the
    step that it is at has come, from 0 to 1; None while it cannot be told.
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
