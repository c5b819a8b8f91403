"""What a file system's own tool says, and which of that is damage."""

from __future__ import annotations

import pytest
from tests.contracts.values import new_filesystem

from shares_core.adapters.filesystems import fsck
from shares_core.domain.errors import BackendFailure, CommandFailed, ShareDamaged
from shares_core.domain.share import FileSystemKind

EXT4 = new_filesystem(FileSystemKind.EXT4)
PASSES = "Pass 1: Checking inodes, blocks, and sizes\nPass 4: Checking reference counts\n"
COUNTS = "Pass 5: Checking group summary information\nBlock bitmap differences:  +5506\nFix? no\n"


@pytest.mark.parametrize(
    ("status", "damaged"), [(4, True), (12, True), (-9, False), (None, False), (8, False), (1, False)]
)
def test_a_check_ended_by_a_signal_or_its_limit_reports_no_damage(
    monkeypatch: pytest.MonkeyPatch, status: int | None, damaged: bool
) -> None:
    """Otherwise a share would be unavailable until a person checks it."""

    def ended(command: tuple[str, ...], **_: object) -> str:
        raise CommandFailed(command, status, "so it ended")

    monkeypatch.setattr(fsck, "run", ended)
    with pytest.raises(BackendFailure) as raised:
        fsck.settle_ext4("/dev/loop0", EXT4)
    assert damaged is isinstance(raised.value, ShareDamaged)


@pytest.mark.parametrize(
    ("said", "more"),
    [
        ("", False),
        (PASSES + COUNTS, False),
        (PASSES + "Unattached inode 12\nConnect to /lost+found? no\n" + COUNTS, True),
        ("ext2fs_check_desc: Corrupt group descriptor\n" + PASSES + COUNTS, True),
        (PASSES + "e2fsck: aborted\n", True),
        (PASSES + "Inode 12 extent tree (at level 1) could be shorter.  Optimize? no\n" + COUNTS, False),
        (
            "Superblock last mount time is in the future.\n"
            "\t(by less than a day, probably due to the hardware clock being incorrectly set)\n"
            "Superblock last write time (Sat Nov 28 2026,\n"
            "\tnow = Fri Nov 27 2026) is in the future.\nFix? no\n" + PASSES + COUNTS,
            False,
        ),
    ],
)
def test_only_the_counts_of_the_last_pass_are_corrected_unasked(said: str, more: bool) -> None:
    """Any other repair of e2fsck may lose a file, or hide that it is damaged."""
    assert more is bool(fsck.beyond_counts(said))


@pytest.mark.parametrize(
    ("line", "done"),
    [
        ("1 0 8 /dev/loop0\n", 0),
        ("1 4 8 /dev/loop0\n", 350),
        ("3 1 2 /dev/a b\n", 910),
        ("5 16 16 /dev/loop0\n", 1000),
        ("6 1 2 /dev/loop0\n", None),
        ("0 1 2 /dev/loop0\n", None),
        ("1 0 0 /dev/loop0\n", None),
        ("1 3 2 /dev/loop0\n", None),
        ("1 2\n", None),
        ("one 2 3 /dev/loop0\n", None),
        ("", None),
    ],
)
def test_e2fscks_progress_is_parsed(line: str, done: int | None) -> None:
    """With its own weights; other lines are ignored."""
    assert done == fsck.parse_progress(line)


@pytest.mark.parametrize(("status", "damaged"), [(0, False), (1, True), (2, True), (16, False)])
def test_any_failure_status_of_xfs_repair_means_damage(status: int, damaged: bool) -> None:
    """Except for wrong usage."""
    assert damaged is fsck.is_damage(status, is_xfs=True)
