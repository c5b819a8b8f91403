"""Files and logical volumes at once, with a real server and client."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from shares_core import Capacity, HostNotReady, LvmPool, PoolName, bootstrap
from shares_core.domain.pools import ThinPoolName, VolumeGroupName, volume_name
from shares_core.domain.volume import VolumeTraits
from shares_core.ports import Ports
from tests.integration.support.several_pools import SERVER, SeveralPools, several_pools
from tests.reliability.scene import mount_point
from tests.testkit.site import opened_site
from tests.testkit.volume_groups import lvm

THIN_SIZE = "512M"
THICK = PoolName("thick")
THIN = PoolName("thin")


@pytest.fixture
def mixed() -> Iterator[SeveralPools]:
    """Files, thick volumes, and those of a thin pool in the same group."""
    group, thin_pool = os.environ["SHARES_CORE_TEST_VG"], f"sctest-pool-{uuid.uuid4().hex[:8]}"
    lvm("lvcreate", "--yes", "--type", "thin-pool", "--size", THIN_SIZE, "--name", thin_pool, group)
    thick = LvmPool(name=THICK, volume_group=VolumeGroupName(group))
    thin = LvmPool(name=THIN, volume_group=VolumeGroupName(group), thin_pool=ThinPoolName(thin_pool))
    try:
        with opened_site() as site, several_pools(site, thick, thin) as made:
            yield made
    finally:
        lvm("lvremove", "--yes", f"{group}/{thin_pool}")


def test_files_and_logical_volumes_serve_side_by_side(mixed: SeveralPools) -> None:
    """Each share has its pool's kind of volume, and keeps it; only a thin one is mounted with discard."""
    mixed.serves("default", "thick", "thin")
    host, config = mixed.site.host, mixed.site.config
    server = host.servers.show(SERVER).server
    traits = {str(share.name): share.volume.traits for share in server.shares}
    assert {
        "default": VolumeTraits(thin=False, zeroed=True, discards=False),
        "thick": VolumeTraits(thin=False, zeroed=False, discards=False),
        "thin": VolumeTraits(thin=True, zeroed=True, discards=True),
    } == traits
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    options = {target: options.split(",") for _, target, _, options, *_ in mounts}
    assert {"default": False, "thick": False, "thin": True} == {
        str(share.name): "discard" in options[str(mount_point(config, server, share))]
        for share in server.shares
    }
    storage = _ports(mixed).storage
    for share in server.shares:
        found = storage.find_volume(share.volume.ref)
        assert found is not None
        assert share.volume.traits == found.traits
        assert (found,) == storage.list(share.volume.pool)


def test_a_pool_removed_from_the_settings_fails_only_its_own_shares(
    mixed: SeveralPools,
) -> None:
    """Although another pool has the same group, where none of its volumes is an orphan."""
    fewer = mixed.without("thin")
    fewer.restart()
    mixed.serves("default", "thick")
    assert () == fewer.site.host.fleet.reconcile(dry_run=True).orphans
    with pytest.raises(HostNotReady, match="the pool thin is not in the configuration"):
        fewer.site.host.shares.delete(SERVER, "thin")
    mixed.site.host.fleet.reconcile()
    mixed.serves("default", "thick", "thin")


def test_a_removed_share_is_removed_from_its_own_pool(mixed: SeveralPools) -> None:
    """After growing, and of any kind; other shares stay."""
    host = mixed.site.host
    names = {str(share.name): share.volume.id for share in host.servers.show(SERVER).server.shares}
    for gone in ("thin", "thick"):
        host.shares.extend(SERVER, gone, Capacity.parse("96MiB"))
        host.shares.delete(SERVER, gone)
        group = os.environ["SHARES_CORE_TEST_VG"]
        left = lvm("lvs", "--noheadings", "--options", "lv_name", group)
        assert volume_name(names[gone]) not in left
        assert 0 == host.pool.show(gone).provisioned
    assert b"what is in this pool" == mixed.ada.get("default", "kept.txt")


def _ports(mixed: SeveralPools) -> Ports:
    return bootstrap.ports(mixed.site.config)
