"""What every keeper of servers' folders does."""

from __future__ import annotations

from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor

import pytest

from shares_core.domain.errors import BackendFailure
from tests.contracts.values import UID
from tests.contracts.world import World


class FoldersWorld(World):
    """A host whose folders can be looked at."""

    @abstractmethod
    def folder_owner(self, server_id: str) -> int | None:
        """The owner of the folder that smbd writes to, or None if it does not exist."""

    @abstractmethod
    def passes_mounts_on(self, server_id: str) -> bool:
        """Whether what is mounted below the server's folder reaches its container."""

    @abstractmethod
    def half_ensured_folders(self, server_id: str, step: int) -> None:
        """What an ``ensure`` leaves that is killed early (1) or later (2)."""

    @abstractmethod
    def half_removed_folders(self, server_id: str) -> None:
        """What a ``remove`` leaves that is killed after removing the server's own folder."""

    @abstractmethod
    def mount_below(self, server_id: str) -> None:
        """Mount something where the server's shares are mounted."""

    @abstractmethod
    def mounts(self) -> int:
        """The number of this installation's mounts."""

    @abstractmethod
    def unmount_below(self, server_id: str) -> None:
        """Unmount it, and leave its empty mount point."""


class ServerFoldersContract:
    """The suite of ``ports.folders``."""

    def test_ensuring_makes_the_folders(self, world: FoldersWorld) -> None:
        """Twice is once; smbd owns its folder, and mounts are passed on to the container."""
        folders = world.ports.folders
        server_id = world.new_id()
        assert () == folders.list()
        for _ in range(2):
            folders.ensure(server_id, UID)
            assert (UID, True) == (world.folder_owner(server_id), world.passes_mounts_on(server_id))
            assert (server_id,) == folders.list()
            assert folders.ensured(server_id, UID)

    def test_the_owner_is_the_last_one_requested(self, world: FoldersWorld) -> None:
        """A folder with another owner is corrected."""
        folders = world.ports.folders
        server_id = world.new_id()
        folders.ensure(server_id, UID)
        assert not folders.ensured(server_id, UID + 1)
        folders.ensure(server_id, UID + 1)
        assert UID + 1 == world.folder_owner(server_id)

    @pytest.mark.parametrize("step", [1, 2])
    def test_a_half_done_ensure_is_completed(self, world: FoldersWorld, step: int) -> None:
        """By the next one."""
        folders = world.ports.folders
        server_id = world.new_id()
        world.half_ensured_folders(server_id, step)
        assert not folders.ensured(server_id, UID)
        folders.ensure(server_id, UID)
        assert (UID, True) == (world.folder_owner(server_id), world.passes_mounts_on(server_id))

    @pytest.mark.parametrize("step", [1, 2])
    def test_a_half_done_ensure_is_removed(self, world: FoldersWorld, step: int) -> None:
        """With nothing left."""
        folders = world.ports.folders
        server_id = world.new_id()
        world.half_ensured_folders(server_id, step)
        folders.remove(server_id)
        assert () == folders.list()

    def test_removing_removes_and_removing_the_absent_succeeds(self, world: FoldersWorld) -> None:
        """Another server's folders stay."""
        folders = world.ports.folders
        gone, kept = world.new_id(), world.new_id()
        folders.remove(gone)
        folders.ensure(gone, UID)
        folders.ensure(kept, UID)
        for _ in range(2):
            folders.remove(gone)
            assert not folders.ensured(gone, UID)
        assert ((kept,), None) == (folders.list(), world.folder_owner(gone))

    def test_removing_the_last_folder_removes_every_mount(self, world: FoldersWorld) -> None:
        """Only the last: all servers share the mount that passes others on. A new server has it again."""
        folders = world.ports.folders
        one, other = world.new_id(), world.new_id()
        for _ in range(2):
            folders.ensure(one, UID)
            folders.ensure(other, UID)
            folders.remove(one)
            assert world.passes_mounts_on(other)
            assert folders.ensured(other, UID)
            assert 0 < world.mounts()
            folders.remove(other)
            assert 0 == world.mounts()

    def test_a_removal_that_left_the_mounts_is_completed(self, world: FoldersWorld) -> None:
        """By the next one of the same folder."""
        folders = world.ports.folders
        server_id = world.new_id()
        folders.ensure(server_id, UID)
        world.half_removed_folders(server_id)
        folders.remove(server_id)
        assert ((), 0) == (folders.list(), world.mounts())

    def test_a_server_made_while_the_last_one_is_removed_is_whole(self, world: FoldersWorld) -> None:
        """The removal either sees the new server's folder or ends before it is made."""
        folders = world.ports.folders

        def come_and_go(server_id: str) -> None:
            for _ in range(5):
                folders.ensure(server_id, UID)
                assert folders.ensured(server_id, UID)
                assert world.passes_mounts_on(server_id)
                folders.remove(server_id)

        with ThreadPoolExecutor(3) as threads:
            list(threads.map(come_and_go, [world.new_id() for _ in range(3)]))
        assert ((), 0) == (folders.list(), world.mounts())

    def test_nothing_is_removed_under_a_mount(self, world: FoldersWorld) -> None:
        """After the unmount everything is removed, also the mount point that was left."""
        folders = world.ports.folders
        server_id = world.new_id()
        folders.ensure(server_id, UID)
        world.mount_below(server_id)
        with pytest.raises(BackendFailure):
            folders.remove(server_id)
        assert ((server_id,), UID) == (folders.list(), world.folder_owner(server_id))
        world.unmount_below(server_id)
        folders.remove(server_id)
        assert () == folders.list()
