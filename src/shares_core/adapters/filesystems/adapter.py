"""ext4 and xfs: made, mounted, grown and measured with their own tools."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from shares_core.adapters.filesystems.casefold import fold_case, require_case_fold
from shares_core.adapters.filesystems.ext4 import (
    make_ext4,
    may_resize_mounted,
    refused_online,
    shrink_ext4,
    smallest_ext4,
)
from shares_core.adapters.filesystems.freezing import pause_writing, resume_writing, sync, thaw
from shares_core.adapters.filesystems.fsck import LONG_SECONDS, examined, repaired, settle_ext4
from shares_core.adapters.filesystems.judging import (
    damaged,
    device_number,
    require_checked,
    require_mounted,
    require_on,
    trouble,
)
from shares_core.adapters.filesystems.mounting import (
    CORRUPTED,
    mount,
    require_mounting,
    unmount,
    write_protected,
)
from shares_core.adapters.filesystems.renewing import renew
from shares_core.adapters.filesystems.scratch import grow_aside, replay, settle
from shares_core.adapters.filesystems.signatures import (
    has_errors,
    holds,
    identify,
    is_blank,
    is_half_made,
    is_write_protected,
    length_of,
)
from shares_core.adapters.filesystems.sizes import parse_dumpe2fs, parse_xfs_info
from shares_core.adapters.filesystems.xfs import grow_xfs
from shares_core.adapters.linux.commands import require_idle, run
from shares_core.adapters.linux.files import open_folder
from shares_core.adapters.linux.idmap import IdMapping
from shares_core.adapters.linux.mountcalls import MountCalls
from shares_core.adapters.linux.mountinfo import is_mounted, mount_at, mount_table, mounts_below
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.state.layout import Layout
from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import (
    BackendFailure,
    CommandFailed,
    Conflict,
    HostNotReady,
    OnlineGrowRefused,
    ShareDamaged,
    ShareFailed,
    SharesError,
    WouldLoseData,
)
from shares_core.domain.remedy import HostTool, Remedy
from shares_core.domain.views import Usage
from shares_core.domain.volume import FileSystem, FileSystemKind, ShareVolume
from shares_core.ports.filesystems import FileSystems
from shares_core.ports.progress import Report, unreported

_LOST_AND_FOUND = "lost+found"  # for an ext4, from its start


class LinuxFileSystems(FileSystems):
    """File systems mounted below the servers' folders."""

    def __init__(self, layout: Layout, calls: MountCalls | None = None) -> None:
        self._layout = layout
        self._calls = calls or MountCalls()

    def make(self, device: str, volume: ShareVolume) -> None:
        if self.holds(device, volume):
            return
        if not is_blank(device):
            held = identify(device) or "something unknown"
            raise Conflict(
                f"{device} is not empty, it holds {held}: it is not formatted",
                hint="look at what it is; a volume of a share that is to be made reads as zeros",
            )
        if volume.filesystem.kind is FileSystemKind.XFS:
            # Sectors of a page: a volume that shares blocks is read and written by no smaller piece.
            uuid = f"uuid={volume.filesystem.uuid}"
            argv = ("mkfs.xfs", "-q", "-K", "-s", "size=4096", "-m", uuid, device)
            run(argv, timeout=LONG_SECONDS, holding=device)
        else:
            filesystem = volume.filesystem
            zeroed = volume.traits.zeroed
            make_ext4(device, filesystem.uuid, zeroed=zeroed, case_fold=filesystem.case_fold)

    def renew(self, device: str, volume: ShareVolume, former: FileSystem) -> None:
        if self.holds(device, volume):
            return
        require_on(device, former)
        require_idle(device)
        renew(self._calls, device, former, volume.filesystem.uuid, self._scratch(volume))

    def require_mounting(self, *, case_fold: bool = False) -> None:
        require_mounting(self._calls)
        if case_fold:
            require_case_fold(self._calls)

    def mount(
        self,
        server_id: str,
        share_id: str,
        device: str,
        volume: ShareVolume,
        uid: int,
        *,
        read_only: bool = False,
    ) -> None:
        filesystem, mapping = volume.filesystem, IdMapping(on_disk=volume.owner, seen=uid)
        require_on(device, filesystem)
        target = self._layout.share(server_id, share_id)
        mounted = mount_at(target)
        if mounted is not None:
            require_mounted(mounted, device, filesystem, mapping, read_only=read_only)
            return
        if filesystem.case_fold:
            require_case_fold(self._calls)
        require_checked(device, filesystem)
        require_idle(device)
        self.unmount_scratch(volume)
        with os_errors(f"making {target}"):
            target.mkdir(mode=0o700, exist_ok=True)
        try:
            mount(
                self._calls,
                device,
                filesystem,
                target,
                discards=volume.traits.discards and not read_only,
                read_only=read_only,
                mapping=mapping,
                before=lambda: require_checked(device, filesystem),  # its journal may know of an error
            )
        except SharesError as error:
            with suppress(OSError):  # what is in it is not ours to remove
                target.rmdir()
            if isinstance(error, ShareFailed | HostNotReady):
                raise
            if CORRUPTED in str(error):
                raise damaged(device, filesystem, f"cannot be mounted: {error}") from error
            if self._reach(device, volume) > length_of(device):
                raise ShareFailed(
                    f"the {filesystem.kind} on {device} reaches beyond it: the volume was cut",
                    hint="restore the volume from a backup",
                ) from error
            raise

    def holds(self, device: str, volume: ShareVolume) -> bool:
        if not Path(device).exists():
            raise BackendFailure(
                f"there is no device {device}",
                hint=Remedy.of("see whether udev works: ", HostTool("udevadm", ("settle",))),
            )
        return holds(device, volume.filesystem) and not is_half_made(device, volume.filesystem)

    def prepare_folder(
        self, server_id: str, share_id: str, folder: str, uid: int, *, case_fold: bool = False
    ) -> None:
        target = self._layout.share(server_id, share_id)
        if not is_mounted(target):
            raise BackendFailure(f"nothing is mounted at {target}")
        with os_errors(f"making {folder} in {target}"), open_folder(target) as root:
            # Root keeps the file system's root, so that no service can rename or remove its folder.
            os.fchmod(root, 0o755)
            if folder not in os.listdir(root):
                os.mkdir(folder, mode=0o700, dir_fd=root)
            # Only root can write here, so nobody else made the folder; a killed call leaves it root's.
            if os.stat(folder, dir_fd=root, follow_symlinks=False).st_uid != uid:
                if case_fold:
                    fold_case(folder, root)  # before anybody can write to it: it has to be empty
                os.chown(folder, uid, uid, dir_fd=root, follow_symlinks=False)
            os.fsync(root)

    def has_folder(self, server_id: str, share_id: str, folder: str) -> bool:
        target = self._layout.share(server_id, share_id)
        if not is_mounted(target):
            raise BackendFailure(f"nothing is mounted at {target}")
        with os_errors(f"looking for {folder} in {target}"):
            return folder in os.listdir(target)

    def has_files(self, server_id: str, share_id: str, folder: str) -> bool:
        target = self._layout.share(server_id, share_id)
        if not is_mounted(target):
            raise BackendFailure(f"nothing is mounted at {target}")
        with os_errors(f"looking into {target}"):
            return any(
                name not in (folder, _LOST_AND_FOUND) or _is_filled(target / name)
                for name in os.listdir(target)
            )

    def unmount(self, server_id: str, share_id: str) -> None:
        # Frozen as it may have been left, it would be frozen when it is mounted again.
        if target := self.mount_point(server_id, share_id):
            thaw(target)
        unmount(self._layout.share(server_id, share_id))

    def unmount_scratch(self, volume: ShareVolume) -> None:
        unmount(self._scratch(volume))
        former = self._layout.state_dir / f"grow-{volume.filesystem.uuid}"
        if former.exists():  # by a release that named it after the file system
            unmount(former)

    def mount_point(self, server_id: str, share_id: str) -> str | None:
        target = self._layout.share(server_id, share_id)
        return str(target) if is_mounted(target) else None

    def sync(self, server_id: str, share_id: str) -> None:
        if target := self.mount_point(server_id, share_id):
            sync(target)

    def pause_writing(self, server_id: str, share_id: str) -> None:
        if self.mounted(server_id, share_id):
            pause_writing(self._calls, self._layout.share(server_id, share_id))

    def resume_writing(self, server_id: str, share_id: str) -> None:
        if self.mounted(server_id, share_id):
            resume_writing(self._calls, self._layout.share(server_id, share_id))

    def mounted(self, server_id: str, share_id: str) -> bool:
        return is_mounted(self._layout.share(server_id, share_id))

    def troubles(
        self, wanted: Mapping[tuple[str, str], tuple[str, ShareVolume]]
    ) -> Mapping[tuple[str, str], str]:
        mounts = {mount.target: mount for mount in mounts_below(self._layout.servers)} if wanted else {}
        users = {server_id: self._user_of(server_id) for server_id, _ in wanted}
        found = {
            ids: trouble(mounts.get(str(self._layout.share(*ids))), device, volume, users[ids[0]])
            for ids, (device, volume) in wanted.items()
        }
        return {ids: trouble for ids, trouble in found.items() if trouble}

    def _user_of(self, server_id: str) -> int | None:
        """The server's user, by the owner of its folders; None if they are missing."""
        try:
            return self._layout.private(server_id).lstat().st_uid
        except OSError:
            return None

    def list(self) -> tuple[tuple[str, str], ...]:
        paths = (Path(mount.target) for mount in mounts_below(self._layout.servers))
        below = (path.relative_to(self._layout.servers).parts for path in paths)
        return tuple((parts[0], parts[2]) for parts in below if len(parts) == 3 and parts[1] == "shares")

    def usage(self, server_id: str, share_id: str) -> Usage | None:
        target = self._layout.share(server_id, share_id)
        if not is_mounted(target):
            return None
        with os_errors(f"measuring {target}"):
            figures = os.statvfs(target)
        unit = figures.f_frsize
        return Usage(
            total=figures.f_blocks * unit,
            used=(figures.f_blocks - figures.f_bfree) * unit,
            free=figures.f_bavail * unit,
            block=unit,
            files=figures.f_files - figures.f_ffree,
            files_free=figures.f_favail,
        )

    def grow_mounted(self, server_id: str, share_id: str, device: str, volume: ShareVolume) -> None:
        require_on(device, volume.filesystem)
        target = self._layout.share(server_id, share_id)
        mounted = mount_at(target)
        if mounted is None or mounted.device != device_number(device):
            raise BackendFailure(f"{device} is not mounted at {target}")
        if volume.filesystem.kind is FileSystemKind.XFS:
            grow_xfs(target, device, holding=str(target))
            return
        if not may_resize_mounted():
            raise OnlineGrowRefused(f"growing {device} while it is mounted needs CAP_SYS_RESOURCE")
        try:
            run(("resize2fs", device), timeout=LONG_SECONDS, holding=str(target))
        except CommandFailed as error:
            if refused_online(error.output):
                raise OnlineGrowRefused(f"this kernel does not grow {device} while it is mounted") from error
            raise

    def grow_unmounted(self, device: str, volume: ShareVolume, report: Report = unreported) -> None:
        self._require_unmounted(device, volume)
        settle(self._calls, device, volume.filesystem, self._scratch(volume), report)
        if volume.filesystem.kind is FileSystemKind.XFS:
            grow_aside(self._calls, device, volume.filesystem, self._scratch(volume))
        else:
            run(("resize2fs", device), timeout=LONG_SECONDS, holding=device)

    def shrink(self, device: str, volume: ShareVolume, size: Capacity, report: Report = unreported) -> None:
        self._require_unmounted(device, volume)
        if volume.filesystem.kind is FileSystemKind.XFS:
            raise HostNotReady(f"the xfs on {device} cannot shrink", hint="copy its files to a smaller share")
        settle(self._calls, device, volume.filesystem, self._scratch(volume), report)
        if self.size(device, volume) <= size:
            return
        with _readable(device, volume):
            needed = smallest_ext4(device)
        if needed > size:
            raise WouldLoseData(
                f"what the ext4 on {device} holds needs {needed}, more than {size}",
                needed.bytes,
                hint="delete something, or give a larger size",
            )
        shrink_ext4(device, size)

    def check(self, device: str, volume: ShareVolume, report: Report = unreported) -> None:
        self._require_unmounted(device, volume)
        settle(self._calls, device, volume.filesystem, self._scratch(volume), report)

    def examine(self, device: str, volume: ShareVolume, report: Report = unreported) -> str:
        filesystem = volume.filesystem
        self._require_unmounted(device, volume)
        replay(self._calls, device, filesystem, self._scratch(volume))  # where it cannot, the look tells why
        damage = examined(device, filesystem, report)
        if not damage and has_errors(device, filesystem):  # it is still right
            settle_ext4(device, filesystem, report)  # and remembers that it is
        return damage

    def repair(self, device: str, volume: ShareVolume, report: Report = unreported) -> str:
        filesystem = volume.filesystem
        self._require_unmounted(device, volume)
        replay(self._calls, device, filesystem, self._scratch(volume))  # where it cannot, the look tells why
        before = self._reach(device, volume)
        said = repaired(device, filesystem, report)
        left = examined(device, filesystem, report)
        if not left and self._reach(device, volume) < before:
            left = "it is smaller than it was"
        if left:
            raise ShareDamaged(
                f"the {filesystem.kind} on {device} cannot be repaired: {left}",
                hint="restore the volume from a backup",
            )
        return said

    def _reach(self, device: str, volume: ShareVolume) -> int:
        """Its size in bytes; 0 if it tells none."""
        try:
            return self.size(device, volume).bytes
        except ShareFailed:
            return 0

    def _require_unmounted(self, device: str, volume: ShareVolume) -> None:
        require_on(device, volume.filesystem)
        require_idle(device)
        self.unmount_scratch(volume)
        if is_write_protected(device):
            raise write_protected(device)
        number = device_number(device)
        if any(mount.device == number for mount in mount_table()):
            raise BackendFailure(
                f"{device} is mounted", hint=Remedy.of(HostTool("findmnt", (device,)), " shows where")
            )

    def _scratch(self, volume: ShareVolume) -> Path:
        """Named after the volume, so that a killed call's mount is found again."""
        return self._layout.state_dir / f"scratch-{volume.id}"

    def size(self, device: str, volume: ShareVolume) -> Capacity:
        require_on(device, volume.filesystem)
        with _readable(device, volume):
            if volume.filesystem.kind is FileSystemKind.XFS:
                return parse_xfs_info(run(("xfs_info", device)))
            return parse_dumpe2fs(run(("dumpe2fs", "-h", device)))


@contextmanager
def _readable(device: str, volume: ShareVolume) -> Iterator[None]:
    """Raise ShareFailed if the file system's tool cannot read it, or says something unknown."""
    try:
        yield
    except (CommandFailed, ValueError) as error:
        raise ShareFailed(
            f"{device} holds no {volume.filesystem.kind} that can be read: {error}",
            hint=Remedy.of("look at it with ", HostTool("fsck"), "; nothing was repaired on its own"),
        ) from error


def _is_filled(folder: Path) -> bool:
    with open_folder(folder) as opened:
        return bool(os.listdir(opened))
