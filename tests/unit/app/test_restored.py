"""Records restored from a copy that was taken while a share was being made, and may be in use by now."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve
from tests.contracts.operations import in_status
from tests.unit.world import NETWORK, PASSWORD, RO, RW, SMALL, World

from shares_core.bootstrap import host
from shares_core.domain.drift import DriftKind
from shares_core.domain.errors import Conflict, ShareFailed
from shares_core.domain.share import ShareStatus
from shares_core.testing import Call, FaultPlan, OpenFile, SmbRefused, intercept, memory_ports


def restored(world: World) -> None:
    """Restore the record from before the share was ready."""
    record, share = world.record("tenant"), world.share("tenant", "files")
    creating = in_status(evolve(share, rules=()), ShareStatus.CREATING)
    world.machine.records[record.id] = record.with_share(creating)


def in_use(world: World) -> OpenFile:
    """The share with a file in it, which a client has open."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    opened = world.connect("ada").open("files", write=True)
    opened.write(b"kept")
    return opened


@pytest.mark.parametrize("stopped", [False, True])
def test_a_share_with_files_in_it_is_kept(world: World, stopped: bool) -> None:
    """Nobody has access, not even connected users, because the later rules are not known."""
    opened = in_use(world)
    if stopped:
        world.host.servers.stop("tenant")
    restored(world)
    world.host.fleet.reconcile()
    share = world.share("tenant", "files")
    assert (ShareStatus.READY, ()) == (share.status, share.rules)
    assert world.host.fleet.reconcile().is_empty
    world.host.servers.start("tenant")
    assert (True, {}) == (opened.closed, world.admitted())
    world.host.access.allow("tenant", "files", "ada", RO)
    assert b"kept" == world.connect("ada").open("files").read()


def test_a_share_whose_folder_was_moved_by_a_repair_is_kept(world: World) -> None:
    """It stays failed until that is moved back."""
    in_use(world)
    world.content().folders = {"lost+found": 0}
    restored(world)
    world.host.fleet.reconcile()
    assert ShareStatus.FAILED is world.share("tenant", "files").status
    assert b"kept" == world.content().files["file"]


def test_a_damaged_share_is_kept(world: World) -> None:
    """After a repair a person can see whether it holds files."""
    opened = in_use(world)
    world.ruin()
    restored(world)
    world.host.fleet.reconcile()
    share = world.share("tenant", "files")
    assert (ShareStatus.FAILED, True, True) == (share.status, share.damaged, opened.closed)
    world.host.shares.check("tenant", "files", repair=True)
    world.host.access.allow("tenant", "files", "ada", RO)
    assert b"kept" == world.connect("ada").open("files").read()


def test_a_share_whose_damage_mounting_does_not_name_is_kept_too(world: World) -> None:
    """mount(8) reports a bad superblock, or that it cannot be read: then its own tool looks at it."""
    in_use(world)
    world.ruin()
    restored(world)
    world.process(FaultPlan().on("filesystems.mount", times=None)).fleet.reconcile()
    share = world.share("tenant", "files")
    assert (ShareStatus.FAILED, True) == (share.status, share.damaged)
    world.host.shares.check("tenant", "files", repair=True)
    assert b"kept" == world.content().files["file"]


@pytest.mark.parametrize("verb", ["storage.attach", "filesystems.mount", "filesystems.has_files"])
def test_an_unobservable_share_waits(world: World, verb: str) -> None:
    """Neither served nor removed; the server's other shares go on."""
    opened = in_use(world)
    world.host.shares.create("tenant", "other", SMALL)
    restored(world)
    blind = world.process(FaultPlan().on(verb, times=None))
    with pytest.raises(ShareFailed):
        blind.shares.check("tenant", "files")
    blind.access.allow("tenant", "other", "ada", RW)
    assert (True, {("other", "ada"): RW}) == (opened.closed, world.admitted())
    assert ShareStatus.CREATING is world.share("tenant", "files").status
    (looked,) = world.host.fleet.reconcile(dry_run=True).servers
    (drift,) = looked.found
    assert (DriftKind.OPERATION_INTERRUPTED, "share files") == (drift.kind, drift.subject)
    assert drift.detail.startswith("share.create: ")
    with pytest.raises(Conflict, match="is creating"):
        world.host.shares.create("tenant", "files", SMALL)
    world.host.fleet.reconcile()
    assert ShareStatus.READY is world.share("tenant", "files").status
    assert b"kept" == world.content().files["file"]


def test_an_unobservable_share_of_a_stopped_server_is_not_left_mounted(world: World) -> None:
    """A stopped server has nothing mounted."""
    in_use(world)
    world.host.servers.stop("tenant")
    restored(world)
    world.process(FaultPlan().on("filesystems.has_files", times=None)).fleet.reconcile()
    assert ShareStatus.CREATING is world.share("tenant", "files").status
    assert ({}, set()) == (world.machine.mounts, set(world.machine.attached))
    world.host.shares.delete("tenant", "files")
    assert {} == world.machine.volumes


@pytest.mark.parametrize("verb", ["filesystems.mount", "filesystems.has_files", "storage.remove_volume"])
def test_nobody_writes_after_the_share_was_examined(world: World, verb: str) -> None:
    """A share that seems empty is removed, and nobody has written to it since the look."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    opened = world.connect("ada").open("files", write=True)
    restored(world)
    refused: list[str] = []

    def writing(call: Call, proceed: Callable[[], object]) -> object:
        if str(call) == verb:
            with pytest.raises(SmbRefused) as raised:
                opened.write(b"lost")
            refused.append(raised.value.status)
        return proceed()

    host(intercept(memory_ports(world.machine), writing), NETWORK).fleet.reconcile()
    assert refused
    assert ((), {}) == (world.host.shares.list("tenant"), world.machine.volumes)
