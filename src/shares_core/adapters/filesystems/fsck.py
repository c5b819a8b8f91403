"""e2fsck and xfs_repair: what they say of an unmounted file system, and what they repair."""

from __future__ import annotations

import re

from shares_core.adapters.filesystems.signatures import has_errors
from shares_core.adapters.linux.commands import heard_by, run
from shares_core.domain.errors import CommandFailed, ShareDamaged
from shares_core.domain.remedy import Call, HostTool, Remedy, UseCase
from shares_core.domain.share import FileSystem, FileSystemKind
from shares_core.ports.progress import Report, unreported

#: Checking, growing and mounting after a crash may read whole file systems.
LONG_SECONDS = 4 * 3600.0
#: e2fsck's exit status (e2fsck(8)): the first is not an error, the second needs a person.
_REPAIRED, _LEFT_UNREPAIRED = 1, 4
_E2FSCK_REPAIRED = (1, 2, 3)  # in whichever way
#: Which share of its work e2fsck ascribes to each of its passes (calc_percent in unix.c), in thousandths.
_PASSES, _WHOLE = (0, 700, 900, 920, 950, 1000), 1000
_UNABLE = 16  # for both tools: wrong usage, which is not damage
_COUNTING = "Pass 5: Checking group summary information"
#: What e2fsck also says of a whole file system: its passes, possible optimisations, a clock set back.
_REMARK = re.compile(
    r"Pass |Fix\? no$|Inode \d+ extent tree \(at level \d+\) could be (shorter|narrower)\."
    r"|Superblock last (mount|write) time|\s+now = .* is in the future|\s+\(by less than a day"
)


def settle_ext4(device: str, filesystem: FileSystem, report: Report = unreported) -> None:
    """Recount what is free, and note that it was checked. Raises ShareDamaged for all other damage.

    Only for what the kernel mounts. Preening does more: it removes names of damaged files, takes wrong
    content for a wrong checksum, and trusts damaged descriptors although there are copies.
    """
    found = examined(device, filesystem, report)
    if damage := beyond_counts(found):
        raise _in_need_of_a_person(device, damage)
    if not found and not has_errors(device, filesystem):
        run(("tune2fs", "-T", "now", device), holding=device)  # resize2fs requires that it was checked
        return
    try:
        _e2fsck("-p", device, report, ok=(0, _REPAIRED))
    except CommandFailed as error:
        if _status(error) & _LEFT_UNREPAIRED:
            raise _in_need_of_a_person(device, error.output) from error
        raise


def _in_need_of_a_person(device: str, damage: str) -> ShareDamaged:
    return ShareDamaged(
        f"the ext4 on {device} needs more repair than is safe without a person: {damage}",
        hint=Remedy.of(Call(UseCase.SHARES_CHECK), " tells all that is damaged; before a repair take a copy"),
    )


def beyond_counts(said: str) -> str:
    """What e2fsck found before its last pass, which counts what is in use; empty if only that is wrong."""
    before, counting, _ = said.partition(_COUNTING)
    found = [line for line in before.splitlines() if line.strip() and not _REMARK.match(line)]
    return "" if counting and not found else said


def ignores_journal(said: str) -> bool:
    """Whether a read-only tool has ignored a journal that may hold what it misses."""
    return "skipping journal recovery" in said or "metadata changes in a log" in said


def examined(device: str, filesystem: FileSystem, report: Report = unreported) -> str:
    """What the file system's own tool says in read-only mode if it finds damage."""
    is_xfs = filesystem.kind is FileSystemKind.XFS
    try:
        if is_xfs:
            _tool("xfs_repair", "-n", device)
        else:
            _e2fsck("-n", device, report)
    except CommandFailed as error:
        if not is_damage(_status(error), is_xfs=is_xfs):
            raise
        # xfs_repair complains on standard error, as others do, but e2fsck on standard output.
        return (error.output if is_xfs else error.printed or error.output).strip()
    return ""


def is_damage(status: int, *, is_xfs: bool) -> bool:
    """Whether an exit status means damage, rather than that the tool could not look."""
    if is_xfs:
        return status != 0 and not status & _UNABLE
    return bool(status & _LEFT_UNREPAIRED) and not status & _UNABLE


def repaired(device: str, filesystem: FileSystem, report: Report = unreported) -> str:
    """Repair it, and return what the tool said. Raises ShareDamaged if the tool gives up."""
    try:
        if filesystem.kind is FileSystemKind.XFS:
            _tool("xfs_repair", device)  # it writes its report to standard error
            return "xfs_repair came to its end"
        return _e2fsck("-y", device, report, ok=(0, *_E2FSCK_REPAIRED))
    except CommandFailed as error:
        if not _status(error):
            raise
        raise ShareDamaged(
            f"the {filesystem.kind} on {device} cannot be repaired: {error.printed} {error.output}",
            hint=Remedy.of(
                "restore the volume from a backup, or see what its tool says of a journal that is lost: ",
                HostTool("man", ("xfs_repair",)),
                ", ",
                HostTool("man", ("e2fsck",)),
            ),
        ) from error


def _tool(*argv: str, ok: tuple[int, ...] = (0,), telling: int | None = None) -> str:
    return run(argv, timeout=LONG_SECONDS, ok=ok, holding=argv[-1], telling=telling)


def _e2fsck(way: str, device: str, report: Report, *, ok: tuple[int, ...] = (0,)) -> str:
    """Run e2fsck and report its progress."""
    if report is unreported:
        return _tool("e2fsck", "-f", way, device, ok=ok)

    def hear(line: str) -> None:
        if (done := parse_progress(line)) is not None:
            report(done, _WHOLE)

    with heard_by(hear) as telling:
        return _tool("e2fsck", "-f", way, "-C", str(telling), device, ok=ok, telling=telling)


def parse_progress(line: str) -> int | None:
    """How much of ``_WHOLE`` is done, from a line of ``e2fsck -C``: the pass, its progress, its total."""
    words = line.split(" ", 3)
    if len(words) < 3 or not all(word.isdecimal() for word in words[:3]):
        return None
    number, done, most = map(int, words[:3])
    if not 1 <= number < len(_PASSES) or done > most or most == 0:
        return None
    before, after = _PASSES[number - 1], _PASSES[number]
    return before + (after - before) * done // most


def _status(error: CommandFailed) -> int:
    """A tool's exit status, bit by bit; 0 if a signal or the time limit ended it before it could tell."""
    return max(error.status or 0, 0)
