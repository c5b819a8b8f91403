"""Two pools of files at once, with real servers and clients."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from shares_core import AlreadyExists, Capacity, FilePool, HostNotReady, PoolName
from shares_core.domain.views import OrphanKind
from shares_core.domain.volume import VolumeRef
from shares_core.ports.storage import VolumeOwner
from tests.integration.support.several_pools import SERVER, SeveralPools, several_pools
from tests.settings import folder_of
from tests.testkit.footprint import footprint
from tests.testkit.leftovers import ROOT, remove_installation
from tests.testkit.site import opened_site

SLOW = PoolName("slow")


@pytest.fixture
def two() -> Iterator[SeveralPools]:
    """Two pools, one in the state folder and one elsewhere."""
    folder = ROOT / f"slow-{uuid.uuid4().hex[:8]}"
    size = Capacity.parse("1GiB")
    try:
        with (
            opened_site() as site,
            several_pools(site, FilePool(name=SLOW, dir=folder, size=size)) as made,
        ):
            yield made
    finally:
        remove_installation(folder)


def test_a_share_has_its_volume_in_its_pool(two: SeveralPools) -> None:
    """It is served from there; after its deletion the pool has the space again."""
    two.serves("default", "slow")
    host, config = two.site.host, two.site.config
    for pool in config.pools:
        (view,) = [view for view in host.shares.list(SERVER) if view.share.volume.pool == pool.name]
        assert (folder_of(config, pool.name) / f"{view.share.volume.id}.img").stat().st_size == 64 << 20
        assert 64 << 20 == host.pool.show(str(pool.name)).provisioned
    with pytest.raises(AlreadyExists, match="it is in the pool slow, not in default"):
        host.shares.create(SERVER, "slow", Capacity.parse("64MiB"))
    before = footprint(config)
    host.shares.create(SERVER, "more", Capacity.parse("32MiB"), pool="slow")
    host.shares.delete(SERVER, "more")
    assert before == footprint(config)


def test_a_pool_without_its_disk_fails_only_its_own_shares(two: SeveralPools) -> None:
    """Nothing is written in its place; it is back with its disk."""
    host, folder = two.site.host, folder_of(two.site.config, SLOW)
    host.servers.stop(SERVER)
    aside = folder.with_name(f"{folder.name}-aside")
    folder.rename(aside)
    folder.mkdir()
    try:
        host.servers.start(SERVER)
        two.serves("default")
        with pytest.raises(HostNotReady, match="is not the pool slow of this installation"):
            host.shares.create(SERVER, "more", Capacity.parse("32MiB"), pool="slow")
        assert [] == list(folder.iterdir())
    finally:
        folder.rmdir()
        aside.rename(folder)
    host.fleet.reconcile()
    two.serves("default", "slow")


def test_the_shares_of_a_pool_removed_from_the_settings_name_it(two: SeveralPools) -> None:
    """They keep their data; the others go on; with the pool restored they are served again."""
    fewer = two.without("slow")
    fewer.restart()
    fewer_host = fewer.site.host
    two.serves("default")
    failed = fewer_host.shares.show(SERVER, "slow").share
    assert "the pool slow is not in the configuration" in failed.reason
    with pytest.raises(HostNotReady, match="the pool slow is not in the configuration") as told:
        fewer_host.shares.delete(SERVER, "slow")
    assert 'name = "slow"' in told.value.hint
    two.site.host.fleet.reconcile()
    two.serves("default", "slow")


def test_an_orphan_is_reported_with_its_pool_and_removed_from_it(two: SeveralPools) -> None:
    """A volume in either pool without a record."""
    from shares_core import bootstrap

    storage = bootstrap.ports(two.site.config).storage
    strays = [VolumeRef(pool.name, "f" * 12) for pool in two.site.config.pools]
    for stray in strays:
        storage.ensure_volume(stray, Capacity.parse("16MiB"), VolumeOwner("0" * 12, "5" * 12))
    orphans = two.site.host.fleet.reconcile(dry_run=True).orphans
    assert [(OrphanKind.VOLUME, str(stray)) for stray in strays] == [
        (orphan.kind, orphan.name) for orphan in orphans
    ]
    assert all(orphan.removed for orphan in two.site.host.fleet.reconcile(remove_orphans=orphans).orphans)
    assert [None, None] == [storage.find_volume(stray) for stray in strays]
    two.serves("default", "slow")
