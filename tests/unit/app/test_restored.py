"""Records put back from a copy that was taken while a share was being made: it may be in use since."""

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
    """Put back the record of the time before the share was ready."""
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
    """Open to nobody, also of those who are connected: who was let in since is not known any more."""
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
    """It is failed until that is moved back."""
    in_use(world)
    world.content().folders = {"lost+found": 0}
    restored(world)
    world.host.fleet.reconcile()
    assert ShareStatus.FAILED is world.share("tenant", "files").status
    assert b"kept" == world.content().files["file"]


def test_a_share_that_is_damaged_is_kept(world: World) -> None:
    """Whether there are files in it a person sees, after a repair."""
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
    """mount(8) calls it a bad superblock, or that it cannot be read: then it is looked at."""
    in_use(world)
    world.ruin()
    restored(world)
    world.process(FaultPlan().on("filesystems.mount", times=None)).fleet.reconcile()
    share = world.share("tenant", "files")
    assert (ShareStatus.FAILED, True) == (share.status, share.damaged)
    world.host.shares.check("tenant", "files", repair=True)
    assert b"kept" == world.content().files["file"]


@pytest.mark.parametrize("verb", ["storage.attach", "filesystems.mount", "filesystems.has_files"])
def test_a_share_that_cannot_be_looked_at_waits(world: World, verb: str) -> None:
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


def test_a_stopped_servers_share_that_cannot_be_looked_at_is_not_left_mounted(world: World) -> None:
    """Nothing of a stopped server is."""
    in_use(world)
    world.host.servers.stop("tenant")
    restored(world)
    world.process(FaultPlan().on("filesystems.has_files", times=None)).fleet.reconcile()
    assert ShareStatus.CREATING is world.share("tenant", "files").status
    assert ({}, set()) == (world.machine.mounts, set(world.machine.attached))
    world.host.shares.delete("tenant", "files")
    assert {} == world.machine.volumes


@pytest.mark.parametrize("verb", ["filesystems.mount", "filesystems.has_files", "storage.remove_volume"])
def test_nobody_writes_once_it_was_looked_at(world: World, verb: str) -> None:
    """A share in which nothing was seen is removed, and nothing was written to it since."""
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
