"""Settings of pools, and their effect."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.settings import folder_of

from shares_core.adapters.pools.storage import Pools
from shares_core.bootstrap import pool_builder, ports
from shares_core.config import FilePool, HostConfig, LvmPool, PoolSettings
from shares_core.domain.errors import InvalidInput
from shares_core.domain.pools import PoolKind, ThinPoolName, VolumeGroupName
from shares_core.domain.volume import DEFAULT_POOL, PoolName

LVM = """
[pool]
kind = "lvm"
volume_group = "vg0"
thin_pool = "fast"
wipe_deleted = false
overprovision = true
"""

SEVERAL = """
[[pool]]
size = "1GiB"
[[pool]]
name = "fast"
kind = "lvm"
[[pool]]
name = "slow"
dir = "/srv/slow"
"""


def _load(tmp_path: Path, text: str) -> HostConfig:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return HostConfig.load(path)


def test_every_key_of_a_pool_of_logical_volumes_is_read(tmp_path: Path) -> None:
    """Without a thin pool the volumes are thick; the group is Manila's unless another is named."""
    named = LvmPool(
        volume_group=VolumeGroupName("vg0"),
        thin_pool=ThinPoolName("fast"),
        wipe_deleted=False,
        overprovision=True,
    )
    assert (named,) == _load(tmp_path, LVM).pools
    (usual,) = _load(tmp_path, '[pool]\nkind = "lvm"').pools
    group = VolumeGroupName("manila_docker_volumes")
    assert LvmPool(volume_group=group, thin_pool=None, wipe_deleted=True, overprovision=False) == usual
    assert HostConfig() == _load(tmp_path, '[pool]\nkind = "files"')


def test_several_pools_are_read_in_their_order(tmp_path: Path) -> None:
    """Of both kinds; a ``[pool]`` and a ``[[pool]]`` without a name are the same."""
    config = _load(tmp_path, SEVERAL)
    kinds = [(str(pool.name), pool.kind) for pool in config.pools]
    assert [("default", PoolKind.FILES), ("fast", PoolKind.LVM), ("slow", PoolKind.FILES)] == kinds
    assert [Path("/var/lib/shares-core/pool"), Path("/srv/slow")] == [
        folder_of(config, PoolName(name)) for name in ("default", "slow")
    ]
    assert _load(tmp_path, '[[pool]]\nsize = "1GiB"') == _load(tmp_path, '[pool]\nsize = "1GiB"')


@pytest.mark.parametrize(
    ("text", "why", "hint"),
    [
        ('[[pool]]\nname = "fast"', "toml: the pool fast names no folder", 'dir = "/srv/pool"'),
        ('[[pool]]\nname = "-x"', "toml: pool.-x.name: pool name '-x' cannot be used", "letters"),
        ("[[pool]]\nname = 7", "toml: pool.number 1.name must be text", "name = "),
        ('[[pool]]\nname = "fast"\nsize = 5', "toml: pool.fast.size must be text", 'size = "500GiB"'),
        ("[[pool]]\n[[pool]]\ncolour = 1", "unknown key: pool.number 2.colour", "pool.name"),
        ('[[pool]]\nname = "a"\nkind = "zfs"', "toml: pool.a.kind: 'zfs' is not a kind of pool", "lvm"),
        (
            '[[pool]]\nname = "a"\nkind = "lvm"\ndir = "/a"',
            r'toml: pool.a.dir counts for nothing with \[\[pool\]\] kind = "lvm"',
            'write kind = "files" in [[pool]]',
        ),
        (
            '[[pool]]\nname = "a"\nkind = "lvm"\noverprovision = true',
            "toml: pool.a: thick logical volumes cannot promise",
            "name a thin pool",
        ),
        ('[[pool]]\n[[pool]]\ndir = "/a"', "two pools are named default", "a name of its own"),
        (
            '[[pool]]\nname = "a"\ndir = "/a"\n[[pool]]\nname = "A"\ndir = "/b"',
            "two pools are named A; names that differ only in case are the same",
            "a name of its own",
        ),
    ],
)
def test_an_error_in_one_of_several_pools_names_it(tmp_path: Path, text: str, why: str, hint: str) -> None:
    """By its name, or by its position if it has none."""
    with pytest.raises(InvalidInput, match=why) as told:
        _load(tmp_path, text)
    assert str(tmp_path / "config.toml") in told.value.message
    assert hint in told.value.hint


