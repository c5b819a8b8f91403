"""What every keeper of file systems does for snapshots and clones."""

from __future__ import annotations

import pytest

from shares_core.domain.errors import BackendFailure, ShareFailed
from tests.contracts.filesystems_world import DATA, FileSystemsSuite, FileSystemsWorld, Made, written
from tests.contracts.values import UID, new_share_volume


class FileSystemsSnapshots(FileSystemsSuite):
    """The part of the suite about them."""

    def test_a_copy_is_mounted_beside_its_origin(self, world: FileSystemsWorld, made: Made) -> None:
        """Read-only, under a name of its own; twice is once."""
        filesystems, name = world.ports.filesystems, f"{made.share[1]}@GMT-2026.11.30-22.33.44"
        written(world, made)
        copy, device = world.copy_of(made)
        filesystems.mount(*made.mount)
        for _ in range(2):
            filesystems.mount(made.server_id, name, device, copy, UID, read_only=True)
        assert {made.share, (made.server_id, name)} == set(filesystems.list())
        assert DATA == world.read(made.server_id, name)
        assert (False, True) == (
            world.is_read_only(*made.share),
            world.is_read_only(made.server_id, name),
        )
        filesystems.unmount(made.server_id, name)
        assert (made.share,) == filesystems.list()

    def test_a_copy_gets_an_identity_of_its_own(self, world: FileSystemsWorld, made: Made) -> None:
        """Twice is once; what was written stays, and the origin too; another's identity is not replaced."""
        filesystems = world.ports.filesystems
        written(world, made)
        copy, device = world.copy_of(made)
        wanted = new_share_volume(copy.filesystem.kind, copy.ref, copy.traits)
        with pytest.raises(ShareFailed):
            filesystems.renew(device, wanted, new_share_volume(copy.filesystem.kind).filesystem)
        for _ in range(2):
            filesystems.renew(device, wanted, made.volume.filesystem)
        assert (True, False) == (filesystems.holds(device, wanted), filesystems.holds(device, copy))
        assert "" == filesystems.examine(device, wanted)
        filesystems.mount(made.server_id, "6" * 12, device, wanted, UID)
        assert DATA == world.read(made.server_id, "6" * 12)
        filesystems.mount(*made.mount)
        assert DATA == world.read(*made.share)

    def test_writing_to_a_file_system_is_paused(self, world: FileSystemsWorld, made: Made) -> None:
        """Not while a file is open for writing; it can be read meanwhile; twice is once."""
        filesystems = world.ports.filesystems
        filesystems.pause_writing(*made.share)
        filesystems.mount(*made.mount)
        world.write(*made.share, DATA)
        before = world.mount_options(*made.share)
        with world.file_held_open(*made.share), pytest.raises(BackendFailure, match="open"):
            filesystems.pause_writing(*made.share)
        assert not world.is_read_only(*made.share)
        for _ in range(2):
            filesystems.pause_writing(*made.share)
        assert (True, DATA) == (world.is_read_only(*made.share), world.read(*made.share))
        for _ in range(2):
            filesystems.resume_writing(*made.share)
        assert (False, before) == (world.is_read_only(*made.share), world.mount_options(*made.share))
        world.write(*made.share, DATA)
        filesystems.pause_writing(*made.share)
        filesystems.unmount(*made.share)
        filesystems.mount(*made.mount)
        assert (False, DATA) == (world.is_read_only(*made.share), world.read(*made.share))

    def test_writers_of_a_frozen_file_system_can_go_on(self, world: FileSystemsWorld, made: Made) -> None:
        """Thawing twice is thawing once; neither that nor a sync needs a mount."""
        filesystems = world.ports.filesystems
        filesystems.resume_writing(*made.share)
        filesystems.sync(*made.share)
        assert filesystems.mount_point(*made.share) is None
        filesystems.mount(*made.mount)
        assert filesystems.mount_point(*made.share)
        world.freeze(*made.share)
        for _ in range(2):
            filesystems.resume_writing(*made.share)
        world.write(*made.share, DATA)
        filesystems.sync(*made.share)
        assert DATA == world.read(*made.share)
