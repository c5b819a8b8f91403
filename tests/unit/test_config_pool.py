"""Settings of the pool, and what they make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shares_core.adapters.pools.storage import Pools
from shares_core.adapters.pools.volume_pool import VolumePool
from shares_core.bootstrap import pool_builder, ports
from shares_core.config import HostConfig
from shares_core.domain.errors import InvalidInput
from shares_core.domain.pools import PoolKind, ThinPoolName, VolumeGroupName
from shares_core.domain.volume import DEFAULT_POOL

LVM = """
[pool]
kind = "lvm"
volume_group = "vg0"
thin_pool = "fast"
wipe_deleted = false
overprovision = true
"""


def _load(tmp_path: Path, text: str) -> HostConfig:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return HostConfig.load(path)


def test_every_key_of_a_pool_of_logical_volumes_is_read(tmp_path: Path) -> None:
    """Without a thin pool the volumes are thick ones; the group is Manila's unless another is named."""
    config = _load(tmp_path, LVM)
    assert (PoolKind.LVM, VolumeGroupName("vg0"), ThinPoolName("fast")) == (
        config.pool_kind,
        config.volume_group,
        config.thin_pool,
    )
    assert (False, True) == (config.wipe_deleted, config.overprovision)
    config = _load(tmp_path, '[pool]\nkind = "lvm"')
    assert (VolumeGroupName("manila_docker_volumes"), None) == (config.volume_group, config.thin_pool)
    assert (True, False) == (config.wipe_deleted, config.overprovision)
    assert HostConfig(pool_kind=PoolKind.FILES) == _load(tmp_path, '[pool]\nkind = "files"') == HostConfig()


def test_only_a_thin_pool_can_promise_more_than_there_is(tmp_path: Path) -> None:
    """Or files, which are sparse; thick volumes have all that they were promised."""
    with pytest.raises(InvalidInput, match="thick logical volumes cannot promise more than") as told:
        _load(tmp_path, '[pool]\nkind = "lvm"\noverprovision = true')
    assert "name a thin pool ([pool] thin_pool), or leave overprovision out" == told.value.hint
    assert _load(tmp_path, '[pool]\nkind = "lvm"\nthin_pool = "p"\noverprovision = true').overprovision
    assert _load(tmp_path, "[pool]\noverprovision = true").overprovision


def test_the_settings_decide_what_volumes_are(tmp_path: Path) -> None:
    """Files, thick logical volumes or thin ones; only the last two have a pool that is made by a command."""
    lvm, thin = PoolKind.LVM, ThinPoolName("fast")
    files = HostConfig(tmp_path)
    thick, thinly = HostConfig(tmp_path, pool_kind=lvm), HostConfig(tmp_path, pool_kind=lvm, thin_pool=thin)
    assert ["LoopFilePool", "VolumeGroupPool", "ThinPool"] == [
        type(_pool(config)).__name__ for config in (files, thick, thinly)
    ]
    assert [(thick.volume_group, None), (thick.volume_group, thin)] == [
        (made.group, made.thin_pool) for made in map(pool_builder, (thick, thinly))
    ]
    with pytest.raises(InvalidInput, match=f"the pool is of files in {tmp_path}/pool") as told:
        pool_builder(files)
    assert 'write kind = "lvm" in [pool]' in told.value.hint


def _pool(config: HostConfig) -> VolumePool:
    """What the one pool of the settings is."""
    storage = ports(config).storage
    assert isinstance(storage, Pools)
    return storage.named(DEFAULT_POOL)
