"""The identity of pools, by their names in the settings and what they say themselves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.contracts.values import OWNER
from tests.unit.adapters.lvm_words import GROUP, POOL, SIZE, THIN, THIN_POOL, UUID, lvs, volume
from tests.unit.adapters.lvm_world import FakeLvm

from shares_core.bootstrap import pool_builder, ports
from shares_core.config import FilePool, HostConfig, LvmPool
from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.errors import HostNotReady
from shares_core.domain.pools import ThinPoolName, VolumeGroupName
from shares_core.domain.volume import DEFAULT_POOL, PoolName, VolumeRef
from shares_core.ports.storage import BlockStorage

FAST = PoolName("fast")


@pytest.fixture
def config(tmp_path: Path) -> HostConfig:
    """Two pools of files."""
    usual = FilePool(dir=tmp_path / "usual", size=Capacity(64 * MIB))
    fast = FilePool(name=FAST, dir=tmp_path / "fast", size=Capacity(64 * MIB))
    return HostConfig(tmp_path / "state", pools=(usual, fast))


@pytest.fixture
def storage(config: HostConfig) -> BlockStorage:
    """The two pools, both in use."""
    storage = ports(config).storage
    for pool in storage.pools():
        storage.prepare(pool)
    return storage


def known(config: HostConfig) -> dict[str, str]:
    found: dict[str, str] = json.loads((config.state_dir / "installation.json").read_text())
    return found


def test_an_installation_knows_each_pool_by_its_name(
    config: HostConfig, storage: BlockStorage, tmp_path: Path
) -> None:
    """The default pool keeps the place of the only pool from before pools had names."""
    told = {name: json.loads((tmp_path / name / "pool.json").read_text()) for name in ("usual", "fast")}
    assert {
        "id": known(config)["id"],
        "pool": told["usual"]["pool"],
        "pool:fast": told["fast"]["pool"],
    } == known(config)
    assert ["default", "fast"] == [told[name]["name"] for name in ("usual", "fast")]


def test_a_pool_that_was_made_before_pools_had_names_is_the_default_one(
    config: HostConfig, storage: BlockStorage, tmp_path: Path
) -> None:
    """It has no name, and stays in use; it cannot become another pool."""
    path = tmp_path / "usual/pool.json"
    former = {key: value for key, value in json.loads(path.read_text()).items() if key != "name"}
    path.write_text(json.dumps(former))
    ref = VolumeRef(DEFAULT_POOL, "0" * 12)
    made = storage.ensure_volume(ref, Capacity(MIB), OWNER)
    assert (made,) == ports(config).storage.list(DEFAULT_POOL)
    renamed = HostConfig(config.state_dir, pools=(FilePool(name=PoolName("new"), dir=tmp_path / "usual"),))
    with pytest.raises(HostNotReady, match="is the pool default of this installation, not new"):
        ports(renamed).storage.prepare(PoolName("new"))
    assert "pool:new" not in known(config)


@pytest.mark.parametrize("copied", [False, True])
def test_one_pool_in_the_place_of_another_is_not_that_one(
    config: HostConfig, storage: BlockStorage, tmp_path: Path, copied: bool
) -> None:
    """Their disks were swapped, or one was copied over the other."""
    usual, fast, aside = (tmp_path / name for name in ("usual", "fast", "aside"))
    if copied:
        shutil.rmtree(fast)
        shutil.copytree(usual, fast)
    else:
        for source, target in ((usual, aside), (fast, usual), (aside, fast)):
            source.rename(target)
    with pytest.raises(HostNotReady, match=f"{fast} is not the pool fast of this installation"):
        storage.prepare(FAST)
    with pytest.raises(HostNotReady, match=f"{fast} is not the pool fast of this installation"):
        storage.list(FAST)


def test_the_hints_name_the_settings_of_the_pool_that_they_are_about(
    config: HostConfig, storage: BlockStorage, tmp_path: Path
) -> None:
    """For a single ``[pool]``, and for one of several."""
    hints = []
    for pool in (DEFAULT_POOL, FAST):
        with pytest.raises(Exception, match="free, not") as told:
            storage.ensure_volume(VolumeRef(pool, "0" * 12), Capacity(65 * MIB), OWNER)
        hints.append(getattr(told.value, "hint", ""))
    assert ["[pool] size" in hints[0], "size of the [[pool]] 'fast'" in hints[1]] == [True, True]


@pytest.fixture
def one_group(fake_lvm: FakeLvm) -> HostConfig:
    """Thick volumes, and those of a thin pool, of one group."""
    thick = LvmPool(volume_group=VolumeGroupName(GROUP))
    thin = LvmPool(name=FAST, volume_group=VolumeGroupName(GROUP), thin_pool=ThinPoolName(POOL))
    return HostConfig(fake_lvm.folder / "state", pools=(thick, thin))


def test_two_pools_in_one_group_tell_their_volumes_apart(fake_lvm: FakeLvm, one_group: HostConfig) -> None:
    """By their tags; a volume without one is the default pool's, from before pools had names."""
    storage = ports(one_group).storage
    fake_lvm.answer("lvs", lvs(THIN_POOL, volume()))
    for pool in storage.pools():
        storage.prepare(pool)
    fake_lvm.answer("lvcreate")
    fake_lvm.activate(f"shares-{'a' * 12}")
    storage.ensure_volume(VolumeRef(FAST, "a" * 12), Capacity(SIZE), OWNER)
    (made,) = fake_lvm.changed
    tags = [word for word in made.split() if word.startswith("shares-core:")]
    assert "shares-core:pool:fast" in tags
    former = volume("b" * 12, tags=tags[0])
    named = volume("c" * 12, tags=f"{tags[0]},shares-core:pool:default")
    fake_lvm.answer("lvs", lvs(THIN_POOL, volume("a" * 12, tags=",".join(tags)) | THIN, former, named))
    assert ["a" * 12] == [found.id for found in storage.list(FAST)]
    assert ["b" * 12, "c" * 12] == [found.id for found in storage.list(DEFAULT_POOL)]
    promised = [storage.pool(pool).provisioned for pool in storage.pools()]
    assert [2 * SIZE, SIZE] == promised
    assert {"pool": UUID, "pool:fast": UUID} == {
        key: value for key, value in known(one_group).items() if key != "id"
    }


def test_a_group_that_another_pool_is_in_is_not_made_anew(fake_lvm: FakeLvm, one_group: HostConfig) -> None:
    """Its device is missing, and a new thin pool in it has to wait."""
    fake_lvm.answer("lvs", lvs(THIN_POOL, volume()))
    ports(one_group).storage.prepare(DEFAULT_POOL)
    fake_lvm.answer("lvs", complaint=f'  Volume group "{GROUP}" not found\n', status=5)
    with pytest.raises(HostNotReady, match=f"the volume group of UUID {UUID}, which is not there"):
        pool_builder(one_group, FAST).build(None)
    assert [] == fake_lvm.changed
