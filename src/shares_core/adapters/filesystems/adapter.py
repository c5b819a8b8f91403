"""ext4 and xfs: made, mounted, grown and measured with their own tools."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from shares_core.adapters.filesystems.fsck import LONG_SECONDS, examined, repaired, settle_ext4
from shares_core.adapters.filesystems.mounting import CORRUPTED, SAFE, mount, unmount
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
from shares_core.adapters.filesystems.xfs import grow_xfs
from shares_core.adapters.linux.commands import run
from shares_core.adapters.linux.files import open_folder
from shares_core.adapters.linux.mountinfo import Mount, mount_at, mount_table, mounts_below
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.state.layout import Layout
from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import (
    BackendFailure,
    CommandFailed,
    Conflict,
    OnlineGrowRefused,
    ShareDamaged,
    ShareFailed,
    SharesError,
)
from shares_core.domain.views import Usage
from shares_core.domain.volume import FileSystem, FileSystemKind, ShareVolume, VolumeTraits
from shares_core.ports.filesystems import FileSystems

#: What the kernel does with a file system that it finds damaged.
_DAMAGED = "is damaged: the kernel writes to it no more"
_LOST_AND_FOUND = "lost+found"  # an ext4's from its start
_CAP_SYS_RESOURCE = 24  # linux/capability.h
_UNCHECKED = "met an error, and was not checked since"


class LinuxFileSystems(FileSystems):
    """File systems mounted below the servers' folders."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

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
            argv = ("mkfs.xfs", "-q", "-K", "-m", f"uuid={volume.filesystem.uuid}", device)
            run(argv, timeout=LONG_SECONDS, holding=device)
        else:
            _make_ext4(device, volume.filesystem.uuid, zeroed=volume.traits.zeroed)

    def mount(self, server_id: str, share_id: str, device: str, volume: ShareVolume, uid: int) -> None:
        filesystem = volume.filesystem
        _require(device, filesystem)
        target = self._layout.share(server_id, share_id)
        mounted = mount_at(target)
        if mounted is not None:
            if mounted.device != _device_number(device):
                raise ShareFailed(
                    f"{mounted.source} is mounted in the place of {device} at {target}",
                    hint=f"find out what it is, then 'umount {target}'",
                )
            if _is_broken(mounted) or has_errors(device, filesystem):
                raise _damaged(device, filesystem, _DAMAGED)
            return
        if has_errors(device, filesystem):
            raise _damaged(device, filesystem, _UNCHECKED)
        self.unmount_scratch(volume)
        with os_errors(f"making {target}"):
            target.mkdir(mode=0o700, exist_ok=True)
        try:
            mount(device, filesystem, target, options=_options(volume.traits))
        except CommandFailed as error:
            there = mount_at(target)
            if there is not None and there.device == _device_number(device):
                return  # by somebody who was killed since
            with suppress(OSError):  # what lies there is not ours to remove
                target.rmdir()
            if CORRUPTED in error.output:
                raise _damaged(device, filesystem, f"cannot be mounted: {error.output.strip()}") from error
            if self.size(device, volume).bytes > length_of(device):
                raise ShareFailed(
                    f"the {filesystem.kind} on {device} reaches beyond it: the volume was cut",
                    hint="restore the volume from a backup",
                ) from error
            raise
        if has_errors(device, filesystem):  # only its journal knew
            unmount(target)
            raise _damaged(device, filesystem, _UNCHECKED)

    def holds(self, device: str, volume: ShareVolume) -> bool:
        if not Path(device).exists():
            raise BackendFailure(
                f"there is no device {device}", hint="see whether udev works: 'udevadm settle'"
            )
        return holds(device, volume.filesystem) and not is_half_made(device, volume.filesystem)

    def prepare_folder(self, server_id: str, share_id: str, folder: str, owner: int) -> None:
        target = self._layout.share(server_id, share_id)
        if mount_at(target) is None:
            raise BackendFailure(f"nothing is mounted at {target}")
        with os_errors(f"making {folder} in {target}"), open_folder(target) as root:
            # The root of the file system stays root's, so that no service can rename or remove its folder.
            os.fchmod(root, 0o755)
            if folder not in os.listdir(root):
                os.mkdir(folder, mode=0o700, dir_fd=root)
            # Only root can write here, so the name cannot be another's; a killed call left it root's.
            if os.stat(folder, dir_fd=root, follow_symlinks=False).st_uid != owner:
                os.chown(folder, owner, owner, dir_fd=root, follow_symlinks=False)
            os.fsync(root)

    def has_folder(self, server_id: str, share_id: str, folder: str) -> bool:
        target = self._layout.share(server_id, share_id)
        if mount_at(target) is None:
            raise BackendFailure(f"nothing is mounted at {target}")
        with os_errors(f"looking for {folder} in {target}"):
            return folder in os.listdir(target)

    def has_files(self, server_id: str, share_id: str, folder: str) -> bool:
        target = self._layout.share(server_id, share_id)
        if mount_at(target) is None:
            raise BackendFailure(f"nothing is mounted at {target}")
        with os_errors(f"looking into {target}"):
            return any(
                name not in (folder, _LOST_AND_FOUND) or _is_filled(target / name)
                for name in os.listdir(target)
            )

    def unmount(self, server_id: str, share_id: str) -> None:
        unmount(self._layout.share(server_id, share_id))

    def unmount_scratch(self, volume: ShareVolume) -> None:
        unmount(self._scratch(volume))
        former = self._layout.state_dir / f"grow-{volume.filesystem.uuid}"
        if former.exists():  # by a release that named it by the file system
            unmount(former)

    def mounted(self, server_id: str, share_id: str) -> bool:
        return mount_at(self._layout.share(server_id, share_id)) is not None

    def troubles(
        self, wanted: Mapping[tuple[str, str], tuple[str, ShareVolume]]
    ) -> Mapping[tuple[str, str], str]:
        mounts = {mount.target: mount for mount in mounts_below(self._layout.servers)} if wanted else {}
        found = {ids: _trouble(mounts.get(str(self._layout.share(*ids))), *wanted[ids]) for ids in wanted}
        return {ids: trouble for ids, trouble in found.items() if trouble}

    def list(self) -> tuple[tuple[str, str], ...]:
        paths = (Path(mount.target) for mount in mounts_below(self._layout.servers))
        below = (path.relative_to(self._layout.servers).parts for path in paths)
        return tuple((parts[0], parts[2]) for parts in below if len(parts) == 3 and parts[1] == "shares")

    def usage(self, server_id: str, share_id: str) -> Usage | None:
        target = self._layout.share(server_id, share_id)
        if mount_at(target) is None:
            return None
        with os_errors(f"measuring {target}"):
            figures = os.statvfs(target)
        unit = figures.f_frsize
        return Usage(
            total=figures.f_blocks * unit,
            used=(figures.f_blocks - figures.f_bfree) * unit,
            free=figures.f_bavail * unit,
        )

    def grow_mounted(self, server_id: str, share_id: str, device: str, volume: ShareVolume) -> None:
        _require(device, volume.filesystem)
        target = self._layout.share(server_id, share_id)
        mounted = mount_at(target)
        if mounted is None or mounted.device != _device_number(device):
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

    def grow_unmounted(self, device: str, volume: ShareVolume) -> None:
        self._require_unmounted(device, volume)
        settle(device, volume.filesystem, self._scratch(volume))
        if volume.filesystem.kind is FileSystemKind.XFS:
            grow_aside(device, volume.filesystem, self._scratch(volume))
        else:
            run(("resize2fs", device), timeout=LONG_SECONDS, holding=device)

    def check(self, device: str, volume: ShareVolume) -> None:
        self._require_unmounted(device, volume)
        settle(device, volume.filesystem, self._scratch(volume))

    def examine(self, device: str, volume: ShareVolume) -> str:
        filesystem = volume.filesystem
        self._require_unmounted(device, volume)
        replay(device, filesystem, self._scratch(volume))  # where it cannot, the look tells why
        damage = examined(device, filesystem)
        if not damage and has_errors(device, filesystem):  # it is right all the same
            settle_ext4(device, filesystem)  # and remembers that it is
        return damage

    def repair(self, device: str, volume: ShareVolume) -> str:
        filesystem = volume.filesystem
        self._require_unmounted(device, volume)
        replay(device, filesystem, self._scratch(volume))  # where it cannot, the look tells why
        before = self._reach(device, volume)
        said = repaired(device, filesystem)
        left = examined(device, filesystem)
        if not left and self._reach(device, volume) < before:
            left = "it is smaller than it was"
        if left:
            raise ShareDamaged(
                f"the {filesystem.kind} on {device} cannot be repaired: {left}",
                hint="restore the volume from a backup",
            )
        return said

    def _reach(self, device: str, volume: ShareVolume) -> int:
        """Its size in bytes; 0 where it tells none."""
        try:
            return self.size(device, volume).bytes
        except ShareFailed:
            return 0

    def _require_unmounted(self, device: str, volume: ShareVolume) -> None:
        _require(device, volume.filesystem)
        self.unmount_scratch(volume)
        if is_write_protected(device):
            raise BackendFailure(
                f"{device} is write-protected", hint="see in 'dmesg' whether its disk failed"
            )
        number = _device_number(device)
        if any(mount.device == number for mount in mount_table()):
            raise BackendFailure(f"{device} is mounted", hint=f"'findmnt {device}' shows where")

    def _scratch(self, volume: ShareVolume) -> Path:
        """Named by the volume, so that what a killed call left mounted there is found again."""
        return self._layout.state_dir / f"scratch-{volume.id}"

    def size(self, device: str, volume: ShareVolume) -> Capacity:
        _require(device, volume.filesystem)
        try:
            if volume.filesystem.kind is FileSystemKind.XFS:
                return parse_xfs_info(run(("xfs_info", device)))
            return parse_dumpe2fs(run(("dumpe2fs", "-h", device)))
        except (CommandFailed, ValueError) as error:
            raise ShareFailed(
                f"{device} holds no {volume.filesystem.kind} that can be read: {error}",
                hint="look at it with fsck; nothing was repaired on its own",
            ) from error


