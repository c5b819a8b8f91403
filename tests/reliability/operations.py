"""The operations that are killed at every step: what each works on, and whether it was done."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from copy import copy

import docker
from attrs import evolve, frozen

from shares_core import AccessLevel, AccessRule, Capacity, FileSystemKind, Host, NotFound, Secret, bootstrap
from shares_core.adapters.containers.runtime import DockerRuntime
from shares_core.app.lifecycle.container import is_outdated, run_container
from shares_core.domain.capacity import MIB
from shares_core.domain.presets import share_preset
from shares_core.domain.protection import Dialect
from shares_core.domain.schedules import Schedule
from shares_core.domain.snapshots import SnapshotSource
from shares_core.domain.views import RunState
from shares_core.testing import Fault, FaultPlan, Moment, ProcessDied, intercept
from tests.catalogue import Call, Found, call, operation_id, server_id

SERVER, KEPT, NEW = "kills", "kept", "new"
SMALLER, SMALL, LARGE = Capacity(16 * MIB), Capacity(32 * MIB), Capacity(48 * MIB)
#: The users with rules at the start: Bob may read, and nobody but Ada may do anything else.
ADA, BOB, CARL = "ada", "bob", "carl"
PASSWORD = Secret("kept by the test alone")
#: What the share NEW is called when it was renamed.
RENAMED = "renamed"


@frozen
class Operation:
    """``ready`` makes what it works on, ``done`` tells whether it was done.

    If it ``narrows`` what Ada may do, this includes what she had open before. A share that it makes holds
    what the share ``copies`` did, or nothing.
    """

    name: str
    work: Call
    ready: Callable[[Host], object]
    done: Callable[[Host], bool]
    narrows: bool = False
    copies: str = ""


def level(host: Host, user: str) -> AccessLevel | None:
    rules = host.access.list(SERVER, KEPT)
    return next((rule.level for rule in rules if str(rule.principal.name) == user), None)


def has_share(host: Host, name: str = NEW) -> bool:
    return name in [str(view.share.name) for view in host.shares.list(SERVER)]


def without_share(host: Host) -> None:
    if has_share(host):
        host.shares.delete(SERVER, NEW)


def fresh_share(host: Host, kind: FileSystemKind = FileSystemKind.EXT4) -> None:
    without_share(host)
    size = max(SMALL, kind.smallest, key=lambda capacity: capacity.bytes)
    host.shares.create(SERVER, NEW, size, kind)
    host.access.allow(SERVER, NEW, ADA)


def capacity(host: Host) -> Capacity:
    return host.shares.show(SERVER, NEW).share.capacity


def has_carl(host: Host) -> bool:
    return CARL in [str(account.name) for account in host.users.list(SERVER)]


def without_carl(host: Host) -> None:
    if has_carl(host):
        host.users.remove(SERVER, CARL)


def without_server(host: Host) -> None:
    try:
        host.servers.delete("another", with_shares=True)
    except NotFound:
        return


def has_server(host: Host) -> bool:
    return "another" in [str(view.server.name) for view in host.servers.list() if hasattr(view, "server")]


_XFS_LARGE = Capacity(FileSystemKind.XFS.smallest.bytes + 16 * MIB)

#: What Manila does.
OPERATIONS = (
    Operation("create server", call("servers.create", "another"), without_server, has_server),
    Operation(
        "delete server",
        call("servers.delete", "another", with_shares=True),
        lambda h: (h.servers.create("another"), h.shares.create("another", "files", SMALL)),
        lambda h: not has_server(h),
    ),
    Operation("create share", call("shares.create", SERVER, NEW, SMALL), without_share, has_share),
    Operation("delete share", call("shares.delete", SERVER, NEW), fresh_share, lambda h: not has_share(h)),
    Operation(
        "extend ext4",
        call("shares.extend", SERVER, NEW, LARGE),
        fresh_share,
        lambda h: capacity(h) == LARGE,
    ),
    Operation(
        "extend xfs",
        call("shares.extend", SERVER, NEW, _XFS_LARGE),
        lambda h: fresh_share(h, FileSystemKind.XFS),
        lambda h: capacity(h) == _XFS_LARGE,
    ),
    Operation(
        "allow a new user",
        call("access.allow", SERVER, KEPT, CARL, AccessLevel.READ_ONLY, PASSWORD),
        without_carl,
        lambda h: level(h, CARL) is not None,
    ),
    Operation(
        "lower a level",
        call("access.allow", SERVER, KEPT, ADA, AccessLevel.READ_ONLY),
        lambda h: h.access.allow(SERVER, KEPT, ADA, AccessLevel.READ_WRITE),
        lambda h: level(h, ADA) is AccessLevel.READ_ONLY,
        narrows=True,
    ),
    Operation(
        "raise a level",
        call("access.allow", SERVER, KEPT, ADA, AccessLevel.READ_WRITE),
        lambda h: h.access.allow(SERVER, KEPT, ADA, AccessLevel.READ_ONLY),
        lambda h: level(h, ADA) is AccessLevel.READ_WRITE,
    ),
    Operation(
        "deny",
        call("access.deny", SERVER, KEPT, ADA),
        lambda h: h.access.allow(SERVER, KEPT, ADA, AccessLevel.READ_WRITE),
        lambda h: level(h, ADA) is None,
        narrows=True,
    ),
)


def start_another(host: Host) -> None:
    without_server(host)
    host.servers.create("another")
    host.shares.create("another", "files", SMALL)


def stop_another(host: Host) -> None:
    start_another(host)
    host.servers.stop("another")


def state(host: Host) -> RunState:
    return host.servers.show("another").state


def let_carl_in(host: Host) -> None:
    host.access.allow(SERVER, KEPT, CARL, AccessLevel.READ_ONLY, PASSWORD)


def let_ada_write_without_carl(host: Host) -> None:
    host.access.allow(SERVER, KEPT, ADA, AccessLevel.READ_WRITE)
    without_carl(host)


def take_execute_bits(host: Host) -> None:
    """As if a former release had made the volume."""
    server, records = host.servers.show(SERVER).server, host.servers._ports.records
    share = server.share(KEPT)
    records.save(server.with_share(evolve(share, volume=evolve(share.volume, executable=False))))


def end_container(host: Host) -> None:
    with closing(docker.from_env()) as client:
        client.api.remove_container(f"shares-{host.servers.show(SERVER).server.id}", force=True)


def ready_to_rename(host: Host) -> None:
    if has_share(host, RENAMED):
        host.shares.delete(SERVER, RENAMED)
    fresh_share(host)


def was_renamed(host: Host) -> bool:
    return has_share(host, RENAMED) and not has_share(host)


def run_with_former_limits(host: Host) -> None:
    """As after a change of the settings: only its container differs."""
    start_another(host)
    server, ports = host.servers.show("another").server, host.servers._ports
    former = copy(ports.runtime)
    assert isinstance(former, DockerRuntime)
    former._limits = evolve(former._limits, processes=former._limits.processes + 1)
    ports.runtime.remove(server.id)
    run_container(evolve(ports, runtime=former), server)
    assert not is_current(host)


def is_current(host: Host) -> bool:
    return not is_outdated(host.servers._ports, host.servers.show("another").server)


def interrupt_extension(host: Host) -> None:
    """Before its point of no return."""
    fresh_share(host)
    plan = FaultPlan().on("storage.grow_volume", Fault(Moment.AFTER, dies=True))
    process = bootstrap.host(intercept(host.servers._ports, plan), host.servers._default_network)
    with suppress(ProcessDied):
        process.shares.extend(SERVER, NEW, LARGE)
    assert plan.dead


def always(host: Host) -> bool:
    return True


def snapshots(host: Host) -> list[str]:
    return [str(view.snapshot.name) for view in host.snapshots.list(SERVER, KEPT)]


def without_snapshot(host: Host) -> None:
    host.schedules.clear(SERVER, KEPT)
    for name in snapshots(host):
        host.snapshots.unexport(SERVER, KEPT, name)
        host.snapshots.delete(SERVER, KEPT, name)


def with_snapshot(host: Host) -> None:
    if snapshots(host) != ["before"]:
        without_snapshot(host)
        host.snapshots.create(SERVER, KEPT, "before", copy=True)


def exported(host: Host) -> None:
    with_snapshot(host)
    host.snapshots.export(SERVER, KEPT, "before")
    host.access.allow(SERVER, f"{KEPT}@before", ADA)


def not_exported(host: Host) -> None:
    with_snapshot(host)
    host.snapshots.unexport(SERVER, KEPT, "before")


def ready_to_run(host: Host) -> None:
    """Nothing was taken, and one is due."""
    for name in snapshots(host):
        host.snapshots.delete(SERVER, KEPT, name)
    host.schedules.set(SERVER, KEPT, Schedule(daily=1))


def ready_to_clone(host: Host) -> None:
    with_snapshot(host)
    without_share(host)


def ready_to_revert(host: Host) -> None:
    """A snapshot of what is there, so that going back to it changes nothing."""
    without_snapshot(host)
    with_snapshot(host)


#: What people and the service do besides.
FURTHER = (
    Operation("stop", call("servers.stop", "another"), start_another, lambda h: state(h) is RunState.STOPPED),
    Operation(
        "start", call("servers.start", "another"), stop_another, lambda h: state(h) is RunState.RUNNING
    ),
    Operation(
        "remove a user",
        call("users.remove", SERVER, CARL),
        let_carl_in,
        lambda h: not has_carl(h),
    ),
    Operation(
        "set a password",
        call("users.set_password", SERVER, ADA, PASSWORD),
        lambda h: None,
        always,
    ),
    Operation(
        "demand more of clients",
        call("servers.set", SERVER, min_protocol=Dialect.SMB3_11),
        lambda h: h.servers.set(SERVER, min_protocol=Dialect.SMB3_00),
        lambda h: h.servers.show(SERVER).server.protection.min_protocol is Dialect.SMB3_11,
    ),
    Operation(
        "set options",
        call("shares.set", SERVER, KEPT, share_preset("archive")),
        lambda h: h.shares.set(SERVER, KEPT, share_preset("default")),
        lambda h: h.shares.show(SERVER, KEPT).share.options == share_preset("archive"),
    ),
    Operation(
        "rename",
        call("shares.rename", SERVER, NEW, RENAMED),
        ready_to_rename,
        was_renamed,
        copies=NEW,
    ),
    Operation(
        "make files executable",
        call("fleet.repair", server_id(SERVER)),
        take_execute_bits,
        lambda h: h.shares.show(SERVER, KEPT).share.volume.executable,
    ),
    Operation("check", call("shares.check", SERVER, KEPT), lambda h: None, always),
    Operation("reconcile", call("fleet.reconcile"), end_container, always),
    Operation("repair", call("fleet.repair", server_id(SERVER)), end_container, always),
    Operation("upgrade", call("servers.upgrade", "another"), run_with_former_limits, is_current),
    Operation(
        "cancel",
        call("operations.cancel", operation_id(SERVER, NEW)),
        interrupt_extension,
        lambda h: not h.operations.list() and capacity(h) == SMALL,
    ),
    Operation(
        "replace the rules",
        call(
            "access.replace",
            SERVER,
            KEPT,
            [AccessRule.for_user(BOB, "ro"), AccessRule.for_user(CARL, "ro")],
            passwords={CARL: PASSWORD},
        ),
        let_ada_write_without_carl,
        lambda h: level(h, ADA) is None,  # revoking comes first, and granting may be undone
        narrows=True,
    ),
)


def a_larger_pool(host: Host) -> Capacity:
    return Capacity(host.pool.show().total + 64 * MIB)


#: What copies where volumes cannot share blocks.
COPIES = (
    Operation(
        "create a snapshot by copying",
        call("snapshots.create", SERVER, KEPT, "before", copy=True),
        without_snapshot,
        lambda h: snapshots(h) == ["before"],
    ),
    Operation(
        "clone by copying",
        call("shares.clone", SERVER, NEW, SnapshotSource.parse(f"{SERVER}/{KEPT}@before"), copy=True),
        ready_to_clone,
        has_share,
        copies=KEPT,
    ),
    Operation(
        "shrink by copying",
        call("shares.shrink", SERVER, NEW, SMALLER, copy=True),
        fresh_share,
        lambda h: capacity(h) == SMALLER,
    ),
    Operation(
        "revert by copying",
        call("snapshots.revert", SERVER, KEPT, "before", copy=True),
        ready_to_revert,
        always,
    ),
)

#: What needs a pool in an xfs image.
POOLS = (
    Operation(
        "extend the pool",
        call("pool.extend", "default", Found("a larger size", a_larger_pool)),
        lambda h: None,
        always,
    ),
)

#: Those that need a pool whose volumes can share blocks.
SNAPSHOTS = (
    Operation(
        "create a snapshot",
        call("snapshots.create", SERVER, KEPT, "before"),
        without_snapshot,
        lambda h: snapshots(h) == ["before"],
    ),
    Operation(
        "delete a snapshot",
        call("snapshots.delete", SERVER, KEPT, "before"),
        with_snapshot,
        lambda h: snapshots(h) == [],
    ),
    Operation(
        "clone",
        call("shares.clone", SERVER, NEW, SnapshotSource.parse(f"{SERVER}/{KEPT}@before")),
        ready_to_clone,
        has_share,
        copies=KEPT,
    ),
    Operation(
        "set a schedule",
        call("schedules.set", SERVER, KEPT, Schedule(daily=1)),
        lambda h: h.schedules.clear(SERVER, KEPT),
        lambda h: h.schedules.show(SERVER, KEPT) is not None,
    ),
    Operation(
        "clear a schedule",
        call("schedules.clear", SERVER, KEPT),
        lambda h: h.schedules.set(SERVER, KEPT, Schedule(daily=1)),
        lambda h: h.schedules.show(SERVER, KEPT) is None,
    ),
    Operation("run a schedule", call("schedules.run"), ready_to_run, lambda h: len(snapshots(h)) == 1),
    Operation(
        "export a snapshot",
        call("snapshots.export", SERVER, KEPT, "before"),
        not_exported,
        lambda h: h.snapshots.show(SERVER, KEPT, "before").export is not None,
    ),
    Operation(
        "take an export back",
        call("snapshots.unexport", SERVER, KEPT, "before"),
        exported,
        lambda h: h.snapshots.show(SERVER, KEPT, "before").export is None,
    ),
    Operation("revert", call("snapshots.revert", SERVER, KEPT, "before"), ready_to_revert, always),
)