FAST, SLOW = PoolName("fast"), PoolName("slow")
GROUP, OTHER = VolumeGroupName("vg0"), VolumeGroupName("vg1")
THIN = ThinPoolName("thin")


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (FilePool(dir="/a"), FilePool(name=FAST, dir="/a"), True),
        (FilePool(dir="/a"), FilePool(name=FAST, dir="/a/b"), True),
        (FilePool(name=FAST, dir="/a/b"), FilePool(dir="/a"), True),
        (FilePool(), FilePool(name=FAST, dir="/var/lib/shares-core/pool"), True),
        (FilePool(dir="/a"), FilePool(name=FAST, dir="/ab"), False),
        (LvmPool(volume_group=GROUP), LvmPool(name=FAST, volume_group=GROUP), True),
        (LvmPool(volume_group=GROUP), LvmPool(name=FAST, volume_group=OTHER), False),
        (LvmPool(volume_group=GROUP), LvmPool(name=FAST, volume_group=GROUP, thin_pool=THIN), False),
        (
            LvmPool(volume_group=GROUP, thin_pool=THIN),
            LvmPool(name=FAST, volume_group=GROUP, thin_pool=THIN),
            True,
        ),
        (FilePool(dir="/vg0"), LvmPool(name=FAST, volume_group=GROUP), False),
    ],
)
def test_two_pools_in_the_same_place_are_refused(
    one: PoolSettings, other: PoolSettings, overlap: bool
) -> None:
    """Each would take the other's volumes for orphans."""
    if overlap:
        with pytest.raises(InvalidInput, match="are in the same place"):
            HostConfig(pools=(one, other))
    else:
        assert (one, other) == HostConfig(pools=(one, other)).pools


def test_two_links_to_one_folder_are_the_same_place(tmp_path: Path) -> None:
    """Their targets count."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    pools = (FilePool(dir=tmp_path / "real"), FilePool(name=FAST, dir=tmp_path / "link"))
    with pytest.raises(InvalidInput, match="are in the same place"):
        ports(HostConfig(tmp_path / "state", pools=pools))


def test_a_pool_is_found_by_its_name() -> None:
    """And replaces the pool of the same name."""
    config = HostConfig(pools=(FilePool(dir="/a"), FilePool(name=FAST, dir="/b")))
    assert (Path("/a"), Path("/b")) == (folder_of(config), folder_of(config, FAST))
    with pytest.raises(InvalidInput, match="there is no pool slow in the configuration") as told:
        config.pool(SLOW)
    assert "it has default, fast" == told.value.hint
    moved = config.with_pool(FilePool(dir="/c")).with_pool(FilePool(name=SLOW, dir="/d"))
    assert [DEFAULT_POOL, FAST, SLOW] == [pool.name for pool in moved.pools]
    assert Path("/c") == folder_of(moved)


def test_only_thin_pools_and_files_can_be_overprovisioned(tmp_path: Path) -> None:
    """Thick volumes have all their space from the start."""
    with pytest.raises(InvalidInput, match="thick logical volumes cannot promise more than") as told:
        _load(tmp_path, '[pool]\nkind = "lvm"\noverprovision = true')
    assert "name a thin pool ([pool] thin_pool), or leave overprovision out" == told.value.hint
    for text in (
        '[pool]\nkind = "lvm"\noverprovision = true\nthin_pool = "p"',
        "[pool]\noverprovision = true",
    ):
        assert _load(tmp_path, text).pool().overprovision


def test_the_settings_decide_what_volumes_are(tmp_path: Path) -> None:
    """Files, thick or thin logical volumes; only the last two have a pool that a command makes."""
    pools = (FilePool(), LvmPool(name=SLOW), LvmPool(name=FAST, thin_pool=THIN))
    config = HostConfig(tmp_path, pools=pools)
    storage = ports(config).storage
    assert isinstance(storage, Pools)
    assert (DEFAULT_POOL, SLOW, FAST) == storage.pools()
    assert ["LoopFilePool", "VolumeGroupPool", "ThinPool"] == [
        type(storage.named(name)).__name__ for name in storage.pools()
    ]
    group = LvmPool().volume_group
    built = [pool_builder(config, name) for name in (SLOW, FAST)]
    assert [(SLOW, group, None, (FAST,)), (FAST, group, THIN, (SLOW,))] == [
        (made.pool, made.group, made.thin_pool, made.others) for made in built
    ]
    with pytest.raises(InvalidInput, match=f"the pool default is of files in {tmp_path}/pool") as told:
        pool_builder(config)
    assert 'write kind = "lvm" in its [pool]' in told.value.hint


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("overprovision = true", "an xfs image cannot promise more than it has"),
        ('size = "299MiB"', "an xfs image has at least 300 MiB, not 299 MiB"),
        ('kind = "lvm"', 'xfs_image counts for nothing with [pool] kind = "lvm"'),
    ],
)
def test_an_xfs_image_can_be_what_it_says(tmp_path: Path, text: str, why: str) -> None:
    """It holds all that it promises."""
    assert _load(tmp_path, "[pool]\nxfs_image = true").pool() == FilePool(
        xfs_image=True, dir=HostConfig().state_dir / "pool"
    )
    with pytest.raises(InvalidInput) as refused:
        _load(tmp_path, f"[pool]\nxfs_image = true\n{text}")
    assert why in str(refused.value)
