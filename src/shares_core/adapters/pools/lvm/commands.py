"""Running LVM's commands, and what their complaints mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from attrs import frozen

from shares_core.adapters.linux.commands import run
from shares_core.adapters.pools.lvm.report import (
    VolumeGroup,
    group_command,
    parse_group,
    parse_volumes,
    volumes_command,
)
from shares_core.domain.errors import (
    BackendFailure,
    CommandFailed,
    Conflict,
    HostNotReady,
    NoCapacity,
    ShareFailed,
    SharesError,
)
from shares_core.domain.remedy import Call, Hint, HostTool, Remedy, UseCase

#: LVM runs one command at a time on a volume group, so a command may have to wait for others.
LVM_SECONDS = 60.0

#: The complaint that a change would change nothing (lvextend, lvreduce), which is fine. The first is from
#: 2.03.31's standard error, the second from 2.03.16's.
ALREADY_SO = re.compile(
    r"no size change|matches existing size|not larger than existing|not less than existing", re.IGNORECASE
)

#: What LVM prints besides its complaint.
_TALK = re.compile(r"File descriptor \d+ |Rounding |Thin pool volume with chunk size ")


#: Makes a remedy of the volume group, and of the pool that a complaint is about: the group or a thin pool.
_Mending = Callable[[str, str], Hint]


@frozen
class _Meaning:
    """What a complaint means, and what to do."""

    complaint: re.Pattern[str]
    error: Callable[[str, Hint], SharesError]
    mending: _Mending


def _meaning(complaint: str, error: type[SharesError], mending: _Mending) -> _Meaning:
    return _Meaning(re.compile(complaint, re.IGNORECASE), lambda said, told: error(said, hint=told), mending)


#: In this order: messages of LVM 2.03 (lib/metadata, tools/), captured from 2.03.16 and 2.03.31.
_MEANINGS = (
    _meaning(
        r"permission denied",
        HostNotReady,
        lambda group, pool: "run it as root",
    ),
    _meaning(
        r"/dev/mapper/control|device-mapper (driver|target)|kernel driver",
        HostNotReady,
        lambda group, pool: Remedy.of(
            HostTool("modprobe", ("dm_mod",)),
            "; ",
            Call(UseCase.EXAMINE),
            " tells what else this kernel lacks",
        ),
    ),
    _meaning(
        r"already exists",
        Conflict,
        lambda group, pool: Remedy.of(HostTool("lvs", (group,)), " shows what is there"),
    ),
    _meaning(
        r"is exported",
        HostNotReady,
        lambda group, pool: Remedy.of(HostTool("vgimport", (group,))),
    ),
    _meaning(
        r"while PVs are missing|missing PV|couldn't find device|is incomplete|partial mode",
        HostNotReady,
        lambda group, pool: Remedy.of("attach the device that it misses; ", HostTool("pvs"), " names it"),
    ),
    _meaning(
        r"reached threshold|out of metadata space|metadata space|free space in thin pool",
        NoCapacity,
        lambda group, pool: Remedy.of(
            "make the thin pool larger: ",
            HostTool("lvextend", ("--size", "+SIZE", pool)),
            ", or for its tables ",
            HostTool("lvextend", ("--poolmetadatasize", "+SIZE", pool)),
        ),
    ),
    _meaning(
        r"insufficient (suitable )?(free|allocatable)|not enough space",
        NoCapacity,
        lambda group, pool: Remedy.of(
            "delete something, or add a device: ", HostTool("vgextend", (group, "DEVICE"))
        ),
    ),
    _meaning(
        r"in use|used by another device|contains a filesystem|device or resource busy",
        BackendFailure,
        lambda group, pool: Remedy.of(
            HostTool("lsblk"), " and ", HostTool("findmnt"), " show by what; stop that, and try again"
        ),
    ),
    _meaning(
        r"read-only|write lock|operation not permitted|failed to write|error writing",
        HostNotReady,
        lambda group, pool: Remedy.of(
            "make its devices writable (",
            HostTool("blockdev", ("--setrw", "DEVICE")),
            "), and LVM's folders below /etc/lvm and /run",
        ),
    ),
    _meaning(
        r"volume group \"?[^ ]+\"? not found|cannot process volume group",
        HostNotReady,
        lambda group, pool: Remedy.of(
            "attach the device that it is on, or make it: ", Call(UseCase.BUILD_POOL, ("DEVICE",))
        ),
    ),
    _meaning(
        r"failed to find logical volume",
        ShareFailed,
        lambda group, pool: "restore the volume from a backup, or delete the share",
    ),
)


def lvm(*argv: str, group: str, thin_pool: str = "", outlives: bool = True) -> str:
    """Run one of LVM's commands on the volume group and return its output. ``outlives`` is as for ``run``.

    Raises what its complaint means: NoCapacity, Conflict, ShareFailed, HostNotReady, BackendFailure;
    otherwise CommandFailed.
    """
    try:
        return run(argv, timeout=LVM_SECONDS, outlives=outlives)
    except CommandFailed as error:
        meant = translated(error, group, thin_pool)
        if meant is None:
            raise
        raise meant from error


def translated(error: CommandFailed, group: str, thin_pool: str = "") -> SharesError | None:
    """The error that a failed command of LVM's stands for; None if it says only that it failed."""
    pool = f"{group}/{thin_pool}" if thin_pool else group
    if error.status is None:
        return BackendFailure(
            f"{error.command[0]} did not end in {LVM_SECONDS:.0f} s on volume group {group}",
            hint=Remedy.of(
                HostTool("ps"),
                " shows which command of LVM's hangs, ",
                HostTool("vgs", (group,)),
                " whether its devices answer",
            ),
        )
    said = " ".join(_complaints(error.output)) or error.message
    for meaning in _MEANINGS:
        if meaning.complaint.search(said):
            return meaning.error(f"LVM says: {said}", meaning.mending(group, pool))
    return None


def _complaints(output: str) -> Iterable[str]:
    """Its lines, without those about open descriptors and about rounding."""
    lines = (line.strip() for line in output.splitlines())
    return (line for line in lines if line and not _TALK.match(line))


def read_group(group: str) -> VolumeGroup:
    """The volume group with its volumes, active or not, as LVM knows it. Raises HostNotReady."""
    output = lvm(*volumes_command(group), group=group)
    try:
        found = parse_volumes(output)
        return found or parse_group(lvm(*group_command(group), group=group))
    except ValueError as error:
        raise BackendFailure(
            f"LVM's report on volume group {group} cannot be read: {error}",
            hint=Remedy.of(
                "shares-core reads what LVM 2.03 and later write; ",
                HostTool("lvm", ("version",)),
                " tells which this is",
            ),
        ) from error