def parse_dumpe2fs(output: str) -> Capacity:
    """The size of an ext4 in ``dumpe2fs -h``."""
    blocks, unit = (
        re.search(rf"^{key}:\s+(\d+)$", output, re.MULTILINE) for key in ("Block count", "Block size")
    )
    if blocks is None or unit is None:
        raise ValueError("dumpe2fs printed no size")
    return Capacity(int(blocks[1]) * int(unit[1]))


def parse_xfs_info(output: str) -> Capacity:
    """The size of an xfs's data section in ``xfs_info``."""
    match = re.search(r"^data\s+=\s*bsize=(\d+)\s+blocks=(\d+)", output, re.MULTILINE)
    if match is None:
        raise ValueError("xfs_info printed no size")
    return Capacity(int(match[1]) * int(match[2]))


def _is_filled(folder: Path) -> bool:
    with open_folder(folder) as opened:
        return bool(os.listdir(opened))


def _require(device: str, filesystem: FileSystem) -> None:
    if not holds(device, filesystem):
        raise ShareFailed(
            f"{device} does not hold this share's file system ({filesystem.kind} {filesystem.uuid}), "
            f"but {identify(device) or 'nothing that is known'}",
            hint="restore the volume from a backup; it is never formatted again",
        )


def _trouble(mounted: Mount | None, device: str, volume: ShareVolume) -> str:
    if mounted is None:
        return "is not mounted"
    filesystem = volume.filesystem
    try:
        if mounted.device != _device_number(device) or not holds(mounted.source, filesystem):
            return "has another file system in its place"
    except SharesError as error:
        return f"cannot be looked at: {error}"
    return _DAMAGED if _is_broken(mounted) or has_errors(mounted.source, filesystem) else ""


