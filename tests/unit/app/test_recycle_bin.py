"""What becomes of a share's recycle bin when its options change, and who is asked what it holds."""

from __future__ import annotations

import pytest
from tests.unit.world import PASSWORD, World

from shares_core.domain.errors import BackendFailure
from shares_core.domain.options import RecycleBin
from shares_core.domain.views import RecycledFiles
from shares_core.testing import Fault, FaultPlan, Moment, ProcessDied


def test_a_bin_that_is_turned_off_is_cleared_from_then_on(world: World) -> None:
    """Only what was deleted by then is to go; turned on again, or changed, it stays so."""
    world.served()
    shares, machine = world.host.shares, world.machine
    shares.set("tenant", "files", recycle_bin=True)
    shares.set("tenant", "files", recycle_bin=RecycleBin(3))
    assert 0 == world.share("tenant", "files").bin_cleared
    machine.time += 100
    shares.set("tenant", "files", recycle_bin=False)
    off = machine.time
    machine.time += 100
    for audit in (True, False):
        shares.set("tenant", "files", audit=audit)
    shares.set("tenant", "files", recycle_bin=True)
    assert off == world.share("tenant", "files").bin_cleared


def test_a_share_without_a_bin_is_never_cleared(world: World) -> None:
    """Its clients may have a folder of that name."""
    world.served()
    world.host.shares.set("tenant", "files", audit=True)
    world.host.shares.set("tenant", "files", audit=False)
    assert 0 == world.share("tenant", "files").bin_cleared


@pytest.mark.parametrize("verb", ["smb_config.apply", "smb_sessions.close_share", "records.save"])
def test_a_bin_is_cleared_once_nobody_fills_it_any_more(world: World, verb: str) -> None:
    """After the share was closed: a caller that died on the way has cleared nothing, the next one does."""
    world.served()
    world.host.shares.set("tenant", "files", recycle_bin=True)
    dying = world.process(FaultPlan().on(verb, Fault(Moment.AFTER, dies=True)))
    with pytest.raises(ProcessDied):
        dying.shares.set("tenant", "files", recycle_bin=False)
    assert 0 == world.share("tenant", "files").bin_cleared
    world.machine.time += 100
    world.process().shares.set("tenant", "files", recycle_bin=False)
    assert world.machine.time == world.share("tenant", "files").bin_cleared


def test_only_show_and_set_ask_a_server_what_a_bin_holds(world: World) -> None:
    """Of a share that has one: to list shares costs no more than before."""
    world.served()
    world.host.shares.create("tenant", "plain", world.share("tenant", "files").capacity)
    world.host.shares.set("tenant", "files", recycle_bin=True)
    world.content().recycled.append(b"four")
    plan = FaultPlan()
    shares = world.process(plan).shares
    listed = [each.recycled for each in shares.list("tenant")]
    assert ([None, None], None) == (listed, shares.show("tenant", "plain").recycled)
    assert not [each for each in plan.calls if each.verb == "recycled"]
    shown, changed = shares.show("tenant", "files"), shares.set("tenant", "files", audit=True)
    assert (RecycledFiles(4, 1), RecycledFiles(4, 1)) == (shown.recycled, changed.recycled)


def test_a_share_is_shown_even_if_its_server_does_not_say_what_the_bin_holds(world: World) -> None:
    world.served()
    world.host.shares.set("tenant", "files", recycle_bin=True)
    late = BackendFailure("it does not end in 6 s")
    plan = FaultPlan().on("smb_files.recycled", Fault(error=late))
    assert world.process(plan).shares.show("tenant", "files").recycled is None


def test_a_deleted_file_takes_room_until_the_bin_gives_it_up(world: World) -> None:
    """In memory as on a real server; without a bin it is gone."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", password=PASSWORD)
    for kept, expected in ((True, 5), (False, 5)):
        world.host.shares.set("tenant", "files", recycle_bin=kept)
        opened = world.connect("ada").open("files", write=True)
        opened.write(b"bytes")
        opened.delete()
        assert expected == world.content().used
        assert {} == world.content().files
