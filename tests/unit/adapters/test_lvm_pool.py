"""Pools of logical volumes, on LVM's output and the kernel's files: identity, and which commands run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.contracts.values import OWNER, ref
from tests.settings import with_pool
from tests.unit.adapters.lvm_words import (
    EMPTY_LVS,
    GROUP,
    OTHER_UUID,
    POOL,
    SIZE,
    THIN,
    THIN_POOL,
    UUID,
    VGS,
    VOLUME,
    lvs,
    vgs,
    volume,
)
from tests.unit.adapters.lvm_world import FakeLvm, Make, installation, known, ours, thick, thin

from shares_core.adapters.pools.volume_pool import VolumePool
from shares_core.bootstrap import ports
from shares_core.config import HostConfig, LvmPool
from shares_core.domain.capacity import GIB, MIB, Capacity
from shares_core.domain.errors import HostNotReady
from shares_core.domain.pools import SnapshotWay, ThinPoolName, VolumeGroupName
from shares_core.domain.views import PoolView
from shares_core.domain.volume import DEFAULT_POOL, VolumeTraits
from shares_core.entrypoints.cli.remedies import worded
from shares_core.ports.storage import Volume

MADE = Volume(ref(VOLUME), Capacity(SIZE), VolumeTraits())
VERBS: dict[str, Callable[[VolumePool], object]] = {
    "prepare": lambda storage: storage.prepare(),
    "pool": lambda storage: storage.pool(),
    "list": lambda storage: storage.list(),
    "ensure_volume": lambda storage: storage.ensure_volume(VOLUME, Capacity(SIZE), OWNER),
    "find_volume": lambda storage: storage.find_volume(VOLUME),
    "grow_volume": lambda storage: storage.grow_volume(VOLUME, Capacity(SIZE)),
    "cut_volume": lambda storage: storage.cut_volume(VOLUME, Capacity(SIZE)),
    "attach": lambda storage: storage.attach(VOLUME),
    "remove_volume": lambda storage: storage.remove_volume(VOLUME),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("make", [thick, thin])
def test_a_group_of_that_name_with_another_uuid_is_another_pool(
    fake_lvm: FakeLvm, make: Make, verb: str
) -> None:
    """It is left as it is; the group with the right UUID is used."""
    known(fake_lvm)
    fake_lvm.answer("lvs", lvs(THIN_POOL, volume(), vg_uuid=OTHER_UUID))
    with pytest.raises(
        HostNotReady, match=f"volume group vg .UUID {OTHER_UUID}. is not the pool default"
    ) as told:
        VERBS[verb](make(fake_lvm))
    assert "[pool] volume_group" in told.value.hint
    assert [] == fake_lvm.changed
    fake_lvm.answer("lvs", lvs(THIN_POOL, volume()))
    assert MADE == make(fake_lvm).find_volume(VOLUME)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("make", [thick, thin])
def test_a_device_of_another_group_is_not_taken_for_the_volumes(
    fake_lvm: FakeLvm, make: Make, verb: str
) -> None:
    """The kernel tells the group of an active volume: another group's is not served, changed or removed."""
    known(fake_lvm)
    fake_lvm.answer("lvs", lvs(THIN_POOL, volume(), vg_uuid=OTHER_UUID))
    fake_lvm.activate(f"shares-{VOLUME}", uuid=OTHER_UUID)
    for attempt in (VERBS[verb], lambda storage: storage.detach(VOLUME)):
        with pytest.raises(HostNotReady, match="is not the pool default of this installation"):
            attempt(make(fake_lvm))
    assert [] == fake_lvm.changed


@pytest.mark.parametrize("make", [thick, thin])
def test_the_first_use_makes_the_group_this_installations(fake_lvm: FakeLvm, make: Make) -> None:
    """By its UUID; until then it has no volumes, and those of others are not listed as its own."""
    fake_lvm.answer("lvs", lvs(THIN_POOL, volume()))
    pool = make(fake_lvm)
    assert () == pool.list()
    with pytest.raises(HostNotReady, match="not in use by this installation yet"):
        pool.find_volume(VOLUME)
    assert ("", []) == (installation(fake_lvm).pool_id(), fake_lvm.asked)
    pool.prepare()
    pool.prepare()
    assert (UUID, ()) == (installation(fake_lvm).pool_id(), pool.list())
    assert [] == fake_lvm.changed


@pytest.mark.parametrize(
    ("row", "message", "hint"),
    [
        (volume(), "there is no thin pool vg/pool", "'shares-core pool create' on volume group vg"),
        (
            {**THIN_POOL, "lv_layout": "linear"},
            "vg/pool is not a thin pool",
            "name another in the configuration: [pool] thin_pool",
        ),
        (
            {**THIN_POOL, "zero": ""},
            "the thin pool vg/pool does not zero new blocks: a tenant could read another's data in them",
            "lvchange --zero y vg/pool",
        ),
    ],
)
def test_a_thin_pool_that_is_not_fit_for_tenants_is_refused(
    fake_lvm: FakeLvm, row: dict[str, str], message: str, hint: str
) -> None:
    """With a remedy, before it is this installation's; a fit pool is used."""
    fake_lvm.answer("lvs", lvs(row))
    for attempt in (thin(fake_lvm).prepare, thin(fake_lvm).pool):
        with pytest.raises(HostNotReady) as told:
            attempt()
        assert (message, hint) == (told.value.message, worded(told.value.remedy))
    assert ("", []) == (installation(fake_lvm).pool_id(), fake_lvm.changed)
    fake_lvm.answer("lvs", lvs(THIN_POOL))
    thin(fake_lvm).prepare()
    assert UUID == installation(fake_lvm).pool_id()


