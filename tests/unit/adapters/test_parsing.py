"""Parsing captured output of the kernel and its tools, with pure functions."""

from __future__ import annotations

from pathlib import Path

import pytest

from shares_core.adapters.filesystems.ext4 import refused_online
from shares_core.adapters.filesystems.signatures import parse_blkid
from shares_core.adapters.filesystems.sizes import parse_dumpe2fs, parse_xfs_info
from shares_core.adapters.linux.mountinfo import (
    Mount,
    is_mounted,
    mount_and_above,
    mount_at,
    mount_table,
    parse_mountinfo,
)
from shares_core.domain.capacity import Capacity

MOUNTINFO = r"""22 27 0:20 / /proc rw,nosuid - proc proc rw
44 27 254:0 /tmp/state/servers /tmp/state/servers rw,relatime shared:3 - ext4 /dev/vda rw
51 44 7:3 / /tmp/state/servers/a\040b/shares/1 rw,nosuid shared:3 master:2 - xfs /dev/loop3 rw
"""
XFS_INFO = """\
meta-data=/dev/loop3             isize=512    agcount=4, agsize=20480 blks
         =                       sectsz=512   attr=2, projid32bit=1
data     =                       bsize=4096   blocks=81920, imaxpct=25
         =                       sunit=0      swidth=0 blks
log      =internal log           bsize=4096   blocks=16384, version=2
"""
DUMPE2FS = """\
Inode count:              8192
Block count:              32768
Reserved block count:     1638
Block size:               1024
"""


def test_the_mount_table_is_read_with_its_escapes_and_propagation() -> None:
    """Spaces in a path are unescaped, and a shared mount is told from a private one."""
    expected = (
        Mount("22", "27", "/proc", "0:20", "proc", "proc", peers=""),
        Mount("44", "27", "/tmp/state/servers", "254:0", "ext4", "/dev/vda", peers="shared:3"),
        Mount("51", "44", "/tmp/state/servers/a b/shares/1", "7:3", "xfs", "/dev/loop3", peers="shared:3"),
    )
    found = parse_mountinfo(MOUNTINFO)
    assert expected == found
    assert [False, True, True] == [mount.shared for mount in found]


@pytest.mark.parametrize(
    ("options", "read_only"),
    [("rw,errors=remount-ro", False), ("ro", True), ("rw,emergency_ro", True), ("rw,x=ro", False)],
)
def test_a_read_only_file_system_is_recognised(options: str, read_only: bool) -> None:
    """Whatever the mount itself allows; newer kernels use another word."""
    (mount,) = parse_mountinfo(f"51 44 7:3 / /mnt rw - ext4 /dev/loop3 {options}\n")
    assert read_only == mount.read_only


@pytest.mark.parametrize(
    ("options", "idmapped"), [("rw,nosuid", False), ("rw,nosuid,idmapped", True), ("rw,notidmapped", False)]
)
def test_an_idmapped_mount_is_recognised(options: str, idmapped: bool) -> None:
    """Whatever the file system is mounted with."""
    (mount,) = parse_mountinfo(f"51 44 7:3 / /mnt {options} - ext4 /dev/loop3 rw,idmapped=no\n")
    assert idmapped == mount.idmapped


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("DEVNAME=/dev/loop0\nUUID=6a1b\nBLOCK_SIZE=512\nTYPE=xfs\n", {"UUID": "6a1b", "TYPE": "xfs"}),
        ("DEVNAME=/dev/loop0\nPTUUID=1\nPTTYPE=gpt\n", {"TYPE": "gpt"}),
        ("", {}),
    ],
)
def test_a_device_is_known_by_its_signature(output: str, expected: dict[str, str]) -> None:
    """A file system by its type and UUID, a partition table by its type, a blank device by nothing."""
    assert expected == parse_blkid(output)


def test_sizes_are_blocks_times_their_size() -> None:
    """What the tools print in blocks is bytes here."""
    assert Capacity(32 * 1024**2) == parse_dumpe2fs(DUMPE2FS)
    assert Capacity(320 * 1024**2) == parse_xfs_info(XFS_INFO)


@pytest.mark.parametrize("parse", [parse_dumpe2fs, parse_xfs_info])
def test_an_output_without_a_size_is_an_error(parse: object) -> None:
    """A size is read or refused, never guessed."""
    assert callable(parse)
    with pytest.raises(ValueError, match="no size"):
        parse("nothing that is known")


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("resize2fs: Permission denied to resize filesystem", True),
        ("resize2fs: Operation not permitted While trying to add group #1", True),
        ("resize2fs: Filesystem does not support online resizing", True),
        ("resize2fs: On-line shrinking not supported", True),
        ("resize2fs: No space left on device", False),
        ("resize2fs: Bad magic number in super-block", False),
    ],
)
def test_a_refusal_of_the_kernel_is_told_from_a_failure(output: str, expected: bool) -> None:
    """Only a refusal to grow it mounted leads to growing it offline."""
    assert expected == refused_online(output)


def test_a_mount_is_found_among_all_of_them_by_its_own_line() -> None:
    """As the whole table has it, the topmost of several on one folder."""
    table = {mount.target: mount for mount in mount_table()}
    assert (table["/proc"], table["/"]) == mount_and_above(Path("/proc"))
    assert table["/proc"] == mount_at(Path("/proc"))


def test_only_the_root_of_a_mount_is_mounted(tmp_path: Path) -> None:
    """Not what is inside it, a link to it, or what does not exist."""
    (tmp_path / "link").symlink_to("/proc")
    (tmp_path / "file").touch()
    assert is_mounted(Path("/proc"))
    for path in (tmp_path, tmp_path / "link", tmp_path / "absent", tmp_path / "file/below", Path("/proc/1")):
        assert (False, None) == (is_mounted(path), mount_at(path)), path
