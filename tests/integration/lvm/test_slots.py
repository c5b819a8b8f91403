"""A share on a disk that is slow keeps nobody waiting: the kernel's own delay, on a real volume group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from attrs import frozen

from shares_core import Busy, Capacity, Host, LvmPool, NotFound, PoolName
from shares_core.domain.pools import VolumeGroupName
from shares_core.domain.share import ShareStatus
from shares_core.domain.views import RunState
from tests.integration.support.held import OK, SHARE_CLOSED, Held
from tests.integration.support.several_pools import SERVER, SeveralPools, several_pools
from tests.testkit.probes import until
from tests.testkit.site import opened_site
from tests.testkit.slow_disks import SlowDisk, slow_disk
from tests.testkit.volume_groups import lvm, new_name, remove_group, size_for

SLOW, QUICK = PoolName("slow"), "default"
SMALL, LARGE = Capacity.parse("64MiB"), Capacity.parse("128MiB")
_SECONDS = 300


@frozen
class Slow:
    """A server with a share on a slow disk, and one on a quick one."""

    pools: SeveralPools
    disk: SlowDisk

    def operations(self) -> list[tuple[str, str]]:
        return [(view.kind, view.share) for view in self.pools.site.host.operations.list() if view.running]

    @contextmanager
    def under_way(
        self, kind: str, work: Callable[[Host], object], *, reads: bool = False, writes: bool = False
    ) -> Iterator[Future[object]]:
        """In the body the operation waits for the disk; at the end it has ended."""
        with ThreadPoolExecutor(1) as thread:
            with self.disk.slow(reads=reads, writes=writes):
                working = thread.submit(work, self.pools.site.host)
                assert until(lambda: (kind, str(SLOW)) in self.operations() or working.done(), _SECONDS)
                yield working
                assert not working.done(), "it did not wait for the disk"
            working.result(_SECONDS)


@pytest.fixture
def slow() -> Iterator[Slow]:
    group = new_name()
    with slow_disk(size_for(48)) as disk:
        lvm("vgcreate", "--yes", group, disk.device)
        try:
            pool = LvmPool(name=SLOW, volume_group=VolumeGroupName(group))
            with opened_site() as site, several_pools(site, pool) as pools:
                yield Slow(pools, disk)
        finally:
            remove_group(group)


def nobody_waits(slow: Slow, kind: str, hold: Callable[..., Held]) -> None:
    """Everything else on the server is done while the operation is under way, a deny on its share too."""
    me, ada = slow.pools.site.hasty, slow.pools.ada
    others = hold(ada, QUICK)
    assert me.access.deny(SERVER, str(SLOW), "ada")
    assert others.write == OK
    assert me.access.deny(SERVER, QUICK, "ada")
    assert others.write == SHARE_CLOSED
    me.access.allow(SERVER, QUICK, "ada")
    me.shares.create(SERVER, "new", SMALL, pool=QUICK)
    me.shares.extend(SERVER, "new", LARGE)
    me.shares.delete(SERVER, "new")
    assert RunState.RUNNING is me.servers.show(SERVER).state
    assert RunState.STOPPED is me.servers.stop(SERVER).state
    assert RunState.RUNNING is me.servers.start(SERVER).state
    with pytest.raises(Busy, match=f"{kind} .* has been under way for"):
        me.shares.delete(SERVER, str(SLOW))
    assert [(kind, str(SLOW))] == slow.operations()


def test_nobody_waits_for_the_wipe_of_a_slow_disk(slow: Slow, hold: Callable[..., Held]) -> None:
    """The volume is overwritten with zeros before its extents are given back."""
    with slow.under_way("share.delete", lambda h: h.shares.delete(SERVER, str(SLOW)), writes=True):
        nobody_waits(slow, "share.delete", hold)
    with pytest.raises(NotFound):
        slow.pools.site.host.shares.show(SERVER, str(SLOW))
    assert slow.pools.site.host.fleet.reconcile(dry_run=True).is_empty


def test_nobody_waits_for_the_check_of_a_slow_disk(slow: Slow, hold: Callable[..., Held]) -> None:
    """Every block that e2fsck reads takes its time."""
    with slow.under_way("share.check", lambda h: h.shares.check(SERVER, str(SLOW)), reads=True):
        nobody_waits(slow, "share.check", hold)
    share = slow.pools.site.host.shares.show(SERVER, str(SLOW)).share
    assert ShareStatus.READY is share.status
    assert slow.pools.site.host.fleet.reconcile(dry_run=True).is_empty