@pytest.mark.parametrize("make", [thick, thin])
def test_an_unusable_group_is_not_taken_into_use(fake_lvm: FakeLvm, make: Make) -> None:
    """Its figures promise nothing either."""
    fake_lvm.answer("lvs", lvs(THIN_POOL, vg_missing_pv_count="1"))
    for attempt in (make(fake_lvm).prepare, make(fake_lvm).pool):
        with pytest.raises(HostNotReady, match="misses 1 of its devices"):
            attempt()
    assert "" == installation(fake_lvm).pool_id()


def test_the_figures_are_of_the_group_or_of_the_thin_pool_in_it(fake_lvm: FakeLvm) -> None:
    """Only this installation's volumes count as promised; those of others take space."""
    mine, second = ours(fake_lvm), ours(fake_lvm) | {"lv_name": "shares-b"}
    others = volume("c", size=200 * MIB)
    fake_lvm.answer("lvs", lvs(THIN_POOL, mine | THIN, second | THIN, others | THIN))
    total, free = 8585740288, 8480882688
    assert thick(fake_lvm).pool() == PoolView(
        *(DEFAULT_POOL, "lvm", "vg", total, 2 * SIZE, free),
        overprovisioned=False,
        snapshots=SnapshotWay.COPYING,
    )
    figures = PoolView(
        DEFAULT_POOL,
        *("lvm thin", "vg/pool", GIB, 2 * SIZE, GIB - 2 * SIZE - 200 * MIB),
        overprovisioned=False,
        data_percent=3.17,
        metadata_percent=10.84,
        snapshots=SnapshotWay.SHARING,
    )
    assert thin(fake_lvm).pool() == figures
    promising = thin(fake_lvm, overprovision=True).pool()
    assert (GIB, True) == (promising.free, promising.overprovisioned)


def test_an_empty_group_has_figures_too(fake_lvm: FakeLvm) -> None:
    """All of it is free."""
    fake_lvm.answer("lvs", EMPTY_LVS)
    fake_lvm.answer("vgs", VGS)
    view = thick(fake_lvm).pool()
    assert (view.total, 0) == (view.free, view.provisioned)
    fake_lvm.answer("vgs", vgs(vg_exported="exported"))
    with pytest.raises(HostNotReady, match="is exported"):
        thick(fake_lvm).pool()


@pytest.mark.parametrize("make", [thick, thin])
def test_only_volumes_of_this_installation_are_listed(fake_lvm: FakeLvm, make: Make) -> None:
    """Not another's."""
    another = volume("c", tags="shares-core:installation:ffffffffffff")
    fake_lvm.answer("lvs", lvs(THIN_POOL, ours(fake_lvm), another, {"lv_name": "root"}))
    assert (MADE,) == make(fake_lvm).list()


def test_the_settings_reach_the_pool(fake_lvm: FakeLvm) -> None:
    """Whether removed thick volumes are wiped, and whether a thin pool may be overprovisioned."""
    fake_lvm.answer("lvremove")
    config = HostConfig(fake_lvm.folder / "state", pools=(LvmPool(volume_group=VolumeGroupName(GROUP)),))
    fake_lvm.answer("lvs", lvs(THIN_POOL, ours(fake_lvm)))
    with pytest.raises(HostNotReady, match="lvchange is not installed"):  # to have a device to wipe
        ports(config).storage.remove_volume(ref(VOLUME))
    assert [] == fake_lvm.changed
    ports(with_pool(config, wipe_deleted=False)).storage.remove_volume(ref(VOLUME))
    assert [f"lvremove --yes vg/shares-{VOLUME}"] == fake_lvm.changed
    thinly = with_pool(config, thin_pool=ThinPoolName(POOL))
    for overprovision in (False, True):
        view = ports(with_pool(thinly, overprovision=overprovision)).storage.pool(DEFAULT_POOL)
        assert ("vg/pool", overprovision) == (view.location, view.overprovisioned)


@pytest.mark.parametrize("make", [thick, thin])
def test_figures_are_read_without_making_an_identity(fake_lvm: FakeLvm, make: Make) -> None:
    """``pool show`` and ``doctor`` change nothing, even on a fresh host."""
    fake_lvm.answer("lvs", lvs(THIN_POOL, volume()))
    assert 0 == make(fake_lvm).pool().provisioned
    assert not (fake_lvm.folder / "state").exists()
    tagged = ours(fake_lvm)
    fake_lvm.answer("lvs", lvs(THIN_POOL, tagged))
    assert SIZE == make(fake_lvm).pool().provisioned
