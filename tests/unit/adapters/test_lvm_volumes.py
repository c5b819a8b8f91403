"""Logical volumes, on LVM's output and the kernel's files: which commands run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve
from tests.contracts.values import OWNER, ref
from tests.unit.adapters.lvm_words import SIZE, THIN, THIN_POOL, VOLUME, lvs, volume
from tests.unit.adapters.lvm_world import FakeLvm, Make, known, ours, thick, thin

from shares_core.adapters.pools.lvm.pool import LogicalVolumes
from shares_core.domain.capacity import GIB, MIB, Capacity
from shares_core.domain.errors import (
    BackendFailure,
    CommandFailed,
    Conflict,
    HostNotReady,
    NoCapacity,
    ShareFailed,
)
from shares_core.domain.volume import VolumeTraits
from shares_core.entrypoints.cli.remedies import worded
from shares_core.ports.storage import Volume

EXISTS = f'  Logical Volume "shares-{VOLUME}" already exists in volume group "vg"\n'
MADE = Volume(ref(VOLUME), Capacity(SIZE), VolumeTraits())
THIN_MADE = evolve(MADE, traits=VolumeTraits(thin=True, zeroed=True, discards=True))


def test_a_thin_volume_is_tagged_with_its_owner(fake_lvm: FakeLvm) -> None:
    """In whole sectors; its tags tell its installation, pool, server and share."""
    tag = known(fake_lvm)
    fake_lvm.answer("lvs", lvs(THIN_POOL))
    fake_lvm.answer("lvcreate")
    fake_lvm.activate(f"shares-{VOLUME}", is_thin=True)
    assert THIN_MADE == thin(fake_lvm).ensure_volume(VOLUME, Capacity(SIZE - 511), OWNER)
    made, whose = (
        f"lvcreate --yes --type thin --thinpool pool --virtualsize {SIZE}b --name shares-{VOLUME}",
        f"shares-core:server:{OWNER.server_id} --addtag shares-core:share:{OWNER.share_id}",
    )
    pool = "shares-core:pool:default"
    assert [f"{made} --addtag {tag} --addtag {pool} --addtag {whose} vg"] == fake_lvm.changed


def test_a_thin_pool_promises_no_more_than_it_has(fake_lvm: FakeLvm) -> None:
    """It gives its last extent, but never more, unless it may be overprovisioned."""
    known(fake_lvm)
    fake_lvm.answer("lvs", lvs(THIN_POOL, volume("c", size=GIB - SIZE) | THIN))
    fake_lvm.answer("lvcreate")
    fake_lvm.activate(f"shares-{VOLUME}")
    for more in (SIZE + 1, 2 * GIB):
        with pytest.raises(
            NoCapacity, match="the thin pool vg/pool has 100 MiB left to promise, not"
        ) as told:
            thin(fake_lvm).ensure_volume(VOLUME, Capacity(more), OWNER)
        assert "'lvextend --size +SIZE vg/pool'" in worded(told.value.remedy)
    assert [] == fake_lvm.changed
    thin(fake_lvm).ensure_volume(VOLUME, Capacity(SIZE), OWNER)
    thin(fake_lvm, overprovision=True).ensure_volume(VOLUME, Capacity(GIB), OWNER)
    assert ["lvcreate", "lvcreate"] == [line.split()[0] for line in fake_lvm.changed]


def test_a_growing_volume_needs_space_only_for_the_difference(fake_lvm: FakeLvm) -> None:
    """It already has the rest."""
    fake_lvm.answer("lvs", lvs(THIN_POOL, ours(fake_lvm, size=GIB - SIZE) | THIN))
    fake_lvm.answer("lvextend")
    with pytest.raises(NoCapacity):
        thin(fake_lvm).grow_volume(VOLUME, Capacity(GIB + 1))
    assert [] == fake_lvm.changed
    thin(fake_lvm).grow_volume(VOLUME, Capacity(GIB))
    assert [f"lvextend --size {GIB}b vg/shares-{VOLUME}"] == fake_lvm.changed


@pytest.mark.parametrize("make", [thick, thin])
def test_an_existing_volume_fits_or_is_a_conflict(fake_lvm: FakeLvm, make: Make) -> None:
    """The same size, rounded to LVM's extents, fits; the volume is not made again."""
    fake_lvm.answer("lvs", lvs(THIN_POOL, ours(fake_lvm)))
    fake_lvm.answer("lvcreate", complaint=EXISTS, status=5)
    for size in (SIZE, SIZE - 4 * MIB + 1):
        assert MADE == make(fake_lvm).ensure_volume(VOLUME, Capacity(size), OWNER)
    with pytest.raises(Conflict, match=f"volume {VOLUME} exists with 100 MiB, not 96 MiB"):
        make(fake_lvm).ensure_volume(VOLUME, Capacity(96 * MIB), OWNER)
    assert {"lvcreate"} == {line.split()[0] for line in fake_lvm.changed}


