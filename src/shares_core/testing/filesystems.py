"""File systems and mounts in memory."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from shares_core.domain.capacity import KIB, Capacity, round_up
from shares_core.domain.errors import (
    BackendFailure,
    Conflict,
    HostNotReady,
    OnlineGrowRefused,
    ShareDamaged,
    ShareFailed,
    WouldLoseData,
)
from shares_core.domain.views import Usage
from shares_core.domain.volume import FileSystem, FileSystemKind, ShareVolume
from shares_core.ports.filesystems import FileSystems
from shares_core.ports.progress import Report, unreported
from shares_core.testing.faults import halfway
from shares_core.testing.host import MemoryHost
from shares_core.testing.state import (
    Condition,
    ContractBroken,
    MemoryFileSystem,
    MemoryMount,
    MemoryVolume,
)
from shares_core.testing.storage import device_of, volume_at

_BLOCK = 4096


class MemoryFileSystems(FileSystems):
    """File systems inside ``MemoryHost.volumes``, mounted in ``mounts``.

    A file system's size is in whole blocks. Half-done: a make leaves debris on the volume, a prepare_folder a
    folder that root owns, a growing a file system of half the growth, torn if it is unmounted; an examine
    leaves its scratch mount.
    """

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def make(self, device: str, volume: ShareVolume) -> None:
        there = volume_at(self._host, device)
        if there is None:
            raise BackendFailure(f"there is no device {device}")
        if there.content is not None and there.content.identity == volume.filesystem:
            return
        if there.debris or there.content is not None:
            raise Conflict(f"{device} holds something already")
        there.debris = True
        halfway()
        there.content, there.debris = MemoryFileSystem(volume.filesystem, _whole_blocks(there)), False

    def renew(self, device: str, volume: ShareVolume, former: FileSystem) -> None:
        if self.holds(device, volume):
            return
        _, content = self._identified(device, evolve(volume, filesystem=former))
        if content.condition is Condition.RUINED:
            raise ShareDamaged(f"the {former.kind} on {device} is damaged")
        halfway()
        content.identity = volume.filesystem

    def require_mounting(self, *, case_fold: bool = False) -> None:
        if not self._host.idmapped_mounts:
            raise HostNotReady("the kernel has no idmapped mounts", hint="boot another")
        if case_fold and not self._host.case_fold:
            raise HostNotReady("the kernel's ext4 does not fold case", hint="boot another")

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
        _, content = self._identified(device, volume)
        mounted = self._host.mounts.get((server_id, share_id))
        if content.condition is Condition.RUINED:
            raise ShareDamaged(f"the {volume.filesystem.kind} on {device} is damaged")
        if mounted is not None:
            if device_of(mounted.volume) == device and _shows(mounted, content, volume, uid):
                return
            raise ShareFailed(f"something else is mounted for share {share_id}, or with other owners")
        if content.condition is Condition.TORN:
            raise ContractBroken(f"{device} is mounted although its growing was broken off")
        if server_id not in self._host.folders:
            raise BackendFailure(f"server {server_id} has no folder to mount in")
        self.unmount_scratch(volume)
        if content.owner not in (0, volume.owner):
            raise ShareFailed(f"the files on {device} belong to user {content.owner}, not {volume.owner}")
        if device in self._mounted_devices():
            raise ContractBroken(f"{device} is mounted for another share already")
        if volume.filesystem.case_fold:
            self.require_mounting(case_fold=True)
        mapping = None if volume.owner == uid else (volume.owner, uid)
        if mapping is not None:
            self.require_mounting()
        ref = next(ref for ref in self._host.attached if device_of(ref) == device)
        self._host.mounts[server_id, share_id] = MemoryMount(ref, mapping, read_only)
        content.owner = volume.owner

    def holds(self, device: str, volume: ShareVolume) -> bool:
        there = volume_at(self._host, device)
        if there is None:
            raise BackendFailure(f"there is no device {device}")
        return there.content is not None and there.content.identity == volume.filesystem

    def prepare_folder(
        self, server_id: str, share_id: str, folder: str, uid: int, *, case_fold: bool = False
    ) -> None:
        filesystem = self._host.mounted_filesystem(server_id, share_id)
        if filesystem is None:
            raise BackendFailure(f"share {share_id} is not mounted")
        if case_fold is not filesystem.identity.case_fold:
            raise ContractBroken(f"{folder} and its file system do not agree whether they fold case")
        owner = self._host.mounts[server_id, share_id].on_disk(uid)
        if owner is None:
            raise BackendFailure(f"user {uid} can own nothing through the mount of share {share_id}")
        filesystem.folders.setdefault(folder, 0)
        halfway()
        filesystem.folders[folder] = owner

    def has_folder(self, server_id: str, share_id: str, folder: str) -> bool:
        filesystem = self._host.mounted_filesystem(server_id, share_id)
        if filesystem is None:
            raise BackendFailure(f"share {share_id} is not mounted")
        return folder in filesystem.folders

    def has_files(self, server_id: str, share_id: str, folder: str) -> bool:
        filesystem = self._host.mounted_filesystem(server_id, share_id)
        if filesystem is None:
            raise BackendFailure(f"share {share_id} is not mounted")
        return bool(filesystem.files or filesystem.folders.keys() - {folder})

    def unmount(self, server_id: str, share_id: str) -> None:
        if (server_id, share_id) in self._host.mounts and self._host.open_files(server_id, share_id):
            raise BackendFailure(f"share {share_id} has open files", hint="close them")
        content = self._host.mounted_filesystem(server_id, share_id)
        if content is not None:
            content.frozen = content.paused = False
        self._host.mounts.pop((server_id, share_id), None)

    def unmount_scratch(self, volume: ShareVolume) -> None:
        self._host.scratch.discard(volume.ref)

    def mount_point(self, server_id: str, share_id: str) -> str | None:
        return f"/memory/{server_id}/{share_id}" if self.mounted(server_id, share_id) else None

    def sync(self, server_id: str, share_id: str) -> None:
        pass

    def pause_writing(self, server_id: str, share_id: str) -> None:
        content = self._host.mounted_filesystem(server_id, share_id)
        if content is not None:
            if self._host.open_files(server_id, share_id):
                raise BackendFailure(f"share {share_id} has open files", hint="close them")
            content.paused = True
            halfway()

    def resume_writing(self, server_id: str, share_id: str) -> None:
        content = self._host.mounted_filesystem(server_id, share_id)
        if content is not None:
            content.frozen = content.paused = False

    def mounted(self, server_id: str, share_id: str) -> bool:
        return (server_id, share_id) in self._host.mounts

    def troubles(
        self, wanted: Mapping[tuple[str, str], tuple[str, ShareVolume]]
    ) -> Mapping[tuple[str, str], str]:
        found = {ids: self._trouble(ids, *wanted[ids]) for ids in wanted}
        return {ids: trouble for ids, trouble in found.items() if trouble}

    def _trouble(self, ids: tuple[str, str], device: str, volume: ShareVolume) -> str:
        content = self._host.mounted_filesystem(*ids)
        if content is None:
            return "is not mounted"
        if device_of(self._host.mounts[ids].volume) != device or content.identity != volume.filesystem:
            return "has another file system in its place"
        if content.condition is Condition.RUINED:
            return "is damaged"
        folder, mounted = self._host.folders.get(ids[0]), self._host.mounts[ids]
        if folder is not None and not _shows(mounted, content, volume, folder.uid):
            return "is mounted, but not so that the server owns its files"
        return ""

    def list(self) -> tuple[tuple[str, str], ...]:
        return tuple(self._host.mounts)

    def usage(self, server_id: str, share_id: str) -> Usage | None:
        found = self._host.mounted_filesystem(server_id, share_id)
        if found is None:
            return None
        free, files = found.total - found.used, len(found.files)
        return Usage(found.total, found.used, free, files=files, files_free=found.total // (4 * KIB) - files)

    def grow_mounted(self, server_id: str, share_id: str, device: str, volume: ShareVolume) -> None:
        there, content = self._identified(device, volume)
        if self._host.mounted_filesystem(server_id, share_id) is not content:
            raise BackendFailure(f"{device} is not mounted for share {share_id}")
        if content.reach == _whole_blocks(there):
            return
        kind = volume.filesystem.kind
        if kind not in self._host.online_grow:
            raise OnlineGrowRefused(f"the kernel does not grow a mounted {kind}")
        _grow(there, content)

    def grow_unmounted(self, device: str, volume: ShareVolume, report: Report = unreported) -> None:
        self.check(device, volume, report)
        there, content = self._identified(device, volume)
        if content.reach < _whole_blocks(there):
            content.condition = Condition.TORN
            halfway()
            _grow(there, content)
        content.condition = Condition.WHOLE

    def shrink(self, device: str, volume: ShareVolume, size: Capacity, report: Report = unreported) -> None:
        if volume.filesystem.kind is FileSystemKind.XFS:
            raise HostNotReady("an xfs cannot shrink", hint="copy its files")
        self.check(device, volume, report)
        _, content = self._identified(device, volume)
        if content.used > size.bytes:
            raise WouldLoseData(f"{content.used} bytes are used", content.used, hint="delete something")
        wanted = round_up(size.bytes, self._host.granularity)
        if content.reach > wanted:
            content.condition = Condition.RUINED
            halfway()
            content.condition, content.reach = Condition.WHOLE, wanted

    def check(self, device: str, volume: ShareVolume, report: Report = unreported) -> None:
        content = self._unmounted(device, volume)
        if content.condition is Condition.RUINED:
            raise ShareDamaged(f"the {volume.filesystem.kind} on {device} needs a person to repair it")
        report(1, 2)
        content.condition = Condition.WHOLE

    def examine(self, device: str, volume: ShareVolume, report: Report = unreported) -> str:
        content = self._unmounted(device, volume)
        self._host.scratch.add(volume.ref)
        report(1, 2)
        halfway()
        self._host.scratch.discard(volume.ref)
        return "" if content.condition is Condition.WHOLE else "something in it is damaged"

    def repair(self, device: str, volume: ShareVolume, report: Report = unreported) -> str:
        content = self._unmounted(device, volume)
        before, content.condition = content.condition, Condition.RUINED
        report(1, 2)
        halfway()
        content.condition = Condition.WHOLE
        return "" if before is Condition.WHOLE else "something in it was repaired"

    def size(self, device: str, volume: ShareVolume) -> Capacity:
        return Capacity(self._identified(device, volume)[1].reach)

    def _unmounted(self, device: str, volume: ShareVolume) -> MemoryFileSystem:
        _, content = self._identified(device, volume)
        self.unmount_scratch(volume)
        if device in self._mounted_devices():
            raise BackendFailure(f"{device} is mounted")
        return content

    def _mounted_devices(self) -> set[str]:
        return {device_of(mount.volume) for mount in self._host.mounts.values()}

    def _identified(self, device: str, volume: ShareVolume) -> tuple[MemoryVolume, MemoryFileSystem]:
        there, wanted = volume_at(self._host, device), volume.filesystem
        content = there.content if there is not None else None
        if there is None or content is None or content.identity != wanted:
            raise ShareFailed(
                f"{device} does not hold the {wanted.kind} {wanted.uuid}", hint="restore the volume"
            )
        if content.reach > there.size:
            raise ShareFailed(f"the {wanted.kind} on {device} reaches beyond it")
        return there, content


def _shows(mounted: MemoryMount, content: MemoryFileSystem, volume: ShareVolume, uid: int) -> bool:
    """Whether the mount shows the volume's files as the user's; a former release's volume names no owner."""
    former = content.owner == 0 and mounted.owners is None and volume.owner == uid
    return former or mounted.seen(content.owner) == uid


def _grow(volume: MemoryVolume, content: MemoryFileSystem) -> None:
    missing = _whole_blocks(volume) - content.reach
    if missing > 0:
        content.reach += missing // 2 // _BLOCK * _BLOCK
        halfway()
        content.reach = _whole_blocks(volume)


def _whole_blocks(volume: MemoryVolume) -> int:
    return volume.size // _BLOCK * _BLOCK
