"""CIFS shares: one volume, one file system, one export."""

from __future__ import annotations

from enum import StrEnum

from attrs import evolve, field, frozen

from shares_core.domain.access import AccessRule, rule_set
from shares_core.domain.capacity import Capacity
from shares_core.domain.checks import require
from shares_core.domain.errors import AlreadyExists, Conflict, InvalidInput, NotFound, ShareFailed
from shares_core.domain.names import ShareName
from shares_core.domain.operation import ShareOperation, ShareStatus
from shares_core.domain.options import ShareOptions
from shares_core.domain.remedy import Call, Parameter, Remedy, UseCase
from shares_core.domain.schedules import Schedule
from shares_core.domain.snapshots import MOST_SNAPSHOTS, Snapshot, SnapshotName, free_second
from shares_core.domain.volume import FileSystem, FileSystemKind, ShareVolume, VolumeRef

__all__ = [
    "CifsShare",
    "Failure",
    "FailureKind",
    "FileSystem",
    "FileSystemKind",
    "ShareStatus",
]


class FailureKind(StrEnum):
    """Who can end a failure."""

    #: It may pass: starting the server and ``reconcile`` try again.
    UNAVAILABLE = "unavailable"
    #: A person has to decide about a damaged file system: mounting it again would make it worse.
    DAMAGED = "damaged"


@frozen
class Failure:
    """Why a share cannot be served; ``reason`` is for people."""

    kind: FailureKind
    reason: str = field()

    @reason.validator
    def _check(self, _: object, value: str) -> None:
        require(value, str, "the reason of a failure", hint="say what happened")
        if not value:
            raise InvalidInput("a failure needs a reason", hint="say what happened")

    @classmethod
    def unavailable(cls, reason: object) -> Failure:
        return cls(FailureKind.UNAVAILABLE, str(reason) or "it is not known why")

    @classmethod
    def damaged(cls, reason: object) -> Failure:
        return cls(FailureKind.DAMAGED, str(reason) or "it is not known why")


