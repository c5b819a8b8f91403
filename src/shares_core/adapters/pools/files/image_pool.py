"""A pool of files in an xfs that the pool makes for itself, so that its volumes can share blocks."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

from attrs import field, frozen

from shares_core.adapters.linux.files import make_private_folder
from shares_core.adapters.linux.mountcalls import MountCalls
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.pools.files.identity import IDENTITY, LOCK, NOBODYS, FolderIdentity
from shares_core.adapters.pools.files.pool import LoopFilePool
from shares_core.adapters.pools.files.xfs_image import UNFINISHED, XfsImage
from shares_core.adapters.pools.identity import in_settings
from shares_core.adapters.state.installation import Installation
from shares_core.adapters.state.locks import file_lock
from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import HostNotReady, InvalidInput
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.domain.volume import DEFAULT_POOL, PoolName


@frozen
class ImageIdentity(FolderIdentity):
    """The identity of the pool, which is in its xfs: whatever is mounted there has to be that one."""

    image: XfsImage = field(kw_only=True)
    size: Capacity = field(kw_only=True)

    def establish(self) -> None:
        if self.exists() and self.image.is_mounted():
            self.check()  # nobody waits for whoever extends it
            return
        with os_errors(f"making the pool {self.image.folder}"):
            make_private_folder(self.image.folder)
        with self.alone():
            if not self.image.exists():
                self._require_new()
                self.image.make(self.size)
            self._ensure_mounted()
        super().establish()

    def check(self) -> None:
        if not self.image.is_mounted():
            self._require_image()
            with self.alone():
                self._ensure_mounted()
        super().check()

    def alone(self) -> AbstractContextManager[None]:
        """Hold the lock of whoever makes, mounts or grows the image. Raises Busy."""
        return file_lock(self.image.folder / LOCK, self.lock_timeout, f"the pool {self.pool}")

    def _ensure_mounted(self) -> None:
        if not self.image.is_mounted():
            self.image.mount()

    def _require_image(self) -> None:
        if self.image.exists():
            return
        if (self.image.folder / IDENTITY).exists():
            raise HostNotReady(
                f"the pool {self.pool} has its volumes in {self.image.folder} itself",
                hint=f"an xfs image is for new pools: leave {in_settings(self.pool, 'xfs_image')} out",
            )
        raise HostNotReady(
            f"the pool {self.pool} has lost its file {self.image.file}",
            hint="mount the disk that it is on, or restore it from a backup",
        )

    def _require_new(self) -> None:
        """Raise HostNotReady unless nobody has used the pool and nothing is in its folder."""
        if self.exists():
            self._require_image()
        with os_errors(f"listing {self.image.folder}"):
            found = sorted(set(os.listdir(self.image.folder)) - {*NOBODYS, *UNFINISHED})
        if found:
            raise HostNotReady(
                f"{self.image.folder} is not empty: it holds {found[0]!r}",
                hint="an xfs image is for new pools: name an empty folder in the configuration",
            )


class ImageFilePool(LoopFilePool):
    """A pool in ``folder``.

    ::

        pool.xfs             an xfs, in which volumes may have ``size`` together; all of its space is reserved
        pool.size            that size, which ``extend`` changes
        volumes/             where it is mounted, and in it what a LoopFilePool has
    """

    kind = "loop files in an xfs image"
    _identity: ImageIdentity

    def __init__(
        self,
        folder: Path,
        size: Capacity,
        installation: Installation,
        *,
        lock_timeout: float = 120,
        name: PoolName = DEFAULT_POOL,
    ) -> None:
        self._xfs = XfsImage(folder, MountCalls())
        volumes = self._xfs.volumes
        identity = ImageIdentity(name, installation, volumes, lock_timeout, image=self._xfs, size=size)
        super().__init__(volumes, size, installation, lock_timeout=lock_timeout, name=name, identity=identity)
        self.location = folder

    @property
    def _more_room(self) -> Remedy:
        return Remedy.of("delete or shrink something, or ", Call(UseCase.POOL_EXTEND, (str(self.name),)))

    def _limit(self) -> int:
        return (self._xfs.size or self._size).bytes

    def extend(self, size: Capacity) -> None:
        if not self._identity.exists():
            raise HostNotReady(
                f"the pool {self.name} is made when it is first used",
                hint=f"give the size in the configuration: {in_settings(self.name, 'size')}",
            )
        self._identity.check()
        with self._identity.alone():
            present = self._xfs.size or self._size
            if size < present:
                raise InvalidInput(
                    f"the pool {self.name} has {present}, and an xfs cannot shrink to {size}",
                    hint="give a larger size",
                )
            self._xfs.grow(size)
