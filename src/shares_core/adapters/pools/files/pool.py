"""A pool whose volumes are files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from attrs import evolve

from shares_core.adapters.linux.files import open_folder
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.pools.copying import copy
from shares_core.adapters.pools.files import devices
from shares_core.adapters.pools.files.cloning import can_share, clone, is_shared, mark_shared
from shares_core.adapters.pools.files.identity import FolderIdentity
from shares_core.adapters.pools.files.reserving import able_to_reserve, reserve
from shares_core.adapters.pools.identity import in_settings
from shares_core.adapters.pools.volume_pool import Fill, VolumePool
from shares_core.adapters.state.installation import Installation
from shares_core.domain.capacity import Capacity, format_bytes, round_up
from shares_core.domain.errors import Conflict, HostNotReady, NoCapacity, SharesError
from shares_core.domain.pools import SnapshotWay, is_volume_id
from shares_core.domain.remedy import Hint
from shares_core.domain.views import PoolView
from shares_core.domain.volume import DEFAULT_POOL, PoolName, VolumeTraits
from shares_core.ports.progress import Report, unreported
from shares_core.ports.storage import Volume, VolumeOwner

#: Volumes are whole blocks of every file system that they may carry.
_GRANULARITY = 4096
_STAT_BLOCK = 512  # stat(2)'s unit for blocks, whatever the file system
_IMAGE, _PART = ".img", ".part"


class LoopFilePool(VolumePool):
    """A pool in ``folder``.

    ::

        pool.json            which pool this is, and whose
        <volume>.img         a volume; its space is reserved, unless the pool is overprovisioned
        <volume>.part        a volume that is being made: it counts, but is not there yet
    """

    kind = "loop files"

    def __init__(
        self,
        folder: Path,
        size: Capacity,
        installation: Installation,
        *,
        overprovision: bool = False,
        lock_timeout: float = 120,
        name: PoolName = DEFAULT_POOL,
        identity: FolderIdentity | None = None,
    ) -> None:
        super().__init__(name)
        self.traits = VolumeTraits(thin=overprovision, zeroed=True)
        self._folder = folder
        self._size = size
        self._identity = identity or FolderIdentity(name, installation, folder, lock_timeout)
        #: What the settings name.
        self.location = folder
        self._overprovision = overprovision
        #: Volumes that this process has just made: nobody can have attached them yet.
        self._new: set[str] = set()

    def prepare(self) -> VolumeTraits:
        self._identity.establish()
        return self.traits

    # -- figures

    def pool(self) -> PoolView:
        provisioned, way = 0, None
        if self._identity.exists():
            self._identity.check()
            with suppress(SharesError):  # a folder that nobody can write to shows its figures all the same
                way = self.snapshot_way()
            provisioned = self._provisioned()
        return PoolView(
            name=self.name,
            kind=self.kind,
            location=str(self.location),
            total=self._limit(),
            provisioned=provisioned,
            free=self._free(provisioned),
            overprovisioned=self._overprovision,
            snapshots=way,
        )

    def _limit(self) -> int:
        """How much all volumes may have together."""
        return self._size.bytes

    def extend(self, size: Capacity) -> None:
        raise HostNotReady(
            f"the pool {self.name} is a folder of files, and as large as its settings say",
            hint=f"give it a larger size there: {in_settings(self.name, 'size')}",
        )

    def _provisioned(self) -> int:
        with os_errors(f"measuring what is in {self._folder}"):
            return sum(status.st_size for _, status in self._files(_IMAGE, _PART))

    def _files(self, *suffixes: str) -> Iterator[tuple[str, os.stat_result]]:
        """The names and figures of the files that end so."""
        # Not glob, which takes an unreadable folder for an empty one.
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith(suffixes):
                    with suppress(FileNotFoundError):  # removed, or renamed, since it was listed
                        yield entry.name, entry.stat()

    def _free(self, provisioned: int) -> int:
        if self._overprovision:
            return self._limit()
        folder = self._folder
        with os_errors(f"looking for room in {folder}"):
            while not folder.exists():
                folder = folder.parent
            disk = os.statvfs(folder)
        return max(0, min(self._limit() - provisioned, disk.f_bavail * disk.f_frsize - self._owed()))

    def _owed(self) -> int:
        """What volumes that share blocks may need yet: each was promised its size, and may be overwritten."""
        if not self._identity.exists():
            return 0
        with os_errors(f"measuring what is in {self._folder}"):
            return sum(
                status.st_size
                for name, status in self._files(_IMAGE, _PART)
                if self._is_shared(self._folder / name)
            )

    @staticmethod
    def _is_shared(image: Path) -> bool:
        try:
            return is_shared(image)
        except FileNotFoundError:  # removed, or renamed, since it was listed
            return False

    @property
    def _more_room(self) -> Hint:
        """What to do if there is none."""
        larger = in_settings(self.name, "size")
        return f"delete or shrink something, or configure a larger pool: {larger}"

    def _require_room(self, size: int) -> None:
        free = self._free(self._provisioned())
        if size > free:
            raise NoCapacity(
                f"the pool {self.location} has {format_bytes(free)} free, not {format_bytes(size)}",
                hint=self._more_room,
            )

    # -- volumes

    def ensure_volume(self, volume_id: str, size: Capacity, owner: VolumeOwner) -> Volume:
        self._identity.check()
        wanted = round_up(size.bytes, _GRANULARITY)
        existing = self.find_volume(volume_id)
        if existing is not None:
            if existing.size.bytes != wanted:
                raise Conflict(f"volume {volume_id} exists with {existing.size}, not {Capacity(wanted)}")
            return existing

        def fill(part: Path, descriptor: int) -> None:
            self._reserve(descriptor, wanted)
            os.fsync(descriptor)

        return self._made(volume_id, wanted, fill)

    def snapshot_way(self) -> SnapshotWay:
        self._identity.check()
        shares = can_share(self._folder)
        return SnapshotWay.SHARING if shares else SnapshotWay.COPYING_READ_ONLY

    def snapshot_volume(
        self,
        origin_id: str,
        volume_id: str,
        owner: VolumeOwner,
        mount_point: str | None,
        report: Report = unreported,
    ) -> Volume:
        origin = self.require_volume(origin_id)
        if self.snapshot_way().copies:
            fill = partial(copy, self.readable(origin_id), report=report)
            return self.filled(volume_id, origin.size, owner, fill)
        existing = self.find_volume(volume_id)
        if existing is not None:
            return existing
        return self._made(
            volume_id,
            origin.size.bytes,
            lambda part, _: clone(self._image(origin_id), part, mount_point),
            shared=True,
        )

    def readable(self, volume_id: str) -> str:
        self.require_volume(volume_id)
        return str(self._image(volume_id))

    def filled(self, volume_id: str, size: Capacity, owner: VolumeOwner, fill: Fill) -> Volume:
        wanted = round_up(size.bytes, _GRANULARITY)
        existing = self.find_volume(volume_id)
        if existing is not None:
            return existing

        def fill_reserved(_: Path, descriptor: int) -> None:
            self._reserve(descriptor, wanted)
            fill(descriptor, True)

        return self._made(volume_id, wanted, fill_reserved)

    def _made(
        self, volume_id: str, size: int, fill: Callable[[Path, int], None], *, shared: bool = False
    ) -> Volume:
        """Make a volume's file, which ``fill`` fills; it gets its name when it is complete."""
        part = self._part(volume_id)
        with os_errors(f"making volume {volume_id}"):
            try:
                descriptor = self._claim(part, size, shared=shared)
                try:
                    fill(part, descriptor)
                finally:
                    os.close(descriptor)
                part.rename(self._image(volume_id))
                self._settle_folder()
                self._new.add(volume_id)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        return self.require_volume(volume_id)

    def _claim(self, part: Path, size: int, *, shared: bool) -> int:
        """Make a new file of that length, which counts from now on, so the lock can be released."""
        with self._identity.locked():
            part.unlink(missing_ok=True)  # the remains of a killed call would count beside the new file
            self._require_room(size)
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(part, flags, 0o600)
            try:
                if shared:
                    mark_shared(descriptor)
                os.ftruncate(descriptor, size)
            except OSError:
                os.close(descriptor)
                raise
            return descriptor

    def _reserve(self, descriptor: int, length: int) -> None:
        if self._overprovision:
            return
        otherwise = f"promise what may not be there: {in_settings(self.name, 'overprovision')}"
        hint = f"put the pool on ext4 or xfs, or {otherwise}"
        with able_to_reserve(f"the pool {self.location}", hint):
            reserve(descriptor, length)

    def find_volume(self, volume_id: str) -> Volume | None:
        self._identity.check()
        with os_errors(f"looking for volume {volume_id}"):
            try:
                return self._volume(volume_id, self._image(volume_id).stat())
            except FileNotFoundError:
                return None

    def grow_volume(self, volume_id: str, size: Capacity) -> Volume:
        wanted = round_up(size.bytes, _GRANULARITY)
        before = self.require_volume(volume_id).size.bytes
        with os_errors(f"growing volume {volume_id}"), self._open(volume_id) as descriptor:
            if wanted > before:
                with self._identity.locked():
                    self._require_room(wanted - before)
                    os.ftruncate(descriptor, wanted)
            try:
                # Reserve all of it: a killed call may have made the file longer without reserving anything.
                self._reserve(descriptor, max(wanted, before))
            except (OSError, HostNotReady):
                os.ftruncate(descriptor, before)  # nothing uses the new end yet
                raise
            os.fsync(descriptor)
        devices.refresh(self._image(volume_id))
        return self.require_volume(volume_id)

    def cut_volume(self, volume_id: str, size: Capacity) -> None:
        wanted = round_up(size.bytes, _GRANULARITY)
        if self.require_volume(volume_id).size.bytes > wanted:
            with os_errors(f"cutting volume {volume_id}"), self._open(volume_id) as descriptor:
                os.ftruncate(descriptor, wanted)
        devices.refresh(self._image(volume_id))

    def remove_volume(self, volume_id: str, report: Report = unreported) -> None:
        self._identity.check()
        self._new.discard(volume_id)
        self.detach(volume_id)
        devices.detach_lost(self._image(volume_id))
        with os_errors(f"removing volume {volume_id}"):
            self._image(volume_id).unlink(missing_ok=True)
            self._part(volume_id).unlink(missing_ok=True)
            # If a power cut brought the name back, it would belong to nobody, and count for ever.
            self._settle_folder()

    def list(self) -> tuple[Volume, ...]:
        if not self._identity.exists():
            return ()
        self._identity.check()
        with os_errors(f"listing {self._folder}"):
            files = {name.removesuffix(_IMAGE): status for name, status in self._files(_IMAGE)}
        found = {
            name: self._volume(name, status) for name, status in sorted(files.items()) if is_volume_id(name)
        }
        return (*found.values(), *(lost for lost in self._lost() if lost.id not in found))

    def _lost(self) -> Iterator[Volume]:
        """Volumes whose files somebody else deleted while they were attached."""
        for file, device in devices.lost_devices(self._folder):
            with suppress(OSError):  # it was detached meanwhile
                if file.suffix == _IMAGE and is_volume_id(file.stem):
                    yield Volume(
                        self._ref(file.stem), Capacity(devices.size_of(device)), self.traits, lost=True
                    )

    # -- devices

    def attach(self, volume_id: str) -> str:
        self.require_volume(volume_id)
        new = volume_id in self._new
        self._new.discard(volume_id)
        return devices.attach(self._image(volume_id), new=new)

    def device(self, volume_id: str) -> str | None:
        image = self._image(volume_id)
        return devices.device_of(image) or (None if image.exists() else devices.lost_device_of(image))

    def detach(self, volume_id: str) -> None:
        image = self._image(volume_id)
        devices.detach(image)
        if not image.exists():
            devices.detach_lost(image)

    # -- helpers

    def _volume(self, volume_id: str, file: os.stat_result) -> Volume:
        thin = file.st_blocks * _STAT_BLOCK < file.st_size
        return Volume(self._ref(volume_id), Capacity(file.st_size), evolve(self.traits, thin=thin))

    def _image(self, volume_id: str) -> Path:
        return self._folder / f"{volume_id}{_IMAGE}"

    def _part(self, volume_id: str) -> Path:
        return self._folder / f"{volume_id}{_PART}"

    def _settle_folder(self) -> None:
        """Make the names in the folder reach the disk."""
        with open_folder(self._folder) as folder:
            os.fsync(folder)

    @contextmanager
    def _open(self, volume_id: str) -> Iterator[int]:
        descriptor = os.open(self._image(volume_id), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