def test_a_volume_whose_ends_cannot_be_cleared_is_removed_again(fake_lvm: FakeLvm) -> None:
    """A former volume's data could be in it; the first error is raised."""
    known(fake_lvm)
    fake_lvm.answer("lvs", lvs({}))
    fake_lvm.answer("lvcreate")
    fake_lvm.answer("lvremove", complaint="  Logical volume vg/x in use.\n", status=5)
    with pytest.raises(BackendFailure, match="but its device is not there") as told:
        thick(fake_lvm).ensure_volume(VOLUME, Capacity(SIZE), OWNER)
    (note,) = told.value.__notes__
    assert note.endswith(": LVM says: Logical volume vg/x in use.")
    assert ["lvcreate", "lvremove"] == [line.split()[0] for line in fake_lvm.changed]


@pytest.mark.parametrize("make", [thick, thin])
def test_a_thick_volume_that_cannot_be_wiped_is_not_removed(
    fake_lvm: FakeLvm, make: Callable[..., LogicalVolumes]
) -> None:
    """Others would get its extents with the data, even if the settings now name a thin pool."""
    fake_lvm.answer("lvs", lvs(THIN_POOL, ours(fake_lvm)))
    fake_lvm.answer("dmsetup", "0\n")
    fake_lvm.answer("lvremove")
    path = fake_lvm.activate(f"shares-{VOLUME}")
    path.resolve().write_bytes(b"x" * 4096)  # not a block device: the kernel does not zero it
    with pytest.raises(BackendFailure, match=f"wiping {path}"):
        make(fake_lvm).remove_volume(VOLUME)
    assert [] == fake_lvm.changed
    make(fake_lvm, wipe=False).remove_volume(VOLUME)
    assert [f"lvremove --yes vg/shares-{VOLUME}"] == fake_lvm.changed


def test_a_cached_volume_is_wiped_too(fake_lvm: FakeLvm) -> None:
    """LVM reports its cache pool in the field of a thin volume's pool."""
    fake_lvm.answer("lvs", lvs(ours(fake_lvm) | {"lv_layout": "cache", "pool_lv": "[c_cpool]"}))
    fake_lvm.answer("dmsetup", "0\n")
    path = fake_lvm.activate(f"shares-{VOLUME}")
    path.resolve().write_bytes(b"x" * 4096)
    with pytest.raises(BackendFailure, match=f"wiping {path}"):
        thick(fake_lvm).remove_volume(VOLUME)
    assert [] == fake_lvm.changed


@pytest.mark.parametrize("make", [thick, thin])
def test_a_thin_volume_is_not_wiped(fake_lvm: FakeLvm, make: Make) -> None:
    """Its pool zeroes blocks; wiping would allocate all of its blocks, which the pool may not have."""
    fake_lvm.answer("dmsetup", "0\n")
    fake_lvm.answer("lvremove")
    fake_lvm.answer("lvs", lvs(THIN_POOL, ours(fake_lvm) | THIN))
    written = fake_lvm.activate(f"shares-{VOLUME}").resolve()
    written.write_bytes(b"x" * 4096)
    make(fake_lvm).remove_volume(VOLUME)
    assert [f"lvremove --yes vg/shares-{VOLUME}"] == fake_lvm.changed
    assert b"x" * 4096 == written.read_bytes()


@pytest.mark.parametrize("make", [thick, thin])
def test_a_missing_volume_counts_as_removed(fake_lvm: FakeLvm, make: Make) -> None:
    """A missing group does not."""
    known(fake_lvm)
    fake_lvm.answer("lvs", lvs(THIN_POOL))
    make(fake_lvm).remove_volume(VOLUME)
    assert [] == fake_lvm.changed
    fake_lvm.answer("lvs", complaint='  Volume group "vg" not found\n', status=5)
    with pytest.raises(HostNotReady, match="not found"):
        make(fake_lvm).remove_volume(VOLUME)


