"""What ends each drift; and that reconcile repairs what its dry run reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.app.use_cases import take_execute_bits
from tests.unit.machine.picture import Picture
from tests.unit.world import LARGE, PASSWORD, RW, SMALL, World

from shares_core.app.leases import Leases
from shares_core.app.reconcile.apply import bring_to_desired
from shares_core.app.reconcile.observe import observe
from shares_core.app.reconcile.plan import plan
from shares_core.domain.drift import Drift, DriftKind, Repair
from shares_core.domain.errors import SharesError
from shares_core.domain.server import ShareServer
from shares_core.domain.share import Failure
from shares_core.testing import Fault, FaultPlan, ProcessDied, memory_ports
from shares_core.testing.state import Container, Link

K = DriftKind


def populated() -> World:
    """A running server, a stopped one, and one to which nothing happens."""
    world = World.new()
    for name in ("tenant", "resting", "neighbour"):
        world.served(server=name)
        world.host.shares.create(name, "more", SMALL)
        world.host.access.allow(name, "files", "ada", RW, PASSWORD)
    world.host.servers.stop("resting")
    return world


def recorded(world: World, server: ShareServer) -> None:
    world.machine.records[server.id] = server


def fails(world: World, failure: Failure) -> None:
    server = world.record("tenant")
    recorded(world, server.with_share(server.share("files").failed(failure)))


def dies(world: World, verb: str, call: str = "") -> None:
    """Run the use case in a process that dies in it."""
    plan = FaultPlan().on(call, Fault(dies=True))
    process = world.process(plan)
    work: dict[str, Callable[[], object]] = {
        "deny": lambda: process.access.deny("tenant", "files", "ada"),
        "check": lambda: process.shares.check("tenant", "files"),
        "extend": lambda: process.shares.extend("tenant", "files", LARGE),
        "create share": lambda: process.shares.create("tenant", "new", SMALL),
        "delete share": lambda: process.shares.delete("resting", "more"),
        "create server": lambda: process.servers.create("new"),
    }
    with suppress(SharesError, ProcessDied):  # earlier events may keep it from getting there
        work[verb]()


def container_of(world: World, server: str) -> Container | None:
    return world.machine.containers.get(world.machine.server_id(server))


def kill(world: World) -> None:
    if container_of(world, "tenant") is not None:
        world.machine.kill_container(world.machine.server_id("tenant"))


def folder_is_lost(world: World) -> None:
    for folder in world.machine.folders.values():
        if folder.uid == world.record("tenant").uid:
            folder.shared = False


def untold(world: World) -> None:
    for folder in world.machine.folders.values():
        if folder.uid == world.record("tenant").uid:
            folder.told = False


def interface_left(world: World) -> None:
    server = world.record("resting")
    interface = server.interfaces[0]
    world.machine.links[interface.host_device] = Link(server.id, interface, 0, "elsewhere")


def container_left(world: World) -> None:
    server = world.record("resting")
    world.machine.containers[server.id] = Container(server.uid, world.machine.image)


def unplug(world: World) -> None:
    world.machine.links.pop(world.record("tenant").interfaces[0].host_device, None)


def unmount(world: World) -> None:
    server = world.record("tenant")
    world.machine.mounts.pop((server.id, server.share("files").id), None)


def lose_snapshot_mounts(world: World) -> None:
    with suppress(SharesError):  # what has failed has no snapshots
        world.host.snapshots.create("tenant", "files", "before")
    for ids in [ids for ids in world.machine.mounts if "@" in ids[1]]:
        del world.machine.mounts[ids]


def detach(world: World) -> None:
    server = world.record("tenant")
    unmount(world)
    world.machine.attached.discard(server.share("files").volume.ref)


def build(world: World) -> None:
    world.machine.image = "image-2"


#: What happens to a host, with the drift and its server.
TRICKS: dict[str, tuple[DriftKind, str, Callable[[World], object]]] = {
    "a container is killed": (K.CONTAINER_DOWN, "tenant", kill),
    "an image is built": (K.CONTAINER_OUTDATED, "tenant", build),
    "a container is left": (K.CONTAINER_LEFT, "resting", container_left),
    "folders are lost": (K.FOLDERS_MISSING, "tenant", folder_is_lost),
    "smbd was not told": (K.CONFIGURATION_DIFFERS, "tenant", untold),
    "an interface is unplugged": (K.INTERFACE_MISSING, "tenant", unplug),
    "an interface is left": (K.INTERFACE_LEFT, "resting", interface_left),
    "a share is unmounted": (K.SHARE_TROUBLED, "tenant", unmount),
    "a volume is detached": (K.SHARE_TROUBLED, "tenant", detach),
    "a snapshot is unmounted": (K.SNAPSHOTS_MISSING, "tenant", lose_snapshot_mounts),
    "a share has failed": (K.SHARE_FAILED, "tenant", lambda w: fails(w, Failure.unavailable("gone"))),
    "files are of a former release": (K.FILES_NOT_EXECUTABLE, "tenant", take_execute_bits),
    "a share is damaged": (K.SHARE_DAMAGED, "tenant", lambda w: fails(w, Failure.damaged("damage"))),
    "a volume is left attached": (
        K.SHARE_LEFT,
        "resting",
        lambda w: w.machine.attached.update(share.volume.ref for share in w.record("resting").shares[:1]),
    ),
    "a deny is interrupted": (
        K.OPERATION_INTERRUPTED,
        "tenant",
        lambda w: dies(w, "deny", "smb_sessions.close_user"),
    ),
    "a check is interrupted": (
        K.OPERATION_INTERRUPTED,
        "tenant",
        lambda w: dies(w, "check", "filesystems.examine"),
    ),
    "an extension is interrupted": (
        K.OPERATION_INTERRUPTED,
        "tenant",
        lambda w: dies(w, "extend", "filesystems.grow_mounted"),
    ),
    "a creation is interrupted": (
        K.OPERATION_INTERRUPTED,
        "tenant",
        lambda w: dies(w, "create share", "filesystems.make"),
    ),
    "a deletion is interrupted": (
        K.OPERATION_INTERRUPTED,
        "resting",
        lambda w: dies(w, "delete share", "storage.remove_volume"),
    ),
}
#: What causes several drifts at once, or a drift of a server that reconcile removes.
FURTHER: dict[str, Callable[[World], object]] = {
    "the host reboots": lambda w: w.machine.reboot(),
    "Docker restarts": lambda w: w.machine.restart_docker(),
    "a server's creation is interrupted": lambda w: dies(w, "create server", "runtime.start"),
}


def drifts(world: World, server: str) -> tuple[Drift, ...]:
    record = world.record(server)
    return plan(record, observe(memory_ports(world.machine), (record,), upgrade=True))


def bring(world: World, server: str) -> None:
    """Only up or down: holding the server recovers an operation on the server itself."""
    leases = Leases(memory_ports(world.machine))
    with leases.server_by_id(world.record(server).id, server) as held:
        bring_to_desired(held, upgrade=True)


def recover(world: World, server: str) -> None:
    """Only what was interrupted."""
    leases = Leases(memory_ports(world.machine))
    with leases.server(server):
        pass
    leases.recover_shares(world.record(server))


def decide(world: World, server: str) -> None:
    """As a person does."""
    world.host.shares.check(server, "files", repair=True)


MEANS: dict[Repair, Callable[[World, str], object]] = {
    Repair.SERVER: bring,
    Repair.OPERATION: recover,
    Repair.FILES: lambda world, server: world.host.fleet.repair(world.record(server).id),
    Repair.PERSON: decide,
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_drift_is_ended_by_its_repair(trick: str) -> None:
    """Only by that, and not by less."""
    kind, server, play = TRICKS[trick]
    world = populated()
    assert () == drifts(world, server)
    play(world)
    found = drifts(world, server)
    assert kind in {drift.kind for drift in found}
    (repair,) = {drift.repair for drift in found if drift.kind is kind}
    less = {Repair.SERVER: recover, Repair.FILES: bring, Repair.PERSON: bring}.get(repair)
    if less is not None:
        less(world, server)
        assert kind in {drift.kind for drift in drifts(world, server)}
    MEANS[repair](world, server)
    assert () == drifts(world, server)


def test_every_kind_of_drift_is_tried() -> None:
    """Except one: a server that cannot be observed is brought up or down, which says what is wrong."""
    assert set(DriftKind) == {kind for kind, *_ in TRICKS.values()} | {K.UNOBSERVABLE}
    assert Drift(K.UNOBSERVABLE).repair is Repair.SERVER
    world = populated()
    world.machine.damaged_secrets.add(world.record("tenant").id)
    (view,) = world.host.fleet.reconcile().servers
    assert [K.UNOBSERVABLE] == [drift.kind for drift in view.found]
    assert "it is damaged" in view.problem
    world.machine.damaged_secrets.clear()
    assert () == drifts(world, "tenant")


@settings(deadline=None)
@given(st.lists(st.sampled_from([*TRICKS, *FURTHER]), min_size=1, max_size=6, unique=True))
def test_reconcile_repairs_what_a_dry_run_reports(tricks: list[str]) -> None:
    """All of it except what a person decides; a server without drift stays as it was."""
    world = populated()
    for trick in tricks:
        (FURTHER.get(trick) or TRICKS[trick][2])(world)
    told = {view.server_id: view.found for view in world.host.fleet.reconcile(dry_run=True).servers}
    records = [record for record in world.machine.records.values() if isinstance(record, ShareServer)]
    before = {record.id: Picture.of(world.machine, record) for record in records if record.id not in told}
    assert told == {view.server_id: view.found for view in world.host.fleet.reconcile().servers}
    assert before == {key: Picture.of(world.machine, record) for key, record in _these(world, before)}
    left = world.host.fleet.reconcile(dry_run=True)
    assert {Repair.PERSON} >= {drift.repair for view in left.servers for drift in view.found}
    assert () == left.orphans


def _these(world: World, ids: Iterable[str]) -> list[tuple[str, ShareServer]]:
    records = ((key, world.machine.records[key]) for key in ids)
    return [(key, record) for key, record in records if isinstance(record, ShareServer)]