def _damaged(device: str, filesystem: FileSystem, why: str) -> ShareDamaged:
    return ShareDamaged(
        f"the {filesystem.kind} on {device} {why}",
        hint="'shares-core share check' tells what is damaged",
    )


def _is_broken(mounted: Mount) -> bool:
    """Whether the kernel has met damage: ext4 then turns read-only (-e remount-ro), xfs shuts down."""
    if mounted.read_only:
        return True
    try:
        os.listdir(mounted.target)
    except OSError:
        return True
    return False


def may_resize_mounted() -> bool:
    """Whether this process has the capability that the kernel asks for (ext4_resize_begin)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    effective = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) >> _CAP_SYS_RESOURCE & 1)


def refused_online(output: str) -> bool:
    """Whether resize2fs says that the kernel, not the file system, is in the way of growing it mounted."""
    said = output.lower()
    return any(
        phrase in said
        for phrase in (
            "permission denied",
            "not permitted",
            "not supported",
            "does not support online resizing",
        )
    )


def _make_ext4(device: str, uuid: str, *, zeroed: bool) -> None:
    # No blocks are kept for root: it writes nothing here. An error makes it read-only rather than worse.
    options = ("mkfs.ext4", "-q", "-F", "-m", "0", "-e", "remount-ro", "-U", uuid)

    def make(extended: str) -> None:
        run((*options, "-E", extended, device), timeout=LONG_SECONDS, holding=device)

    if zeroed:
        try:
            make("nodiscard,assume_storage_prezeroed=1")
        except CommandFailed as error:
            if "bad option" not in error.output.lower():  # as e2fsprogs before 1.47 says
                raise
        else:
            return
    make("nodiscard")


def _options(traits: VolumeTraits) -> str:
    return f"{SAFE},discard" if traits.discards else SAFE


def _device_number(device: str) -> str:
    with os_errors(f"looking at {device}"):
        number = Path(device).stat().st_rdev
    return f"{os.major(number)}:{os.minor(number)}"