@pytest.mark.parametrize("make", [thick, thin])
def test_if_the_kernel_knows_the_volume_no_command_runs(fake_lvm: FakeLvm, make: Make) -> None:
    """It tells the device and its group; an inactive volume is activated, and looked up again."""
    known(fake_lvm)
    path = fake_lvm.activate(f"shares-{VOLUME}")
    pool = make(fake_lvm)
    pool.prepare()
    assert MADE == pool.find_volume(VOLUME)
    assert str(path) == pool.attach(VOLUME)
    pool.detach("ffffffffffff")
    assert [] == fake_lvm.asked
    fake_lvm.answer("lvchange")
    with pytest.raises(
        BackendFailure, match="LVM activated vg/shares-ffffffffffff, but its device is not there"
    ):
        pool.attach("ffffffffffff")
    pool.detach(VOLUME)
    assert fake_lvm.asked == [
        "lvchange --activate y vg/shares-ffffffffffff",
        f"lvchange --activate n vg/shares-{VOLUME}",
    ]


def test_a_suspended_volume_is_woken_before_it_is_used(fake_lvm: FakeLvm) -> None:
    """An LVM command was killed while it changed the device, which does not answer since then."""
    known(fake_lvm)
    path = fake_lvm.activate(f"shares-{VOLUME}", suspended=True)
    fake_lvm.answer("lvchange")
    assert str(path) == thick(fake_lvm).attach(VOLUME)
    assert [f"lvchange --refresh vg/shares-{VOLUME}"] == fake_lvm.asked


def test_a_volume_with_the_right_size_gets_its_device_resized(fake_lvm: FakeLvm) -> None:
    """A killed call may have left the old size; an inactive volume has no device; other errors are raised."""
    fake_lvm.answer("lvs", lvs(ours(fake_lvm)))
    for program in ("lvextend", "lvreduce"):
        fake_lvm.answer(
            program, complaint="  New size (25 extents) matches existing size (25 extents).\n", status=5
        )
    assert MADE == thick(fake_lvm).grow_volume(VOLUME, Capacity(SIZE))
    assert [f"lvextend --size {SIZE}b vg/shares-{VOLUME}"] == fake_lvm.changed
    fake_lvm.activate(f"shares-{VOLUME}")
    fake_lvm.answer("lvchange")
    assert MADE == thick(fake_lvm).grow_volume(VOLUME, Capacity(SIZE))
    thick(fake_lvm).cut_volume(VOLUME, Capacity(SIZE))
    refresh = f"lvchange --refresh vg/shares-{VOLUME}"
    cut = f"lvreduce --force --size {SIZE}b vg/shares-{VOLUME}"
    assert [refresh, cut, refresh] == fake_lvm.changed[2:]
    fake_lvm.answer("lvextend", complaint="  Something else.\n", status=5)
    with pytest.raises(CommandFailed, match="Something else"):
        thick(fake_lvm).grow_volume(VOLUME, Capacity(SIZE))


def test_a_missing_volume_cannot_grow(fake_lvm: FakeLvm) -> None:
    """Its share fails, with a remedy; nothing is made in its place."""
    known(fake_lvm)
    fake_lvm.answer("lvs", lvs(THIN_POOL))
    fake_lvm.answer("lvextend", complaint=f'  Failed to find logical volume "vg/shares-{VOLUME}"\n', status=5)
    with pytest.raises(ShareFailed) as told:
        thick(fake_lvm).grow_volume(VOLUME, Capacity(SIZE))
    assert "restore the volume from a backup, or delete the share" == told.value.hint
    assert ["lvextend"] == [line.split()[0] for line in fake_lvm.changed]


