"""e2fsck and xfs_repair: what they say of a file system that is not mounted, and what they mend."""

from __future__ import annotations

import re

from shares_core.adapters.filesystems.signatures import has_errors
from shares_core.adapters.linux.commands import run
from shares_core.domain.errors import CommandFailed, ShareDamaged
from shares_core.domain.share import FileSystem, FileSystemKind

#: Checking, growing and mounting after a crash may read whole file systems.
LONG_SECONDS = 4 * 3600.0
#: e2fsck's exit status (e2fsck(8)): the first is no error, the second asks for a person.
_REPAIRED, _LEFT_UNREPAIRED = 1, 4
_E2FSCK_REPAIRED = (1, 2, 3)  # in whichever way
_UNABLE = 16  # of both tools': they were called wrongly, which is no damage
_COUNTING = "Pass 5: Checking group summary information"
#: What e2fsck says of a whole one, too: its passes, what would take less room, a clock that was set back.
_REMARK = re.compile(
    r"Pass |Fix\? no$|Inode \d+ extent tree \(at level \d+\) could be (shorter|narrower)\."
    r"|Superblock last (mount|write) time|\s+now = .* is in the future|\s+\(by less than a day"
)


def settle_ext4(device: str, filesystem: FileSystem) -> None:
    """Count anew what is free, and note that it was checked. Raises ShareDamaged for all other damage.

    Only for what the kernel mounts. To preen is more than that: it removes names whose file is damaged, says
    that a checksum was wrong where the content is, goes by damaged descriptors where there are copies.
    """
    found = examined(device, filesystem)
    if damage := beyond_counts(found):
        raise _in_need_of_a_person(device, damage)
    if not found and not has_errors(device, filesystem):
        run(("tune2fs", "-T", "now", device), holding=device)  # resize2fs wants to know that it was checked
        return
    try:
        _tool("e2fsck", "-f", "-p", device, ok=(0, _REPAIRED))
    except CommandFailed as error:
        if _status(error) & _LEFT_UNREPAIRED:
            raise _in_need_of_a_person(device, error.output) from error
        raise


def _in_need_of_a_person(device: str, damage: str) -> ShareDamaged:
    return ShareDamaged(
        f"the ext4 on {device} needs more repair than is safe without a person: {damage}",
        hint="'shares-core share check' tells all that is damaged; before a repair take a copy",
    )


def beyond_counts(said: str) -> str:
    """What e2fsck has found before its last pass, which counts what is in use; empty where that was all."""
    before, counting, _ = said.partition(_COUNTING)
    found = [line for line in before.splitlines() if line.strip() and not _REMARK.match(line)]
    return "" if counting and not found else said


def ignores_journal(said: str) -> bool:
    """Whether a tool that may not write has looked beside a journal that holds what is missing."""
    return "skipping journal recovery" in said or "metadata changes in a log" in said


def examined(device: str, filesystem: FileSystem) -> str:
    """What the file system's own tool, which may not write, says where it is not content."""
    is_xfs = filesystem.kind is FileSystemKind.XFS
    try:
        _tool(*(("xfs_repair", "-n") if is_xfs else ("e2fsck", "-f", "-n")), device)
    except CommandFailed as error:
        if not is_damage(_status(error), is_xfs=is_xfs):
            raise
        # xfs_repair complains where others do, e2fsck where others print.
        return (error.output if is_xfs else error.printed or error.output).strip()
    return ""


def is_damage(status: int, *, is_xfs: bool) -> bool:
    """Whether an exit status tells that something is damaged, and not that nobody could look."""
    if is_xfs:
        return status != 0 and not status & _UNABLE
    return bool(status & _LEFT_UNREPAIRED) and not status & _UNABLE


def repaired(device: str, filesystem: FileSystem) -> str:
    """Repair it, and give what was said. Raises ShareDamaged where the tool gives up."""
    try:
        if filesystem.kind is FileSystemKind.XFS:
            _tool("xfs_repair", device)  # what it says, it says as if it complained
            return "xfs_repair came to its end"
        return _tool("e2fsck", "-f", "-y", device, ok=(0, *_E2FSCK_REPAIRED))
    except CommandFailed as error:
        if not _status(error):
            raise
        raise ShareDamaged(
            f"the {filesystem.kind} on {device} cannot be repaired: {error.printed} {error.output}",
            hint="restore the volume from a backup, or see what its tool says of a journal that is lost: "
            "'man xfs_repair', 'man e2fsck'",
        ) from error


def _tool(*argv: str, ok: tuple[int, ...] = (0,)) -> str:
    return run(argv, timeout=LONG_SECONDS, ok=ok, holding=argv[-1])


def _status(error: CommandFailed) -> int:
    """A tool's exit status, bit by bit; 0 where a signal or its limit ended it, and it has told nothing."""
    return max(error.status or 0, 0)
