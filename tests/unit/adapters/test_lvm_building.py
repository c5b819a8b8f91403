"""Making a pool: existing groups, missing groups, and devices that cannot be used."""

from __future__ import annotations

import pytest
from tests.unit.adapters.lvm_words import (
    EMPTY_LVS,
    GROUP,
    NO_GROUP,
    OTHER_UUID,
    POOL,
    THIN_POOL,
    UUID,
    VGS,
    lvs,
)
from tests.unit.adapters.lvm_world import FakeLvm, installation

from shares_core.adapters.pools.lvm.building import PoolBuilder, require_unused
from shares_core.domain.errors import Conflict, HostNotReady, InvalidInput
from shares_core.domain.pools import DevicePath, ThinPoolName, VolumeGroupName
from shares_core.domain.volume import DEFAULT_POOL
from shares_core.entrypoints.cli.remedies import worded


def builder(fake_lvm: FakeLvm, *, thin: bool = False) -> PoolBuilder:
    thin_pool = ThinPoolName(POOL) if thin else None
    return PoolBuilder(DEFAULT_POOL, VolumeGroupName(GROUP), thin_pool, installation(fake_lvm))


@pytest.fixture
def disk(fake_lvm: FakeLvm) -> DevicePath:
    """The disk of the volume group, with another name with colons, as in udev's by-path."""
    (fake_lvm.folder / "sdb").touch()
    (fake_lvm.folder / "pci-0:1:2").symlink_to("sdb")
    path = fake_lvm.folder / "sdb"
    fake_lvm.script(
        "vgs", 'case "$*" in', f"*pv_name*) echo '  {path}  ' ;;", f"*) printf %s '{VGS}' ;;", "esac"
    )
    return DevicePath(str(path))


@pytest.mark.parametrize("thin", [False, True])
def test_an_existing_pool_is_not_made_again(fake_lvm: FakeLvm, disk: DevicePath, thin: bool) -> None:
    """Whichever name of its device is given, or none; any other device is a conflict."""
    fake_lvm.answer("lvs", lvs(THIN_POOL))
    for device in (None, disk, DevicePath(str(fake_lvm.folder / "pci-0:1:2"))):
        assert not builder(fake_lvm, thin=thin).build(device)
    with pytest.raises(Conflict, match=f"volume group vg exists already, on {disk}") as told:
        builder(fake_lvm, thin=thin).build(DevicePath("/dev/null"))
    assert "to make it larger: 'vgextend vg /dev/null'" == worded(told.value.remedy)
    assert [] == fake_lvm.changed


def test_a_thin_pool_is_made_in_an_existing_group(fake_lvm: FakeLvm, disk: DevicePath) -> None:
    """It zeroes; LVM gets a device name without colons, which would begin a range of extents."""
    fake_lvm.answer("lvs", EMPTY_LVS)
    fake_lvm.answer("lvcreate")
    for device in (None, disk, DevicePath(str(fake_lvm.folder / "pci-0:1:2"))):
        assert builder(fake_lvm, thin=True).build(device)
    made = "lvcreate --yes --type thin-pool --zero y --discards passdown --extents 95%FREE --name pool vg"
    assert [made, f"{made} {disk}", f"{made} {disk}"] == fake_lvm.changed


@pytest.mark.parametrize("thin", [False, True])
def test_without_a_group_a_device_has_to_be_named(fake_lvm: FakeLvm, thin: bool) -> None:
    """And it has to exist: nothing is guessed, and nothing runs."""
    fake_lvm.answer("lvs", complaint=NO_GROUP, status=5)
    with pytest.raises(InvalidInput, match="no device to make it on was named") as told:
        builder(fake_lvm, thin=thin).build(None)
    assert "lsblk" in worded(told.value.remedy)
    with pytest.raises(InvalidInput, match="there is no device /dev/no-such-device"):
        builder(fake_lvm, thin=thin).build(DevicePath("/dev/no-such-device"))
    assert [] == fake_lvm.changed


def test_no_group_is_made_in_place_of_a_missing_one(fake_lvm: FakeLvm, disk: DevicePath) -> None:
    """Another group of that name is not used either; other errors of LVM are raised unchanged."""
    with pytest.raises(HostNotReady, match="lvs is not installed"):
        builder(fake_lvm).build(disk)
    installation(fake_lvm).remember_pool(UUID)
    with pytest.raises(HostNotReady, match="lvs is not installed"):
        builder(fake_lvm).build(disk)
    fake_lvm.answer("lvs", complaint=NO_GROUP, status=5)
    with pytest.raises(HostNotReady, match=f"UUID {UUID}, which is not there: no other is made in its place"):
        builder(fake_lvm).build(disk)
    fake_lvm.answer("lvs", lvs({}, vg_uuid=OTHER_UUID))
    with pytest.raises(HostNotReady, match=f"is not the pool default of this installation, which is {UUID}"):
        builder(fake_lvm).build(disk)
    fake_lvm.answer("lvs", lvs({}))
    assert not builder(fake_lvm).build(disk)
    assert [] == fake_lvm.changed


def test_a_group_that_cannot_be_used_is_not_built_on(fake_lvm: FakeLvm) -> None:
    """It says why."""
    fake_lvm.answer("lvs", lvs({}, vg_exported="exported"))
    with pytest.raises(HostNotReady, match="volume group vg is exported"):
        builder(fake_lvm, thin=True).build(None)
    assert [] == fake_lvm.changed


@pytest.mark.parametrize("device", ["/dev/null", "/etc/passwd", "/dev"])
def test_only_a_block_device_is_a_disk(device: str) -> None:
    """Nothing is opened or written."""
    with pytest.raises(InvalidInput, match=f"^{device} is not a block device$") as told:
        require_unused(DevicePath(device))
    assert "'lsblk' lists the devices" == worded(told.value.remedy)
