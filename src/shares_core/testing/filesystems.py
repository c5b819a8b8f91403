"""File systems and mounts in memory."""

from __future__ import annotations

from collections.abc import Mapping

from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import BackendFailure, Conflict, OnlineGrowRefused, ShareDamaged, ShareFailed
from shares_core.domain.share import FileSystem
from shares_core.domain.views import Usage
from shares_core.ports.filesystems import FileSystems
from shares_core.testing.faults import halfway
from shares_core.testing.host import MemoryHost
from shares_core.testing.state import Condition, ContractBroken, MemoryFileSystem, MemoryVolume
from shares_core.testing.storage import device_of, volume_at

_BLOCK = 4096


class MemoryFileSystems(FileSystems):
    """File systems inside ``MemoryHost.volumes``, mounted in ``mounts``.

    A file system reaches as far as whole blocks do. Half-done: a make leaves debris on the volume, a
    prepare_folder a folder of root's, a growing one that has come half the way, and unmounted is torn; an
    examine leaves it mounted aside.
    """

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def make(self, device: str, filesystem: FileSystem) -> None:
        volume = volume_at(self._host, device)
        if volume is None:
            raise BackendFailure(f"there is no device {device}")
        if volume.content is not None and volume.content.identity == filesystem:
            return
        if volume.debris or volume.content is not None:
            raise Conflict(f"{device} holds something already")
        volume.debris = True
        halfway()
        volume.content, volume.debris = MemoryFileSystem(filesystem, _whole_blocks(volume)), False

    def mount(self, server_id: str, share_id: str, device: str, filesystem: FileSystem) -> None:
        _, content = self._identified(device, filesystem)
        mounted = self._host.mounts.get((server_id, share_id))
        if content.condition is Condition.RUINED:
            raise ShareDamaged(f"the {filesystem.kind} on {device} is damaged")
        if mounted is not None and device_of(mounted) == device:
            return
        if mounted is not None:
            raise ShareFailed(f"something else is mounted for share {share_id}")
        if content.condition is Condition.TORN:
            raise ContractBroken(f"{device} is mounted although its growing was broken off")
        if server_id not in self._host.folders:
            raise BackendFailure(f"server {server_id} has no folder to mount in")
        self.unmount_aside(filesystem)
        volume_id = next(key for key in self._host.attached if device_of(key) == device)
        if volume_id in self._host.mounts.values():
            raise ContractBroken(f"{device} is mounted for another share already")
        self._host.mounts[server_id, share_id] = volume_id

    def holds(self, device: str, filesystem: FileSystem) -> bool:
        volume = volume_at(self._host, device)
        if volume is None:
            raise BackendFailure(f"there is no device {device}")
        return volume.content is not None and volume.content.identity == filesystem

    def prepare_folder(self, server_id: str, share_id: str, folder: str, uid: int) -> None:
        filesystem = self._host.mounted_filesystem(server_id, share_id)
        if filesystem is None:
            raise BackendFailure(f"share {share_id} is not mounted")
        filesystem.folders.setdefault(folder, 0)
        halfway()
        filesystem.folders[folder] = uid

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
        self._host.mounts.pop((server_id, share_id), None)

    def unmount_aside(self, filesystem: FileSystem) -> None:
        self._host.aside.discard(filesystem.uuid)

    def mounted(self, server_id: str, share_id: str) -> bool:
        return (server_id, share_id) in self._host.mounts

    def troubles(self, wanted: Mapping[tuple[str, str], FileSystem]) -> Mapping[tuple[str, str], str]:
        found = {ids: self._trouble(*ids, filesystem) for ids, filesystem in wanted.items()}
        return {ids: trouble for ids, trouble in found.items() if trouble}

    def _trouble(self, server_id: str, share_id: str, filesystem: FileSystem) -> str:
        content = self._host.mounted_filesystem(server_id, share_id)
        if content is None:
            return "is not mounted"
        if content.identity != filesystem:
            return "has another file system in its place"
        return "is damaged" if content.condition is Condition.RUINED else ""

    def list(self) -> tuple[tuple[str, str], ...]:
        return tuple(self._host.mounts)

    def usage(self, server_id: str, share_id: str) -> Usage | None:
        found = self._host.mounted_filesystem(server_id, share_id)
        return None if found is None else Usage(found.total, found.used, found.total - found.used)

    def grow_mounted(self, server_id: str, share_id: str, device: str, filesystem: FileSystem) -> None:
        volume, content = self._identified(device, filesystem)
        if self._host.mounted_filesystem(server_id, share_id) is not content:
            raise BackendFailure(f"{device} is not mounted for share {share_id}")
        if content.reach == _whole_blocks(volume):
            return
        if filesystem.kind not in self._host.online_grow:
            raise OnlineGrowRefused(f"the kernel does not grow a mounted {filesystem.kind}")
        _grow(volume, content)

    def grow_unmounted(self, device: str, filesystem: FileSystem) -> None:
        self.check(device, filesystem)
        volume, content = self._identified(device, filesystem)
        if content.reach < _whole_blocks(volume):
            content.condition = Condition.TORN
            halfway()
            _grow(volume, content)
        content.condition = Condition.WHOLE

    def check(self, device: str, filesystem: FileSystem) -> None:
        content = self._unmounted(device, filesystem)
        if content.condition is Condition.RUINED:
            raise ShareDamaged(f"the {filesystem.kind} on {device} needs a person to repair it")
        content.condition = Condition.WHOLE

    def examine(self, device: str, filesystem: FileSystem) -> str:
        content = self._unmounted(device, filesystem)
        self._host.aside.add(filesystem.uuid)
        halfway()
        self._host.aside.discard(filesystem.uuid)
        return "" if content.condition is Condition.WHOLE else "something in it is damaged"

    def repair(self, device: str, filesystem: FileSystem) -> str:
        content = self._unmounted(device, filesystem)
        before, content.condition = content.condition, Condition.RUINED
        halfway()
        content.condition = Condition.WHOLE
        return "" if before is Condition.WHOLE else "something in it was repaired"

    def size(self, device: str, filesystem: FileSystem) -> Capacity:
        return Capacity(self._identified(device, filesystem)[1].reach)

    def _unmounted(self, device: str, filesystem: FileSystem) -> MemoryFileSystem:
        _, content = self._identified(device, filesystem)
        self.unmount_aside(filesystem)
        if any(device_of(volume_id) == device for volume_id in self._host.mounts.values()):
            raise BackendFailure(f"{device} is mounted")
        return content

    def _identified(self, device: str, filesystem: FileSystem) -> tuple[MemoryVolume, MemoryFileSystem]:
        volume = volume_at(self._host, device)
        content = volume.content if volume is not None else None
        if volume is None or content is None or content.identity != filesystem:
            raise ShareFailed(
                f"{device} does not hold the {filesystem.kind} {filesystem.uuid}", hint="restore the volume"
            )
        if content.reach > volume.size:
            raise ShareFailed(f"the {filesystem.kind} on {device} reaches beyond it")
        return volume, content


def _grow(volume: MemoryVolume, content: MemoryFileSystem) -> None:
    missing = _whole_blocks(volume) - content.reach
    if missing > 0:
        content.reach += missing // 2 // _BLOCK * _BLOCK
        halfway()
        content.reach = _whole_blocks(volume)


def _whole_blocks(volume: MemoryVolume) -> int:
    return volume.size // _BLOCK * _BLOCK
