"""e2fsck and xfs_repair: what they say of a file system that is not mounted, and what they mend."""

from __future__ import annotations

from shares_core.adapters.commands import run
from shares_core.domain.errors import CommandFailed, ShareDamaged
from shares_core.domain.share import FileSystem, FileSystemKind

#: Checking, growing and mounting after a crash may read whole file systems.
LONG_SECONDS = 4 * 3600.0
#: e2fsck's exit status (e2fsck(8)): the first is no error, the second asks for a person.
_REPAIRED, _LEFT_UNREPAIRED = 1, 4
_E2FSCK_REPAIRED = (1, 2, 3)  # in whichever way
_UNABLE = 16  # of both tools': they were called wrongly, which is no damage


def replay_ext4(device: str) -> None:
    """Write what the journal holds, and look at nothing else."""
    # Without -p it asks somebody who is not there, and does nothing.
    _tool("e2fsck", "-p", "-E", "journal_only", device, ok=(0, _REPAIRED))


def settle_ext4(device: str) -> None:
    """Check it, and repair what is safe to repair unasked. Raises ShareDamaged where that is not all."""
    try:
        _tool("e2fsck", "-f", "-p", device, ok=(0, _REPAIRED))
    except CommandFailed as error:
        if _status(error) & _LEFT_UNREPAIRED:
            raise ShareDamaged(
                f"the ext4 on {device} needs more repair than is safe without a person: {error.output}",
                hint=f"take a copy of the volume, then look at it with 'e2fsck -f {device}'",
            ) from error
        raise


def examined(device: str, filesystem: FileSystem) -> str:
    """What the file system's own tool, which may not write, says where it is not content."""
    is_xfs = filesystem.kind is FileSystemKind.XFS
    try:
        _tool(*(("xfs_repair", "-n") if is_xfs else ("e2fsck", "-f", "-n")), device)
    except CommandFailed as error:
        status = _status(error)
        if not status or status & _UNABLE:
            raise
        return (error.printed or error.output).strip()
    return ""


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
