"""The embedded default pool: a folder of files, one for each volume, attached as loop devices."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from shares_core.adapters.commands import run
from shares_core.adapters.disk.errors import os_errors
from shares_core.adapters.disk.files import make_private_folder, open_folder, write_whole
from shares_core.adapters.disk.installation import Installation
from shares_core.adapters.locking import file_lock
from shares_core.adapters.waiting import wait_until
from shares_core.domain.capacity import Capacity, format_bytes, round_up
from shares_core.domain.errors import (
    BackendFailure,
    CommandFailed,
    Conflict,
    HostNotReady,
    NoCapacity,
    ShareFailed,
)
from shares_core.domain.views import PoolView
from shares_core.ports.storage import BlockStorage, Volume

#: Volumes are whole blocks of every file system that they may carry.
_GRANULARITY = 4096
_IDENTITY = "pool.json"
_DETACH_SECONDS = 10.0


class LoopFilePool(BlockStorage):
    """A pool in ``folder``.

    ::

        pool.json            which pool this is, and whose
        <volume>.img         a volume; its space is reserved, unless the pool is overprovisioned
        <volume>.part        a volume that is being made: it counts, but is not there yet
    """

    def __init__(
        self,
        folder: Path,
        size: Capacity,
        installation: Installation,
        *,
        overprovision: bool = False,
        lock_timeout: float = 120,
    ) -> None:
        self._folder = folder
        self._size = size
        self._installation = installation
        self._overprovision = overprovision
        self._lock_timeout = lock_timeout

    # -- identity

    def prepare(self) -> None:
        if self._installation.pool_id():
            self._check()
            return
        with os_errors(f"making the pool {self._folder}"):
            make_private_folder(self._folder)
        with self._locked():
            identity = self._identity()
            if identity is None:
                self._require_empty()
                identity = {"pool": os.urandom(6).hex(), "installation": self._installation.id()}
                with os_errors(f"making the pool {self._folder}"):
                    write_whole(self._folder / _IDENTITY, json.dumps(identity, indent=1).encode())
            if identity.get("installation") != self._installation.id():
                raise HostNotReady(
                    f"{self._folder} is the pool of another installation of shares-core",
                    hint="name another folder in the configuration: [pool] dir",
                )
            # After the identity, so that a crash in between leaves a folder that is recognised, not lost.
            self._installation.remember_pool(identity["pool"])
        self._check()

    def _identity(self) -> dict[str, str] | None:
        path = self._folder / _IDENTITY
        with os_errors(f"reading {path}"):
            try:
                identity = json.loads(path.read_bytes())
            except FileNotFoundError:
                return None
            except ValueError:
                identity = None
        if not isinstance(identity, dict) or not isinstance(identity.get("pool"), str):
            raise HostNotReady(
                f"{path} is damaged", hint="restore it from a backup; it says whose pool this is"
            )
        return identity

    def _require_empty(self) -> None:
        strange = [
            entry.name for entry in self._folder.iterdir() if entry.name not in ("lost+found", "pool.lock")
        ]
        if strange:
            raise HostNotReady(
                f"{self._folder} is not empty and not a pool: it holds {strange[0]!r}",
                hint="name an empty folder in the configuration: [pool] dir",
            )

    def _check(self) -> None:
        """An unmounted folder is not an empty pool: what is there must say that it is ours."""
        identity = self._identity()
        if identity is None or identity["pool"] != self._installation.pool_id():
            raise HostNotReady(
                f"{self._folder} is not the pool of this installation",
                hint="mount the disk that the pool is on; it is the one with this installation's pool.json",
            )

    # -- figures

    def pool(self) -> PoolView:
        provisioned = 0
        if self._installation.pool_id():
            self._check()
            provisioned = self._provisioned()
        return PoolView(
            kind="loop files",
            location=str(self._folder),
            total=self._size.bytes,
            provisioned=provisioned,
            free=self._free(provisioned),
            overprovisioned=self._overprovision,
        )

    def _provisioned(self) -> int:
        with os_errors(f"listing {self._folder}"):
            total = 0
            for pattern in ("*.img", "*.part"):
                for path in self._folder.glob(pattern):
                    with suppress(FileNotFoundError):  # removed, or renamed, since it was listed
                        total += path.stat().st_size
            return total

    def _free(self, provisioned: int) -> int:
        if self._overprovision:
            return self._size.bytes
        folder = self._folder
        while not folder.exists():
            folder = folder.parent
        disk = os.statvfs(folder)
        return max(0, min(self._size.bytes - provisioned, disk.f_bavail * disk.f_frsize))

    def _require_room(self, size: int) -> None:
        free = self._free(self._provisioned())
        if size > free:
            raise NoCapacity(
                f"the pool {self._folder} has {format_bytes(free)} free, not {format_bytes(size)}",
                hint="delete or shrink something, or configure a larger pool: [pool] size",
            )

    # -- volumes

    def ensure_volume(self, volume_id: str, size: Capacity) -> Volume:
        self._check()
        wanted = round_up(size.bytes, _GRANULARITY)
        existing = self.find_volume(volume_id)
        if existing is not None:
            if existing.size.bytes != wanted:
                raise Conflict(f"volume {volume_id} exists with {existing.size}, not {Capacity(wanted)}")
            return existing
        part = self._folder / f"{volume_id}.part"
        with os_errors(f"making volume {volume_id}"):
            try:
                descriptor = self._claim(part, wanted)
                try:
                    self._reserve(descriptor, 0, wanted)
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
                part.rename(self._image(volume_id))
                with open_folder(self._folder) as folder:
                    os.fsync(folder)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        return Volume(volume_id, Capacity(wanted))

    def _claim(self, part: Path, size: int) -> int:
        """A new file of that length: from then on it counts, so the lock need not be held any longer."""
        with self._locked():
            part.unlink(missing_ok=True)  # what a killed call left would count beside its successor
            self._require_room(size)
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(part, flags, 0o600)
            os.ftruncate(descriptor, size)
            return descriptor

    def _reserve(self, descriptor: int, offset: int, length: int) -> None:
        if not self._overprovision:
            os.posix_fallocate(descriptor, offset, length)

    def find_volume(self, volume_id: str) -> Volume | None:
        self._check()
        with os_errors(f"looking for volume {volume_id}"):
            try:
                return Volume(volume_id, Capacity(self._image(volume_id).stat().st_size))
            except FileNotFoundError:
                return None

    def grow_volume(self, volume_id: str, size: Capacity) -> None:
        wanted = round_up(size.bytes, _GRANULARITY)
        before = self._require(volume_id).size.bytes
        with os_errors(f"growing volume {volume_id}"), self._open(volume_id) as descriptor:
            if wanted > before:
                with self._locked():
                    self._require_room(wanted - before)
                    os.ftruncate(descriptor, wanted)
            try:
                # All of it: a killed call may have made the file longer without reserving anything.
                self._reserve(descriptor, 0, max(wanted, before))
            except OSError:
                os.ftruncate(descriptor, before)  # nothing has seen the new end yet
                raise
            os.fsync(descriptor)
        self._refresh_device(volume_id)

    def cut_volume(self, volume_id: str, size: Capacity) -> None:
        wanted = round_up(size.bytes, _GRANULARITY)
        if self._require(volume_id).size.bytes > wanted:
            with os_errors(f"cutting volume {volume_id}"), self._open(volume_id) as descriptor:
                os.ftruncate(descriptor, wanted)
        self._refresh_device(volume_id)

    def remove_volume(self, volume_id: str) -> None:
        self._check()
        self.detach(volume_id)
        with os_errors(f"removing volume {volume_id}"):
            self._image(volume_id).unlink(missing_ok=True)
            (self._folder / f"{volume_id}.part").unlink(missing_ok=True)

    def list(self) -> tuple[Volume, ...]:
        if not self._installation.pool_id():
            return ()
        self._check()
        found = (self.find_volume(path.stem) for path in sorted(self._folder.glob("*.img")))
        return tuple(volume for volume in found if volume is not None)

    # -- devices

    def attach(self, volume_id: str) -> str:
        self._require(volume_id)
        device = self._device(volume_id)
        if device is not None:
            return device
        image = str(self._image(volume_id))
        try:
            return run(("losetup", "--find", "--show", "--direct-io=on", image)).strip()
        except CommandFailed as error:
            if "direct io" not in error.output.lower():
                raise
            # A backing file system without direct I/O: data is cached twice, and as safe.
            return self._device(volume_id) or run(("losetup", "--find", "--show", image)).strip()

    def detach(self, volume_id: str) -> None:
        if not self._image(volume_id).exists():
            return
        device = self._device(volume_id)
        if device is None:
            return
        run(("losetup", "--detach", device))
        # losetup answers 0 while something still holds the device, and then only marks it to be cleared.
        if not wait_until(lambda: self._device(volume_id) is None, _DETACH_SECONDS):
            raise BackendFailure(
                f"{device} of volume {volume_id} is still in use",
                hint=f"'findmnt {device}' shows where it is mounted",
            )

    def _device(self, volume_id: str) -> str | None:
        listing = run(
            ("losetup", "--json", "--list", "--output", "NAME", "--associated", str(self._image(volume_id)))
        )
        return next(iter(parse_losetup(listing)), None)

    def _refresh_device(self, volume_id: str) -> None:
        device = self._device(volume_id)
        if device is not None:
            run(("losetup", "--set-capacity", device))

    # -- helpers

    def _image(self, volume_id: str) -> Path:
        return self._folder / f"{volume_id}.img"

    def _require(self, volume_id: str) -> Volume:
        volume = self.find_volume(volume_id)
        if volume is None:
            raise ShareFailed(
                f"volume {volume_id} is missing from the pool {self._folder}",
                hint="restore its file from a backup, or delete the share",
            )
        return volume

    @contextmanager
    def _open(self, volume_id: str) -> Iterator[int]:
        descriptor = os.open(self._image(volume_id), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _locked(self) -> AbstractContextManager[None]:
        return file_lock(self._folder / "pool.lock", self._lock_timeout, "the pool")


def parse_losetup(listing: str) -> tuple[str, ...]:
    """The devices in what ``losetup --json --list --output NAME`` prints: nothing where there are none."""
    if not listing.strip():
        return ()
    return tuple(entry["name"] for entry in json.loads(listing)["loopdevices"])