@pytest.mark.parametrize("make", [thick, thin])
def test_a_volume_in_use_is_not_touched(
    fake_lvm: FakeLvm, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a byte of it is wiped; once it is free, it is removed."""
    monkeypatch.setattr("shares_core.adapters.pools.lvm.pool._IN_USE_SECONDS", 0.05)
    fake_lvm.answer("lvs", lvs(THIN_POOL, ours(fake_lvm) | THIN))
    fake_lvm.answer("dmsetup", "1\n")
    fake_lvm.answer("lvremove")
    path = fake_lvm.activate(f"shares-{VOLUME}")
    with pytest.raises(BackendFailure, match=f"^{path} is in use$"):
        make(fake_lvm).remove_volume(VOLUME)
    assert [] == fake_lvm.changed
    fake_lvm.answer("dmsetup", "0\n")
    make(fake_lvm).remove_volume(VOLUME)
    counted, removal = (
        f"dmsetup info --columns --noheadings --options open {path}",
        f"lvremove --yes vg/shares-{VOLUME}",
    )
    assert {counted, removal} == {line for line in fake_lvm.asked if not line.startswith("lvs ")}
    assert [removal] == fake_lvm.changed
    assert 2 == len([line for line in fake_lvm.asked if line.startswith("lvs ")]), "one for each call"


@pytest.mark.parametrize(
    ("full", "option"),
    [({"metadata_percent": "95.00"}, "--poolmetadatasize"), ({"data_percent": "100.00"}, "--size")],
)
def test_a_full_thin_pool_makes_no_volume(fake_lvm: FakeLvm, full: dict[str, str], option: str) -> None:
    """With full tables it would turn read-only, and all its volumes too; slightly less full is fine."""
    known(fake_lvm)
    fake_lvm.answer("lvcreate")
    fake_lvm.activate(f"shares-{VOLUME}")
    fake_lvm.answer("lvs", lvs({**THIN_POOL, **full}))
    with pytest.raises(NoCapacity) as told:
        thin(fake_lvm, overprovision=True).ensure_volume(VOLUME, Capacity(SIZE), OWNER)
    assert ([], True) == (fake_lvm.changed, f"'lvextend {option} +SIZE vg/pool'" in worded(told.value.remedy))
    fake_lvm.answer("lvs", lvs({**THIN_POOL, **dict.fromkeys(full, "94.99")}))
    assert MADE == thin(fake_lvm, overprovision=True).ensure_volume(VOLUME, Capacity(SIZE), OWNER)


def test_a_thick_snapshot_is_split_off_before_it_is_wiped(fake_lvm: FakeLvm) -> None:
    """Zeros that were written to it would not be where it keeps what its origin held."""
    known(fake_lvm)
    moment = {"lv_name": f"shares-{VOLUME}.moment", "origin": "shares-a", "lv_role": "snapshot,thicksnapshot"}
    left = ours(fake_lvm) | moment
    fake_lvm.answer("lvs", lvs(left))
    fake_lvm.answer("dmsetup", "0\n")
    fake_lvm.answer("lvconvert")
    fake_lvm.answer("lvremove")
    path = fake_lvm.activate(f"shares-{VOLUME}.moment")
    path.resolve().write_bytes(b"x" * 4096)  # not a block device: the kernel does not zero it
    with pytest.raises(BackendFailure, match=f"wiping {path}"):
        thick(fake_lvm).remove_volume(VOLUME)
    assert [f"lvconvert --yes --splitsnapshot vg/shares-{VOLUME}.moment"] == fake_lvm.changed
    thick(fake_lvm, wipe=False).remove_volume(VOLUME)
    assert f"lvremove --yes vg/shares-{VOLUME}.moment" == fake_lvm.changed[-1]


def test_a_moment_that_could_hardly_be_kept_is_refused(fake_lvm: FakeLvm) -> None:
    """Half of what is left beside the copy is less than a tenth of the volume: nothing is made."""
    known(fake_lvm)
    fake_lvm.answer("lvs", lvs(ours(fake_lvm), vg_free=str(SIZE + SIZE // 5 - 1)))
    fake_lvm.activate(f"shares-{VOLUME}")
    with pytest.raises(NoCapacity, match="too little for a copy of 100 MiB and what clients change") as told:
        thick(fake_lvm).snapshot_volume(VOLUME, "0" * 12, OWNER, "/mounted")
    assert "vgextend vg DEVICE" in worded(told.value.remedy)
    assert [] == fake_lvm.changed


def test_a_volume_is_not_removed_with_an_unwiped_snapshot(fake_lvm: FakeLvm) -> None:
    """LVM would remove what keeps the volume's data with it: so that is wiped and removed first."""
    known(fake_lvm)
    name = f"shares-{'0' * 12}.moment"
    kept = {"lv_name": name, "origin": f"shares-{VOLUME}", "lv_role": "snapshot,thicksnapshot"}
    fake_lvm.answer("lvs", lvs(ours(fake_lvm), ours(fake_lvm) | kept))
    for command in ("dmsetup", "lvconvert", "lvremove"):
        fake_lvm.answer(command, "0\n" if command == "dmsetup" else "")
    path = fake_lvm.activate(name)
    path.resolve().write_bytes(b"x" * 4096)  # not a block device: the kernel does not zero it
    with pytest.raises(BackendFailure, match=f"wiping {path}"):
        thick(fake_lvm).remove_volume(VOLUME)
    assert [f"lvconvert --yes --splitsnapshot vg/{name}"] == fake_lvm.changed
