"""Making the volume group and its thin pool on a device that an operator names."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from attrs import frozen

from shares_core.adapters.filesystems.signatures import identify, is_blank
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.pools.lvm.commands import lvm, read_group
from shares_core.adapters.pools.lvm.identity import LIST_GROUPS, GroupIdentity
from shares_core.adapters.pools.lvm.report import VolumeGroup
from shares_core.adapters.state.installation import Installation
from shares_core.domain.errors import Conflict, HostNotReady, InvalidInput
from shares_core.domain.pools import DevicePath, ThinPoolName, VolumeGroupName
from shares_core.domain.remedy import HostTool, Remedy
from shares_core.domain.undo import undone_by
from shares_core.domain.volume import PoolName

#: The share of the free extents for a new thin pool: the rest is for its tables, which have to grow some day.
_SHARE_OF_FREE = "95%FREE"
_LIST = Remedy.of(HostTool("lsblk"), " lists the devices")
_BY_HAND = "and is left to do by hand"


@frozen
class PoolBuilder:
    """Builds what the configuration names and does not exist yet."""

    pool: PoolName
    group: VolumeGroupName
    thin_pool: ThinPoolName | None
    installation: Installation
    #: The installation's other pools in the group.
    others: tuple[PoolName, ...] = ()

    def build(self, device: DevicePath | None) -> bool:
        """Make what is missing of the pool. Returns whether anything was missing.

        Without ``device`` a thin pool gets the free extents of an existing volume group. Idempotent. Raises
        InvalidInput if it needs a device, Conflict if the device holds anything or the pool is on other
        devices, HostNotReady if this installation's pool is not attached. A failure leaves the device as it
        was.
        """
        found = self._find()
        if found is None:
            if device is None:
                raise InvalidInput(
                    f"there is no volume group {self.group} yet, and no device to make it on was named",
                    hint=Remedy.of(_LIST, ": name one that holds nothing"),
                )
            require_unused(device)
            with self._new_group(device):
                self._make_thin_pool()
            return True
        devices = self._devices()
        is_there = device is not None and os.path.realpath(str(device)) in map(os.path.realpath, devices)
        if self.thin_pool is None or found.find(str(self.thin_pool)) is not None:
            if device is not None and not is_there:
                raise Conflict(
                    f"volume group {self.group} exists already, on {', '.join(devices)}",
                    hint=Remedy.of(
                        "to make it larger: ", HostTool("vgextend", (str(self.group), str(device)))
                    ),
                )
            return False
        if device is None or is_there:
            self._make_thin_pool(device)
            return True
        require_unused(device)
        with self._added(device):
            self._make_thin_pool(device)
        return True

    def _find(self) -> VolumeGroup | None:
        """The group, active or not; None if there is none, as expected. Raises HostNotReady."""
        known = next(filter(None, map(self.installation.pool_id, (self.pool, *self.others))), "")
        identity = GroupIdentity(self.pool, self.installation, str(self.group))
        try:
            found = read_group(str(self.group))
        except HostNotReady as error:
            if "not found" not in error.message:
                raise
            if known:
                raise HostNotReady(
                    f"this installation's pool is the volume group of UUID {known}, which is not there: "
                    "no other is made in its place",
                    hint=Remedy.of("attach its device; ", LIST_GROUPS, " lists what is there"),
                ) from error
            return None
        identity.check_read(found)
        found.require_usable()
        return found

    def _devices(self) -> list[str]:
        """The group's physical volumes."""
        name = str(self.group)
        return lvm("vgs", "--noheadings", "--options", "pv_name", name, group=name).split()

    @contextmanager
    def _new_group(self, device: DevicePath) -> Iterator[None]:
        name = str(self.group)
        # It would ask about signatures, and there are none.
        lvm("vgcreate", "--yes", name, str(device), group=name)
        with _undone_by(("vgremove", "--yes", name), ("pvremove", "--yes", str(device)), group=name):
            yield

    @contextmanager
    def _added(self, device: DevicePath) -> Iterator[None]:
        name = str(self.group)
        lvm("vgextend", "--yes", name, str(device), group=name)
        undo = (("vgreduce", "--yes", name, str(device)), ("pvremove", "--yes", str(device)))
        with _undone_by(*undo, group=name):
            yield

    def _make_thin_pool(self, device: DevicePath | None = None) -> None:
        if self.thin_pool is None:
            return
        group, name = str(self.group), str(self.thin_pool)
        # By its canonical name: a colon in another name would begin a range of extents.
        devices = () if device is None else (os.path.realpath(str(device)),)
        lvm(
            *("lvcreate", "--yes", "--type", "thin-pool", "--zero", "y", "--discards", "passdown"),
            *("--extents", _SHARE_OF_FREE, "--name", name, group, *devices),
            group=group,
            thin_pool=name,
        )


@contextmanager
def _undone_by(*commands: tuple[str, ...], group: str) -> Iterator[None]:
    """Run the commands, in this order, if the body fails."""
    with ExitStack() as undoing:
        for command in reversed(commands):
            undoing.enter_context(undone_by(partial(lvm, *command, group=group), _BY_HAND))
        yield


def require_unused(device: DevicePath) -> None:
    """Raise Conflict unless the device is an unused and empty block device."""
    path = str(device)
    with os_errors(f"looking at {path}"):
        try:
            mode = os.stat(path).st_mode
        except FileNotFoundError as error:
            raise InvalidInput(f"there is no device {path}", hint=_LIST) from error
        if not stat.S_ISBLK(mode):
            raise InvalidInput(f"{path} is not a block device", hint=_LIST)
        if parts := _partitions(path):
            raise Conflict(
                f"{path} is not empty, it has partitions: {', '.join(parts)}",
                hint="name one of them, if that one holds nothing",
            )
        try:
            os.close(os.open(path, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC))
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise Conflict(
                    f"{path} is in use", hint=Remedy.of(HostTool("lsblk", (path,)), " shows by what")
                ) from error
            if error.errno == errno.EROFS:
                raise HostNotReady(
                    f"{path} is read-only", hint=Remedy.of(HostTool("blockdev", ("--setrw", path)))
                ) from error
            raise
    held = identify(path)
    if held or not is_blank(path):
        what = held.get("TYPE", "something unknown")
        raise Conflict(
            f"{path} is not empty, it holds {what}",
            hint=Remedy.of(
                "look at what it is; if it may go, overwrite it: ",
                HostTool("blkdiscard", ("--zeroout", path)),
                ", or ",
                HostTool("dd", ("if=/dev/zero", f"of={path}", "bs=1M")),
            ),
        )


def _partitions(path: str) -> list[str]:
    """The names of the device's partitions."""
    folder = Path("/sys/class/block", Path(os.path.realpath(path)).name)
    return sorted(entry.parent.name for entry in folder.glob("*/partition"))
