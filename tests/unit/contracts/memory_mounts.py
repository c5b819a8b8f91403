"""A host in memory with mounts, for the contracts' suites."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy

from attrs import evolve
from tests.contracts.filesystems_world import FileSystemsWorld, Made
from tests.contracts.values import UID, new_share_volume
from tests.contracts.values import ref as new_ref
from tests.unit.contracts.memory_world import MemoryWorld

from shares_core.domain.names import ShareName
from shares_core.domain.volume import FileSystemKind, ShareVolume, VolumeRef
from shares_core.testing import (
    OpenFile,
    Session,
)
from shares_core.testing.state import Condition, MemoryFileSystem, MemoryMount, ServedShare
from shares_core.testing.storage import ref_at

FILE = "file"


class MemoryMounts(MemoryWorld, FileSystemsWorld):
    """A host in memory whose mounts can be read."""

    def half_made_filesystem(self, device: str) -> None:
        with self.dying("filesystems.make") as ports:
            ports.filesystems.make(device, new_share_volume())

    def half_grown_filesystem(self, made: Made) -> None:
        with self.dying("filesystems.grow_unmounted") as ports:
            ports.filesystems.grow_unmounted(made.device, made.volume)

    def ruined_filesystem(self, made: Made) -> None:
        self._content(made).condition = Condition.RUINED

    def ruined_tables(self, made: Made) -> None:
        self.ruined_filesystem(made)

    def meet_damage(self, made: Made) -> None:
        self.ruined_filesystem(made)

    def is_whole(self, made: Made) -> bool:
        return self._content(made).condition is Condition.WHOLE

    def _content(self, made: Made) -> MemoryFileSystem:
        content = self.host.volumes[made.volume.ref].content
        assert content is not None
        return content

    def half_prepared_folder(self, server_id: str, share_id: str, folder: str) -> None:
        with self.dying("filesystems.prepare_folder") as ports:
            ports.filesystems.prepare_folder(server_id, share_id, folder, UID)

    def empty_mount_point(self, server_id: str, share_id: str) -> None:
        """Nothing: mounting has no half-done state in memory."""

    def cut_behind(self, ref: VolumeRef, size: int) -> None:
        self.host.volumes[ref].size = size

    def served_owner(self, server_id: str, share_id: str, folder: str) -> int | None:
        filesystem = self.host.mounted_filesystem(server_id, share_id)
        owner = None if filesystem is None else filesystem.folders.get(folder)
        return None if owner is None else self.host.mounts[server_id, share_id].seen(owner)

    def owner_on_disk(self, made: Made, folder: str) -> int | None:
        return self._content(made).folders.get(folder)

    def mount_by_hand(self, server_id: str, share_id: str, device: str) -> None:
        ref = ref_at(self.host, device)
        assert ref is not None
        self.host.mounts[server_id, share_id] = MemoryMount(ref)

    def copy_of(self, made: Made) -> tuple[ShareVolume, str]:
        copy = evolve(made.volume, ref=new_ref(self.new_id()))
        self.host.volumes[copy.ref] = deepcopy(self.host.volumes[made.volume.ref])
        return copy, self.ports.storage.attach(copy.ref)

    @contextmanager
    def without_idmapped_mounts(self) -> Iterator[None]:
        self.host.idmapped_mounts = False
        yield
        self.host.idmapped_mounts = True

    @contextmanager
    def without_case_fold(self) -> Iterator[None]:
        self.host.case_fold = False
        yield
        self.host.case_fold = True

    def write(self, server_id: str, share_id: str, content: bytes, folder: str = "") -> None:
        filesystem = self.host.mounted_filesystem(server_id, share_id)
        assert filesystem is not None
        assert not folder or folder in filesystem.folders
        filesystem.files[FILE] = content

    def read(self, server_id: str, share_id: str) -> bytes | None:
        filesystem = self.host.mounted_filesystem(server_id, share_id)
        return None if filesystem is None else filesystem.files.get(FILE)

    def is_read_only(self, server_id: str, share_id: str) -> bool:
        filesystem = self.host.mounted_filesystem(server_id, share_id)
        paused = filesystem is not None and filesystem.paused
        return paused or self.host.mounts[server_id, share_id].read_only

    def mount_options(self, server_id: str, share_id: str) -> frozenset[str]:
        return frozenset(("ro",) if self.is_read_only(server_id, share_id) else ("rw",))

    def freeze(self, server_id: str, share_id: str) -> None:
        filesystem = self.host.mounted_filesystem(server_id, share_id)
        assert filesystem is not None
        filesystem.frozen = True

    @contextmanager
    def file_held_open(self, server_id: str, share_id: str) -> Iterator[None]:
        session = Session(self.host, server_id, "somebody", ())
        share = ServedShare(share_id, ShareName("files"), "data", ())
        session.files.append(OpenFile(session, share, FILE, writable=False))
        self.host.sessions.append(session)
        yield
        session.end()

    def grows_mounted(self, kind: FileSystemKind) -> bool:
        return kind in self.host.online_grow

    def refusing_to_grow(self, action: Callable[[], None]) -> None:
        before, self.host.online_grow = self.host.online_grow, frozenset()
        try:
            action()
        finally:
            self.host.online_grow = before