@frozen
class CifsShare:
    """One share as its record holds it.

    ``folder`` is the served folder: it exists only inside the volume, so an unmounted share cannot be served.
    ``operation`` is what is under way on the share, ``failure`` why it cannot be served. Both together mean
    an operation that could not be recovered: starting the server and reconcile try again. ``snapshots`` are
    in the order in which they were taken. ``origin`` is the id of the snapshot that it was made from.
    ``bin_cleared`` is when its recycle bin was turned off, in unix seconds: what was deleted before does not
    stay in the bin.
    """

    id: str
    name: ShareName
    capacity: Capacity
    volume: ShareVolume
    folder: str = "data"
    rules: tuple[AccessRule, ...] = field(default=(), converter=rule_set)
    operation: ShareOperation | None = None
    failure: Failure | None = None
    options: ShareOptions = ShareOptions()
    snapshots: tuple[Snapshot, ...] = ()
    schedule: Schedule | None = None
    origin: str = ""
    bin_cleared: int = 0

    def __attrs_post_init__(self) -> None:
        if self.operation is None:
            return
        if self.operation.share_id != self.id:
            raise InvalidInput(
                f"operation {self.operation.kind} is about share {self.operation.share_id}, not {self.id}",
                hint="an operation is recorded in its own share",
            )
        if self.damaged and not self.operation.whole:
            raise InvalidInput(
                f"a share that is {self.operation.status} cannot be damaged", hint="end its operation first"
            )

    @property
    def filesystem(self) -> FileSystem:
        return self.volume.filesystem

    @property
    def status(self) -> ShareStatus:
        """Its status, derived so that it cannot contradict the record."""
        if self.operation is not None and (self.failure is None or not self.operation.whole):
            return self.operation.status
        return ShareStatus.READY if self.failure is None else ShareStatus.FAILED

    @property
    def damaged(self) -> bool:
        return self.failure is not None and self.failure.kind is FailureKind.DAMAGED

    @property
    def reason(self) -> str:
        """Why it has failed; empty if it has not."""
        return self.failure.reason if self.failure is not None else ""

    @property
    def is_whole(self) -> bool:
        """Whether it is completely made and not being removed: it can be mounted."""
        return self.operation is None or self.operation.whole

    @property
    def is_recoverable(self) -> bool:
        """Whether it has an operation that can be recovered if nobody is at work on it."""
        return self.operation is not None and (not self.damaged or self.operation.despite_damage)

    @property
    def served(self) -> bool:
        """Whether Samba's configuration has a section for it: no rule, no section."""
        return bool(self.rules) and self.is_mounted

    @property
    def is_mounted(self) -> bool:
        """Whether a running server has it mounted, and nothing keeps clients from it but a missing rule."""
        return self.failure is None and (self.operation is None or self.operation.serves)

    @property
    def is_writable(self) -> bool:
        """Whether those who may write can do so now."""
        return self.operation is None or not self.operation.keeps_writers_out

    def beginning(self, operation: ShareOperation) -> CifsShare:
        """With the operation under way; its failure is cleared if the share is being removed."""
        return evolve(self, operation=operation, failure=self.failure if operation.whole else None)

    def advanced(self, operation: ShareOperation) -> CifsShare:
        """With its operation's next stage."""
        return evolve(self, operation=operation)

    def ready(self) -> CifsShare:
        """With nothing under way and no failure."""
        return evolve(self, operation=None, failure=None)

    def failed(self, failure: Failure) -> CifsShare:
        """Failed, with nothing under way."""
        return evolve(self, operation=None, failure=failure)

    def stuck(self, failure: Failure) -> CifsShare:
        """Failed, with its operation still to be recovered."""
        if not self.is_whole:  # while it is made or removed, it has no file system that a person could repair
            failure = Failure.unavailable(failure.reason)
        return evolve(self, failure=failure)

    # -- snapshots

    def snapshot(self, name: str) -> Snapshot:
        """The snapshot of that name, in any case. Raises InvalidInput, NotFound."""
        key = SnapshotName(name).key
        found = next((each for each in self.snapshots if each.name.key == key), None)
        if found is None:
            raise NotFound("snapshot", name, where=f"share {self.name.value!r}")
        return found

    def next_snapshot(
        self, snapshot_id: str, name: str | None, now: int, *, scheduled: bool = False
    ) -> Snapshot:
        """A new one. Raises InvalidInput, AlreadyExists if its name is taken, Conflict if it has enough."""
        second = free_second(now, self.snapshots)
        wanted = SnapshotName.at(second) if name is None else SnapshotName(name)
        if any(each.name.key == wanted.key for each in self.snapshots):
            raise AlreadyExists(
                "snapshot", str(wanted), "the share has one of that name", hint="choose another name"
            )
        if len(self.snapshots) >= MOST_SNAPSHOTS:
            raise Conflict(
                f"share {self.name.value!r} has {MOST_SNAPSHOTS} snapshots, and cannot have more",
                hint="delete one first",
            )
        return Snapshot(snapshot_id, wanted, second, self.capacity, scheduled)

    def with_schedule(self, schedule: Schedule | None) -> CifsShare:
        return evolve(self, schedule=schedule)

    def with_snapshot(self, snapshot: Snapshot) -> CifsShare:
        return evolve(self, snapshots=(*self.snapshots, snapshot))

    def with_snapshot_rules(self, snapshot_id: str, rules: tuple[AccessRule, ...] | None) -> CifsShare:
        """With the snapshot exported to those whom the rules name; with None, not exported."""
        changed = None if rules is None else rule_set(rules)
        found = (evolve(s, rules=changed) if s.id == snapshot_id else s for s in self.snapshots)
        return evolve(self, snapshots=tuple(found))

    def without_snapshot(self, snapshot_id: str) -> CifsShare:
        return evolve(self, snapshots=tuple(each for each in self.snapshots if each.id != snapshot_id))

    def volume_of(self, snapshot: Snapshot) -> ShareVolume:
        """The snapshot's volume: its file system has the identity of the share's."""
        return evolve(self.volume, ref=self.ref_of(snapshot))

    def ref_of(self, snapshot: Snapshot) -> VolumeRef:
        return VolumeRef(self.volume.pool, snapshot.id)

    @property
    def all_snapshots(self) -> tuple[Snapshot, ...]:
        """Its snapshots, and one that is being taken."""
        taking = None if self.operation is None else self.operation.taking
        known = taking is None or any(each.id == taking.id for each in self.snapshots)
        return self.snapshots if taking is None or known else (*self.snapshots, taking)

    @property
    def refs(self) -> tuple[VolumeRef, ...]:
        """Its own volume, those of its snapshots, and those that an operation on it makes or removes."""
        others = () if self.operation is None else self.operation.volumes
        found = (self.volume.ref, *map(self.ref_of, self.all_snapshots), *others)
        return tuple(dict.fromkeys(found))

    @property
    def mount_ids(self) -> tuple[str, ...]:
        """What names its own mount, and those of its snapshots."""
        return (self.id, *(snapshot.mount_id(self.id) for snapshot in self.all_snapshots))

    # -- the rest

    def with_options(self, options: ShareOptions) -> CifsShare:
        return evolve(self, options=options)

    def with_bin_cleared(self, moment: int) -> CifsShare:
        return evolve(self, bin_cleared=moment)

    def renamed(self, name: ShareName) -> CifsShare:
        return evolve(self, name=name)

    def with_rules(self, rules: tuple[AccessRule, ...]) -> CifsShare:
        return evolve(self, rules=rules)

    def require_shrinkable(self, capacity: Capacity) -> None:
        """Raise InvalidInput if it cannot have that capacity instead of a larger one, Conflict for an xfs."""
        self.filesystem.kind.check(capacity)
        if capacity > self.capacity:
            raise InvalidInput(
                f"share {self.name.value!r} has {self.capacity}, less than {capacity}",
                hint=Remedy.of(Call(UseCase.SHARES_EXTEND), " makes it larger"),
            )
        if self.filesystem.kind is FileSystemKind.XFS and capacity < self.capacity:
            raise Conflict(
                f"share {self.name.value!r} has an xfs, which cannot shrink",
                hint="make a smaller share, and copy its files there",
            )
        self.options.check(capacity)

    def require_ready(self) -> CifsShare:
        """The share itself. Raises ShareFailed if it is not ready."""
        if self.status is not ShareStatus.READY:
            raise ShareFailed(
                f"share {self.name.value!r} is {self.status}" + (f": {self.reason}" if self.reason else ""),
                hint=Remedy.of(
                    Call(UseCase.SHARES_CHECK),
                    " tells what is damaged; with ",
                    Parameter("repair"),
                    " it is repaired",
                )
                if self.damaged
                else Remedy.of(
                    "its data was left as it is; repair what is wrong, then run ", Call(UseCase.RECONCILE)
                ),
            )
        return self
