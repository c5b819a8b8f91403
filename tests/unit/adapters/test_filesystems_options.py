"""How file systems are made and mounted, by what their volumes are."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from uuid import UUID

import pytest
from attrs import evolve
from tests.contracts.values import UID, new_share_volume
from tests.unit.adapters.lvm_world import FakeLvm

from shares_core.adapters.filesystems import adapter as linux
from shares_core.adapters.filesystems import mounting
from shares_core.adapters.filesystems.adapter import LinuxFileSystems
from shares_core.adapters.linux.mountinfo import Mount
from shares_core.adapters.state.layout import Layout
from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.errors import CommandFailed, Conflict
from shares_core.domain.volume import ShareVolume, VolumeTraits

FILES = new_share_volume(traits=VolumeTraits(zeroed=True))
SPARSE = evolve(FILES, traits=VolumeTraits(thin=True, zeroed=True))
THICK = evolve(FILES, traits=VolumeTraits())
THIN = evolve(FILES, traits=VolumeTraits(thin=True, zeroed=True, discards=True))
UUID_OF_ALL = FILES.filesystem.uuid
MADE = f"mkfs.ext4 -q -F -m 0 -e remount-ro -U {UUID_OF_ALL} -E nodiscard"
SAFE = "nodev,nosuid,noexec,nosymfollow,noatime"


@pytest.fixture
def filesystems(fake_lvm: FakeLvm) -> LinuxFileSystems:
    return LinuxFileSystems(Layout(fake_lvm.folder / "state"))


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "device"
    path.write_bytes(bytes(4 * MIB))
    return path


@pytest.mark.parametrize(
    ("volume", "zeroed"),
    [(FILES, True), (SPARSE, True), (THIN, True), (THICK, False)],
    ids=["files", "sparse", "thin", "thick"],
)
def test_making_an_ext4_relies_on_zeros_where_volumes_have_them(
    fake_lvm: FakeLvm, filesystems: LinuxFileSystems, device: Path, volume: ShareVolume, zeroed: bool
) -> None:
    """A thick volume has what its extents held: its tables are written whole."""
    fake_lvm.answer("mkfs.ext4")
    filesystems.make(str(device), volume)
    assumed = ",assume_storage_prezeroed=1" if zeroed else ""
    assert [f"{MADE}{assumed} {device}"] == fake_lvm.asked


def test_an_older_mkfs_is_not_asked_to_rely_on_zeros(
    fake_lvm: FakeLvm, filesystems: LinuxFileSystems, device: Path
) -> None:
    """Only where it says that it does not know the option; any other failure is told."""
    unknown = "Bad option(s) specified: assume_storage_prezeroed"
    fake_lvm.script("mkfs.ext4", f'case "$*" in *zeroed*) echo "{unknown}" >&2; exit 1 ;; esac')
    filesystems.make(str(device), FILES)
    assert [f"{MADE},assume_storage_prezeroed=1 {device}", f"{MADE} {device}"] == fake_lvm.asked
    fake_lvm.answer("mkfs.ext4", complaint="No space left on device", status=1)
    with pytest.raises(CommandFailed, match="No space left"):
        filesystems.make(str(device), FILES)
    assert 3 == len(fake_lvm.asked)


@pytest.mark.parametrize("volume", [FILES, THICK, THIN], ids=["files", "thick", "thin"])
def test_a_volume_that_holds_anything_is_not_formatted(
    fake_lvm: FakeLvm, filesystems: LinuxFileSystems, device: Path, volume: ShareVolume
) -> None:
    """Whatever its pool is; one byte is enough."""
    fake_lvm.answer("mkfs.ext4")
    fake_lvm.answer("blkid", status=2)
    device.write_bytes(bytes(MIB) + b"x" + bytes(3 * MIB))
    with pytest.raises(Conflict, match="is not empty, it holds something unknown: it is not formatted"):
        filesystems.make(str(device), volume)
    assert not [line for line in fake_lvm.asked if line.startswith("mkfs")]


@pytest.mark.parametrize(
    ("volume", "options"),
    [(FILES, SAFE), (SPARSE, SAFE), (THICK, SAFE), (THIN, f"{SAFE},discard")],
    ids=["files", "sparse", "thick", "thin"],
)
def test_only_on_a_thin_pool_do_file_systems_give_back_what_they_free(
    fake_lvm: FakeLvm, filesystems: LinuxFileSystems, device: Path, volume: ShareVolume, options: str
) -> None:
    """A file's or a thick volume's space stays reserved for its share; every mount is a safe one."""
    fake_lvm.answer("mount")
    state_dir = fake_lvm.folder / "state"
    (state_dir / "servers/s/shares").mkdir(parents=True)
    magic = (bytes(1080) + b"\x53\xef").ljust(1128, b"\0") + UUID(UUID_OF_ALL).bytes
    device.write_bytes(magic.ljust(4 * MIB, b"\0"))
    filesystems.mount("s", "x", str(device), volume, UID)
    assert [f"mount -w -t ext4 -o {options} {device} {state_dir}/servers/s/shares/x"] == fake_lvm.asked


def test_what_somebody_else_has_unmounted_meanwhile_is_unmounted(
    fake_lvm: FakeLvm, filesystems: LinuxFileSystems, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that outlived its caller, say: what counts is what the kernel's table says then."""
    fake_lvm.answer("umount", complaint="umount: not mounted.", status=32)
    table = iter([mount_of(fake_lvm, "0:0"), None, None])
    monkeypatch.setattr(mounting, "mount_at", lambda _: next(table))
    filesystems.unmount("s", "x")
    assert ["umount"] == [line.split()[0] for line in fake_lvm.asked]


@pytest.mark.parametrize(("number", "well"), [("0:0", True), ("7:1", False)])
def test_what_somebody_else_has_mounted_meanwhile_is_mounted(
    fake_lvm: FakeLvm,
    filesystems: LinuxFileSystems,
    device: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: str,
    well: bool,
) -> None:
    """If it is this device: the kernel lets nobody mount it twice."""
    fake_lvm.answer("mount", complaint="already mounted or mount point busy", status=32)
    table = iter([None, mount_of(fake_lvm, number)])
    monkeypatch.setattr(linux, "mount_at", lambda _: next(table))
    monkeypatch.setattr(linux, "holds", lambda *_: True)
    monkeypatch.setattr(linux, "has_errors", lambda *_: False)
    monkeypatch.setattr(LinuxFileSystems, "size", lambda *_: Capacity(MIB))
    state_dir = fake_lvm.folder / "state"
    (state_dir / "servers/s/shares").mkdir(parents=True)
    with nullcontext() if well else pytest.raises(CommandFailed, match="already mounted"):
        filesystems.mount("s", "x", str(device), FILES, UID)


def mount_of(fake_lvm: FakeLvm, number: str) -> Mount:
    """As the kernel's table tells of it."""
    target = f"{fake_lvm.folder}/state/servers/s/shares/x"
    return Mount("30", "20", target, number, "ext4", "/dev/x", "")
