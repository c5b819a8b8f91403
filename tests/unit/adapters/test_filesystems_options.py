"""How file systems are made and mounted on each kind of volume."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path

import pytest
from attrs import evolve, field, frozen
from tests.contracts.values import UID, new_share_volume
from tests.unit.adapters.lvm_world import FakeLvm

from shares_core.adapters.filesystems import adapter as linux
from shares_core.adapters.filesystems import casefold, mounting
from shares_core.adapters.filesystems.adapter import LinuxFileSystems
from shares_core.adapters.filesystems.ext4 import bytes_per_inode
from shares_core.adapters.linux.idmap import IdMapping
from shares_core.adapters.linux.mountcalls import MountCalls
from shares_core.adapters.linux.mountinfo import Mount
from shares_core.adapters.state.layout import Layout
from shares_core.domain.capacity import MIB
from shares_core.domain.errors import BackendFailure, CommandFailed, Conflict, HostNotReady
from shares_core.domain.volume import DISK_OWNER, FileSystemKind, ShareVolume, VolumeTraits

FILES = new_share_volume(traits=VolumeTraits(zeroed=True))
SPARSE = evolve(FILES, traits=VolumeTraits(thin=True, zeroed=True))
THICK = evolve(FILES, traits=VolumeTraits())
THIN = evolve(FILES, traits=VolumeTraits(thin=True, zeroed=True, discards=True))
UUID_OF_ALL = FILES.filesystem.uuid
MADE = f"mkfs.ext4 -q -F -m 0 -e remount-ro -O ea_inode -i 4096 -U {UUID_OF_ALL} -E nodiscard"
#: From the kernel's include/uapi/linux/mount.h: nosuid, nodev, noexec, noatime, nosymfollow.
SAFE = 0x2 | 0x4 | 0x8 | 0x10 | 0x200000


@frozen
class Kernel(MountCalls):
    """Keeps its arguments, and mounts nothing."""

    target: Path = field(kw_only=True)
    asked: list[object] = field(factory=list)

    def make(self, kind: str, source: str, options: Iterable[str], attributes: int) -> int:
        self.asked.append(("make", kind, source, tuple(options), attributes))
        return os.open(self.target.parent, os.O_PATH | os.O_CLOEXEC)

    def map_ids(self, mount: int, namespace: int) -> None:
        """Kept where the namespace is made."""

    def move(self, mount: int, target: Path) -> None:
        self.asked.append(f"move {target}")


@pytest.fixture
def kernel(fake_lvm: FakeLvm, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    target = fake_lvm.folder / "state/servers/s/shares/x"
    target.parent.mkdir(parents=True)
    made = Kernel(target=target)

    def own(_: int, __: str, owner: int, *, read_only: bool) -> None:
        assert not read_only
        made.asked.append(f"own {owner}")

    def namespace(mapping: IdMapping) -> nullcontext[Callable[[], int]]:
        def give() -> int:
            made.asked.append(f"map {mapping.on_disk} {mapping.seen}")
            return 0

        return nullcontext(give)

    monkeypatch.setattr(linux, "require_on", lambda *_: None)
    monkeypatch.setattr(mounting, "_own", own)
    monkeypatch.setattr(mounting, "namespace", namespace)
    return made


@pytest.fixture
def filesystems(fake_lvm: FakeLvm, kernel: Kernel) -> LinuxFileSystems:
    return LinuxFileSystems(Layout(fake_lvm.folder / "state"), kernel)


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
    """A thick volume holds what its extents held: all tables are written."""
    fake_lvm.answer("mkfs.ext4")
    filesystems.make(str(device), volume)
    assumed = ",assume_storage_prezeroed=1" if zeroed else ""
    assert [f"{MADE}{assumed} {device}"] == fake_lvm.asked


def test_a_file_system_holds_as_many_files_as_people_have() -> None:
    """One for 8 KiB, below 512 MiB one for 4 KiB; from 4 TiB on mke2fs's own, so that it can grow."""
    sizes = (4 * MIB, 512 * MIB - 1, 512 * MIB, 4 * 1024**4 - 1, 4 * 1024**4)
    assert [4096, 4096, 8192, 8192, None] == [bytes_per_inode(size) for size in sizes]


def test_an_ext4_that_folds_case_takes_names_of_any_bytes(
    fake_lvm: FakeLvm, filesystems: LinuxFileSystems, device: Path
) -> None:
    """Its encoding is not strict, and a name that a folder's index lacks is not looked for in all of it."""
    aside = device.with_name("made")
    aside.write_bytes(bytes(1024) + superblock())
    fake_lvm.script("mkfs.ext4", f"/bin/dd if={aside} of={device} conv=notrunc status=none")
    folding = evolve(THICK, filesystem=evolve(THICK.filesystem, case_fold=True))
    filesystems.make(str(device), folding)
    made = MADE.replace("ea_inode", "ea_inode,casefold")
    assert [f"{made},encoding=utf8 {device}"] == fake_lvm.asked
    assert superblock(flags=2) == device.read_bytes()[1024:2048]


def superblock(flags: int = 0, *, checked: bool = True, magic: int = 0xEF53) -> bytes:
    """An ext4's, with a checksum if it is ``checked``."""
    made = bytearray(1024)
    for form, offset, value in (
        ("<H", 0x38, magic),
        ("<I", 0x64, 0x400 if checked else 0),
        ("<H", 0x27C, 1),
        ("<H", 0x27E, flags),
    ):
        struct.pack_into(form, made, offset, value)
    if checked:
        struct.pack_into("<I", made, 0x3FC, casefold.crc32c(made[:0x3FC]))
    return bytes(made)


