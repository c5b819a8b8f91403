"""Whether a device holds exactly one file system, by its superblock."""

from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve

from shares_core.adapters.filesystems.signatures import holds, is_blank, is_half_made, length_of
from shares_core.domain.capacity import MIB
from shares_core.domain.share import FileSystem, FileSystemKind

EXT4 = FileSystem(FileSystemKind.EXT4, "0e6fa4b8-9a0e-4b51-8f4c-3a2b1c0d9e8f")
XFS = evolve(EXT4, kind=FileSystemKind.XFS)
#: The first bytes from mkfs.ext4 and mkfs.xfs with that UUID: only the fields of each superblock.
UUID_BYTES = bytes.fromhex("0e6fa4b89a0e4b518f4c3a2b1c0d9e8f")
STARTS = {
    FileSystemKind.EXT4: (b"\0" * 1080 + b"\x53\xef").ljust(1128, b"\0") + UUID_BYTES,
    FileSystemKind.XFS: b"XFSB".ljust(32, b"\0") + UUID_BYTES,
}

Device = Callable[[bytes], str]


@pytest.fixture
def device(tmp_path: Path) -> Device:
    """Makes a file of 8 MiB that begins with the given bytes."""

    def make(start: bytes) -> str:
        path = tmp_path / "device"
        path.write_bytes(start.ljust(8 * MIB, b"\0"))
        return str(path)

    return make


def test_an_incomplete_xfs_is_recognised(device: Device) -> None:
    """mkfs.xfs writes its superblock, with its UUID, long before it has written the rest."""
    in_progress = STARTS[FileSystemKind.XFS].ljust(126, b"\0") + b"\1"
    assert is_half_made(device(in_progress), XFS)
    assert not is_half_made(device(in_progress), EXT4)
    assert not is_half_made(device(in_progress[:-1] + b"\xa5"), XFS), "which no mkfs writes"
    assert not is_half_made(device(STARTS[FileSystemKind.XFS]), XFS)
    assert not is_half_made(device(STARTS[FileSystemKind.EXT4]), EXT4)
    assert not is_half_made(device(in_progress), evolve(XFS, uuid="0e6fa4b8-9a0e-4b51-8f4c-3a2b1c0d9e80"))


@pytest.mark.parametrize("filesystem", [EXT4, XFS], ids=["ext4", "xfs"])
def test_a_file_system_is_identified_by_kind_and_uuid(device: Device, filesystem: FileSystem) -> None:
    """Another UUID, the other kind, zeros, a truncated device and a missing one do not match."""
    start = STARTS[filesystem.kind]
    assert holds(device(start), filesystem)
    other_uuid = evolve(filesystem, uuid="0e6fa4b8-9a0e-4b51-8f4c-3a2b1c0d9e80")
    other_kind = XFS if filesystem is EXT4 else EXT4
    assert not holds(device(start), other_uuid)
    assert not holds(device(start), other_kind)
    assert not holds(device(b""), filesystem)
    cut = device(start)
    Path(cut).write_bytes(start[:-1])
    assert not holds(cut, filesystem)
    assert not holds("/dev/absent", filesystem)


@pytest.mark.parametrize(
    ("offset", "zeros"),
    [(0, False), (2 * MIB, False), (5 * MIB, True), (7 * MIB, False), (8 * MIB - 1, False)],
)
def test_one_byte_at_an_end_is_seen(device: Device, offset: int, zeros: bool) -> None:
    """The device is read where blkid knows signatures, but not in between."""
    path = device(b"\0" * offset + b"x")
    assert is_blank(path) is zeros
    assert length_of(path) == 8 * MIB
