"""The world of the suite of file systems."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from attrs import frozen

from shares_core.domain.volume import DEFAULT_POOL, FileSystemKind, ShareVolume, VolumeRef
from tests.contracts.values import OWNER, UID, new_share_volume, ref
from tests.contracts.world import DeviceWorld

SHARE = "5" * 12
DATA = b"precious"


class FileSystemsWorld(DeviceWorld):
    """A host whose mounts can be looked into."""

    @abstractmethod
    def half_made_filesystem(self, device: str) -> None:
        """What a killed ``make`` leaves."""

    @abstractmethod
    def half_grown_filesystem(self, made: Made) -> None:
        """What a ``grow_unmounted`` leaves that is killed before the file system is larger."""

    @abstractmethod
    def ruined_filesystem(self, made: Made) -> None:
        """Damage it so that a person has to repair it."""

    @abstractmethod
    def ruined_tables(self, made: Made) -> None:
        """Damage what the kernel needs to mount it, but can be restored without losing a file."""

    @abstractmethod
    def meet_damage(self, made: Made) -> None:
        """Make the kernel meet damage in the mounted file system."""

    @abstractmethod
    def is_whole(self, made: Made) -> bool:
        """Whether a full check finds nothing wrong."""

    @abstractmethod
    def half_prepared_folder(self, server_id: str, share_id: str, folder: str) -> None:
        """What a killed ``prepare_folder`` leaves."""

    @abstractmethod
    def empty_mount_point(self, server_id: str, share_id: str) -> None:
        """What a killed ``mount`` leaves."""

    @abstractmethod
    def cut_behind(self, ref: VolumeRef, size: int) -> None:
        """Make the detached volume smaller without telling anybody."""

    @abstractmethod
    def served_owner(self, server_id: str, share_id: str, folder: str) -> int | None:
        """The folder's owner as the mounted file system shows it, or None without a folder."""

    @abstractmethod
    def owner_on_disk(self, made: Made, folder: str) -> int | None:
        """Who owns the folder, whatever a mount shows."""

    @abstractmethod
    def mount_by_hand(self, server_id: str, share_id: str, device: str) -> None:
        """Mount it for the share without any mapping of owners."""

    @abstractmethod
    def copy_of(self, made: Made) -> tuple[ShareVolume, str]:
        """Another volume with the same bytes, and its device."""

    @abstractmethod
    def without_idmapped_mounts(self) -> AbstractContextManager[None]:
        """Inside, this host cannot map owners of mounts."""

    @abstractmethod
    def without_case_fold(self) -> AbstractContextManager[None]:
        """Inside, this host's ext4 does not fold case."""

    @abstractmethod
    def write(self, server_id: str, share_id: str, content: bytes, folder: str = "") -> None:
        """Write a file into the mounted file system, or into a folder that it has."""

    @abstractmethod
    def read(self, server_id: str, share_id: str) -> bytes | None:
        """The file's content, or None if it does not exist."""

    @abstractmethod
    def is_read_only(self, server_id: str, share_id: str) -> bool:
        """Whether the mount refuses writes."""

    @abstractmethod
    def mount_options(self, server_id: str, share_id: str) -> frozenset[str]:
        """The options of the mount and of its file system."""

    @abstractmethod
    def freeze(self, server_id: str, share_id: str) -> None:
        """Make writers of the mounted file system wait, as a killed snapshot leaves them."""

    @abstractmethod
    def file_held_open(self, server_id: str, share_id: str) -> AbstractContextManager[None]:
        """Inside, somebody has a file of the mounted file system open."""

    @abstractmethod
    def grows_mounted(self, kind: FileSystemKind) -> bool:
        """Whether this host's kernel grows such a file system while it is mounted."""

    @abstractmethod
    def refusing_to_grow(self, action: Callable[[], None]) -> None:
        """Do it with a kernel that does not grow a mounted ext4."""


@frozen
class Made:
    """A server's folders, and a volume with its file system, attached and not mounted."""

    server_id: str
    device: str
    volume: ShareVolume

    @property
    def share(self) -> tuple[str, str]:
        return self.server_id, SHARE

    @property
    def mount(self) -> tuple[str, str, str, ShareVolume, int]:
        """The arguments of ``mount``."""
        return *self.growing, UID

    @property
    def growing(self) -> tuple[str, str, str, ShareVolume]:
        """The arguments of ``grow_mounted``."""
        return self.server_id, SHARE, self.device, self.volume


def written(world: FileSystemsWorld, made: Made) -> None:
    """Leave a file in it, and leave it unmounted as before."""
    world.ports.filesystems.mount(*made.mount)
    world.write(*made.share, DATA)
    world.ports.filesystems.unmount(*made.share)


class FileSystemsSuite:
    """The fixtures of the suite."""

    @pytest.fixture(params=FileSystemKind)
    def kind(self, request: pytest.FixtureRequest) -> FileSystemKind:
        """Every kind."""
        return FileSystemKind(request.param)

    @pytest.fixture
    def made(self, world: FileSystemsWorld, kind: FileSystemKind) -> Made:
        world.ports.storage.prepare(DEFAULT_POOL)
        world.ports.folders.ensure(server_id := world.new_id(), UID)
        volume, device = new_volume(world, kind)
        world.ports.filesystems.make(device, volume)
        return Made(server_id, device, volume)


def new_volume(world: FileSystemsWorld, kind: FileSystemKind) -> tuple[ShareVolume, str]:
    """A blank volume for a file system of that kind, and its device."""
    made = world.ports.storage.ensure_volume(ref(world.new_id()), kind.smallest, OWNER)
    return new_share_volume(kind, made.ref, made.traits), world.ports.storage.attach(made.ref)