def test_the_checksum_of_a_superblock_is_ext4s() -> None:
    """The well-known check value of CRC-32C, not inverted."""
    assert 0xE3069283 ^ 0xFFFFFFFF == casefold.crc32c(b"123456789")


@pytest.mark.parametrize("checked", [False, True])
def test_a_flag_changes_nothing_else_of_a_superblock(checked: bool) -> None:
    """Other flags stay, and setting it twice is setting it once."""
    for before, after in ((0, 2), (1, 3), (2, 2)):
        assert superblock(after, checked=checked) == casefold.with_flag(superblock(before, checked=checked))


@pytest.mark.parametrize(
    "content",
    [b"", superblock(magic=0), superblock()[:-1] + b"x", superblock()[:900]],
    ids=["nothing", "another magic", "another checksum", "too short"],
)
def test_what_is_no_whole_superblock_is_left_as_it_is(device: Path, content: bytes) -> None:
    written = (bytes(1024) + content)[:2048]
    device.write_bytes(written)
    with pytest.raises(BackendFailure, match="no ext4"):
        casefold.search_by_hash_alone(str(device))
    assert written == device.read_bytes()


@pytest.mark.parametrize("case_fold", [False, True])
@pytest.mark.parametrize("there", [(), ("casefold",)], ids=["without", "with"])
def test_a_kernel_without_case_folding_is_named(
    filesystems: LinuxFileSystems,
    kernel: Kernel,
    device: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: tuple[str, ...],
    case_fold: bool,
) -> None:
    """Before anything is made, and at a mount; other shares do not need it."""
    features = tmp_path / "features"
    monkeypatch.setattr(casefold, "_FEATURES", features)
    assert casefold.knows_case_fold() is None

    def load(_: MountCalls, kind: str) -> None:
        assert "ext4" == kind
        features.mkdir()
        for name in there:
            (features / name).touch()

    monkeypatch.setattr(Kernel, "load", load)
    volume = evolve(FILES, filesystem=evolve(FILES.filesystem, case_fold=case_fold))
    if not case_fold or there:
        filesystems.require_mounting(case_fold=case_fold)
        filesystems.mount("s", "x", str(device), volume, UID)
        return
    with pytest.raises(HostNotReady, match="ext4 does not fold case"):
        filesystems.require_mounting(case_fold=True)
    with pytest.raises(HostNotReady, match="ext4 does not fold case"):
        filesystems.mount("s", "x", str(device), volume, UID)
    assert [] == kernel.asked


def test_an_older_mkfs_is_not_asked_to_rely_on_zeros(
    fake_lvm: FakeLvm, filesystems: LinuxFileSystems, device: Path
) -> None:
    """Only if it says that it does not know the option; any other failure is raised."""
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
    """Whatever its pool; one byte is enough."""
    fake_lvm.answer("mkfs.ext4")
    fake_lvm.answer("blkid", status=2)
    device.write_bytes(bytes(MIB) + b"x" + bytes(3 * MIB))
    with pytest.raises(Conflict, match="is not empty, it holds something unknown: it is not formatted"):
        filesystems.make(str(device), volume)
    assert not [line for line in fake_lvm.asked if line.startswith("mkfs")]


@pytest.mark.parametrize(
    ("volume", "options"),
    [
        (FILES, ()),
        (SPARSE, ()),
        (THICK, ()),
        (THIN, ("discard",)),
        (new_share_volume(FileSystemKind.XFS), ("nouuid",)),
        (new_share_volume(FileSystemKind.XFS, traits=THIN.traits), ("nouuid", "discard")),
    ],
    ids=["files", "sparse", "thick", "thin", "xfs", "thin xfs"],
)
@pytest.mark.parametrize("owner", [DISK_OWNER, UID])
def test_only_on_a_thin_pool_do_file_systems_give_back_what_they_free(
    filesystems: LinuxFileSystems,
    kernel: Kernel,
    device: Path,
    volume: ShareVolume,
    options: tuple[str, ...],
    owner: int,
) -> None:
    """The space of a file or a thick volume stays reserved for its share; every mount is safe."""
    volume = evolve(volume, owner=owner)
    filesystems.mount("s", "x", str(device), volume, UID)
    mapped = () if owner == UID else (f"map {owner} {UID}",)
    kind = str(volume.filesystem.kind)
    made = ("make", kind, str(device), options, SAFE)
    assert [made, f"own {owner}", *mapped, f"move {kernel.target}"] == kernel.asked


def test_an_unmount_by_somebody_else_counts(
    fake_lvm: FakeLvm, filesystems: LinuxFileSystems, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a command that outlived its caller, say: the kernel's mount table decides."""
    kernel.target.mkdir()
    fake_lvm.answer("umount", complaint="umount: not mounted.", status=32)
    looks = iter([True, False, False])
    monkeypatch.setattr(mounting, "is_mounted", lambda _: next(looks))
    filesystems.unmount("s", "x")
    assert ["umount"] == [line.split()[0] for line in fake_lvm.asked]


def mount_of(fake_lvm: FakeLvm, number: str) -> Mount:
    """A mount as the kernel's table has it."""
    target = f"{fake_lvm.folder}/state/servers/s/shares/x"
    return Mount("30", "20", target, number, "ext4", "/dev/x", "")
