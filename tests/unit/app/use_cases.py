"""Every use case that changes something, and how to check that it did."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from attrs import evolve, frozen
from tests.catalogue import Call, call, operation_id, server_id
from tests.unit.world import LARGE, PASSWORD, RO, RW, SMALL, World, on

from shares_core.domain.access import AccessLevel, AccessRule
from shares_core.domain.capacity import Capacity
from shares_core.domain.names import UserName
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.presets import share_preset
from shares_core.domain.protection import Dialect
from shares_core.domain.schedules import Schedule
from shares_core.domain.secret import Secret
from shares_core.domain.server import ShareServer
from shares_core.domain.share import FileSystemKind, ShareStatus
from shares_core.domain.snapshots import SnapshotSource
from shares_core.domain.volume import PoolName
from shares_core.testing import Fault, FaultPlan, Moment, ProcessDied, SmbRefused
from shares_core.testing.state import MemoryFileSystem

LARGE_POOL = Capacity.parse("1TiB")
OTHER = Secret("battery staple")
SMALLER = Capacity.parse("32MiB")
#: A snapshot, and another pool.
SOURCE, SLOW = SnapshotSource.parse("tenant/files@before"), PoolName("slow")


@frozen
class UseCase:
    """``done`` tells whether ``work`` has had its effect; ``undone`` whether a failure left nothing.

    ``given`` prepares the world for the use case. ``kept`` means that what is complete stays if undoing it
    failed too: the next caller cannot know that nobody has used it.
    """

    name: str
    work: Call
    done: Callable[[World], bool]
    undone: bool = False
    given: Callable[[World], None] = lambda world: None
    kept: bool = False


def has(world: World, share: str, user: str) -> AccessLevel | None:
    return world.admitted().get((share, user))


def logs_in(world: World, user: str, password: Secret) -> bool:
    try:
        world.connect(user, password).end()
    except SmbRefused:
        return False
    return True


def exists(world: World, server: str) -> bool:
    return any(isinstance(r, ShareServer) and str(r.name) == server for r in world.machine.records.values())


def build_image(world: World) -> None:
    """Build another image, which the neighbour already has."""
    world.machine.image = world.machine.containers[world.machine.server_id("neighbour")].image = "image-2"


def end_container(world: World) -> None:
    world.machine.kill_container(world.machine.server_id("tenant"))


def files(world: World) -> MemoryFileSystem:
    found = world.machine.volumes[world.share("tenant", "files").volume.ref].content
    assert found is not None
    return found


def take_execute_bits(world: World) -> None:
    """Leave the files as a former release made them."""
    files(world).executable = False
    server = world.record("tenant")
    share = server.share("files")
    former = evolve(share, volume=evolve(share.volume, executable=False))
    world.machine.records[server.id] = server.with_share(former)


def interrupt_extension(world: World) -> None:
    """Interrupt an extension before its point of no return."""
    plan = FaultPlan().on("storage.grow_volume", Fault(Moment.AFTER, dies=True))
    with suppress(ProcessDied):
        world.process(plan).shares.extend("tenant", "files", LARGE)


def is_served_as_before(world: World) -> bool:
    share = world.share("tenant", "files")
    return (share.status, share.capacity) == (ShareStatus.READY, SMALL) and world.admitted() != {}


def take_snapshot(world: World) -> None:
    world.host.snapshots.create("tenant", "files", "before")
    files(world).files["since"] = b"then"


def copy_while_clients_only_read(world: World) -> None:
    world.machine.snapshot_way = SnapshotWay.COPYING_READ_ONLY


def take_snapshot_by_copying(world: World) -> None:
    copy_while_clients_only_read(world)
    world.host.snapshots.create("tenant", "files", "before", copy=True)
    files(world).files["since"] = b"then"


def take_snapshot_beside_another_pool(world: World) -> None:
    take_snapshot(world)
    world.machine.pools = (*world.machine.pools, SLOW)


def is_cloned_into_the_other_pool(world: World) -> bool:
    copy = world.record("tenant").find_share("copy")
    return copy is not None and copy.volume.pool == SLOW


def replace_snapshot_in_an_hour(world: World) -> None:
    """One was taken an hour ago, and only the last one is kept."""
    world.host.schedules.set("tenant", "files", Schedule(hourly=1))
    world.host.schedules.run()
    world.machine.time += 3600


def took_the_next_snapshot(world: World) -> bool:
    """The former one goes at once, or the next time if that failed."""
    taken = world.share("tenant", "files").snapshots
    return len(taken) in (1, 2) and taken[-1].second >= world.machine.time and world.admitted() != {}


def export_snapshot(world: World) -> None:
    take_snapshot(world)
    world.host.snapshots.export("tenant", "files", "before")
    world.host.access.allow("tenant", "files@before", "ada")


def exported(world: World) -> tuple[AccessRule, ...] | None:
    return world.share("tenant", "files").snapshot("before").rules


def snapshots(world: World) -> list[str]:
    return [str(each.name) for each in world.share("tenant", "files").snapshots]


REPLACEMENT = [AccessRule.for_user("ada", RO), AccessRule.for_user("carl", RW)]
USE_CASES = [
    UseCase(
        "create server",
        call("servers.create", "new", on("br-n", "10.9.0.5/24")),
        lambda w: exists(w, "new") and bool(w.machine.links),
        undone=True,
    ),
    UseCase(
        "create share",
        call("shares.create", "tenant", "new", SMALL, FileSystemKind.EXT4),
        lambda w: w.record("tenant").find_share("new") is not None,
        undone=True,
    ),
    UseCase(
        "allow a new user",
        call("access.allow", "tenant", "files", "carl", RW, PASSWORD),
        lambda w: has(w, "files", "carl") is RW and logs_in(w, "carl", PASSWORD),
        undone=True,
    ),
    UseCase(
        "raise a level",
        call("access.allow", "tenant", "files", "bob", RW),
        lambda w: has(w, "files", "bob") is RW and logs_in(w, "bob", PASSWORD),
        undone=True,
    ),
    UseCase(
        "lower a level",
        call("access.allow", "tenant", "files", "ada", RO),
        lambda w: has(w, "files", "ada") is RO,
    ),
    UseCase(
        "allow with another password",
        call("access.allow", "tenant", "files", "ada", RW, OTHER),
        lambda w: has(w, "files", "ada") is RW and logs_in(w, "ada", OTHER),
    ),
    UseCase("deny", call("access.deny", "tenant", "files", "ada"), lambda w: has(w, "files", "ada") is None),
    UseCase(
        "replace",
        call("access.replace", "tenant", "files", REPLACEMENT, {UserName("carl"): PASSWORD}),
        lambda w: w.admitted() == {("files", "ada"): RO, ("files", "carl"): RW},
    ),
    UseCase(
        "set a password",
        call("users.set_password", "tenant", "ada", OTHER),
        lambda w: logs_in(w, "ada", OTHER) and not logs_in(w, "ada", PASSWORD),
    ),
    UseCase(
        "remove a user",
        call("users.remove", "tenant", "ada"),
        lambda w: has(w, "files", "ada") is None and not logs_in(w, "ada", PASSWORD),
    ),
    UseCase(
        "extend",
        call("shares.extend", "tenant", "files", LARGE),
        lambda w: w.share("tenant", "files").capacity == LARGE,
    ),
    UseCase(
        "shrink",
        call("shares.shrink", "tenant", "files", SMALLER),
        lambda w: w.share("tenant", "files").capacity == SMALLER and w.admitted() != {},
    ),
    UseCase(
        "set options",
        call("shares.set", "tenant", "files", share_preset("archive")),
        lambda w: w.share("tenant", "files").options == share_preset("archive") and w.admitted() != {},
    ),
    UseCase(
        "rename",
        call("shares.rename", "tenant", "files", "renamed"),
        lambda w: has(w, "renamed", "ada") is RW and has(w, "files", "ada") is None,
    ),
    UseCase(
        "clone",
        call("shares.clone", "tenant", "copy", SOURCE),
        lambda w: w.record("tenant").find_share("copy") is not None,
        undone=True,
        given=take_snapshot,
        kept=True,
    ),
    UseCase(
        "create a snapshot",
        call("snapshots.create", "tenant", "files"),
        lambda w: len(snapshots(w)) >= 1 and w.admitted() != {},
        undone=True,
        kept=True,
    ),
    UseCase(
        "create a snapshot by copying",
        call("snapshots.create", "tenant", "files", copy=True),
        lambda w: len(snapshots(w)) >= 1 and has(w, "files", "ada") is RW,
        undone=True,
        given=copy_while_clients_only_read,
        kept=True,
    ),
    UseCase(
        "revert by copying",
        call("snapshots.revert", "tenant", "files", "before", copy=True),
        lambda w: "since" not in files(w).files and has(w, "files", "ada") is RW,
        given=take_snapshot_by_copying,
    ),
    UseCase(
        "clone into another pool",
        call("shares.clone", "tenant", "copy", SOURCE, pool=str(SLOW), copy=True),
        is_cloned_into_the_other_pool,
        undone=True,
        given=take_snapshot_beside_another_pool,
        kept=True,
    ),
    UseCase(
        "delete a snapshot",
        call("snapshots.delete", "tenant", "files", "before"),
        lambda w: snapshots(w) == [] and w.admitted() != {},
        given=take_snapshot,
    ),
    UseCase(
        "revert",
        call("snapshots.revert", "tenant", "files", "before"),
        lambda w: "since" not in files(w).files and snapshots(w) == ["before"] and w.admitted() != {},
        given=take_snapshot,
    ),
    UseCase(
        "export a snapshot",
        call("snapshots.export", "tenant", "files", "before"),
        lambda w: exported(w) == (),
        undone=True,
        given=take_snapshot,
    ),
    UseCase(
        "allow a user on a snapshot",
        call("access.allow", "tenant", "files@before", "carl", None, PASSWORD),
        lambda w: has(w, "files@before", "carl") is RO and logs_in(w, "carl", PASSWORD),
        undone=True,
        given=export_snapshot,
    ),
    UseCase(
        "deny a user on a snapshot",
        call("access.deny", "tenant", "files@before", "ada"),
        lambda w: has(w, "files@before", "ada") is None and has(w, "files", "ada") is RW,
        given=export_snapshot,
    ),
    UseCase(
        "take an export back",
        call("snapshots.unexport", "tenant", "files", "before"),
        lambda w: exported(w) is None and has(w, "files@before", "ada") is None,
        given=export_snapshot,
    ),
    UseCase(
        "extend a pool",
        call("pool.extend", "default", LARGE_POOL),
        lambda w: w.machine.pool_size == LARGE_POOL,
    ),
    UseCase(
        "set a schedule",
        call("schedules.set", "tenant", "files", Schedule(daily=7)),
        lambda w: w.share("tenant", "files").schedule == Schedule(daily=7),
        undone=True,
    ),
    UseCase(
        "clear a schedule",
        call("schedules.clear", "tenant", "files"),
        lambda w: w.share("tenant", "files").schedule is None,
        given=lambda w: w.host.schedules.set("tenant", "files", Schedule(hourly=1)),
    ),
    UseCase(
        "run a schedule",
        call("schedules.run"),
        took_the_next_snapshot,
        given=replace_snapshot_in_an_hour,
    ),
    UseCase(
        "delete share",
        call("shares.delete", "tenant", "files"),
        lambda w: w.record("tenant").find_share("files") is None,
    ),
    UseCase(
        "demand more of clients",
        call("servers.set", "tenant", min_protocol=Dialect.SMB3_11),
        lambda w: w.record("tenant").protection.min_protocol is Dialect.SMB3_11 and w.admitted() != {},
    ),
    UseCase("stop", call("servers.stop", "tenant"), lambda w: w.admitted() == {}),
    UseCase("start", call("servers.start", "tenant"), lambda w: w.admitted() != {}),
    UseCase("reconcile", call("fleet.reconcile"), lambda w: w.admitted() != {}),
    UseCase(
        "repair", call("fleet.repair", server_id("tenant")), lambda w: w.admitted() != {}, given=end_container
    ),
    *(
        UseCase(
            f"make files executable by {work}",
            work,
            lambda w: w.share("tenant", "files").volume.executable and files(w).executable,
            given=take_execute_bits,
        )
        for work in (call("fleet.reconcile"), call("fleet.repair", server_id("tenant")))
    ),
    UseCase("check", call("shares.check", "tenant", "files"), lambda w: w.admitted() != {}),
    UseCase(
        "upgrade",
        call("servers.upgrade", "tenant"),
        lambda w: w.machine.containers[w.machine.server_id("tenant")].image == "image-2",
        given=build_image,
    ),
    UseCase(
        "cancel",
        call("operations.cancel", operation_id("tenant", "files")),
        is_served_as_before,
        given=interrupt_extension,
    ),
    UseCase(
        "delete server",
        call("servers.delete", "tenant", with_shares=True),
        lambda w: not exists(w, "tenant"),
    ),
]
