"""How every keeper of file systems grows them."""

from __future__ import annotations

import pytest

from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.errors import (
    BackendFailure,
    HostNotReady,
    OnlineGrowRefused,
    ShareFailed,
    WouldLoseData,
)
from shares_core.domain.volume import FileSystemKind
from tests.contracts.filesystems_world import DATA, FileSystemsSuite, FileSystemsWorld, Made, written
from tests.contracts.values import new_share_volume


class FileSystemsGrowth(FileSystemsSuite):
    """The part of the suite about sizes."""

    def test_a_mounted_file_system_grows_to_its_device(self, world: FileSystemsWorld, made: Made) -> None:
        """Twice is once, and what was written stays; a kernel that cannot grow it says so each time."""
        filesystems = world.ports.filesystems
        filesystems.mount(*made.mount)
        world.write(*made.share, DATA)
        before, larger = filesystems.size(made.device, made.volume), _grown(world, made)
        for _ in range(2):
            if world.grows_mounted(made.volume.filesystem.kind):
                filesystems.grow_mounted(*made.growing)
                assert larger == filesystems.size(made.device, made.volume)
            else:
                with pytest.raises(OnlineGrowRefused):
                    filesystems.grow_mounted(*made.growing)
                assert before == filesystems.size(made.device, made.volume)
        assert (True, DATA) == (filesystems.mounted(*made.share), world.read(*made.share))

    @pytest.mark.parametrize("kind", [FileSystemKind.EXT4], indirect=True)
    def test_a_kernel_that_cannot_grow_a_mounted_file_system_says_so(
        self, world: FileSystemsWorld, made: Made
    ) -> None:
        """Nothing changes, and it grows unmounted."""
        filesystems = world.ports.filesystems
        filesystems.mount(*made.mount)
        before = filesystems.size(made.device, made.volume)
        larger = _grown(world, made)
        with pytest.raises(OnlineGrowRefused):
            world.refusing_to_grow(lambda: filesystems.grow_mounted(*made.growing))
        assert before == filesystems.size(made.device, made.volume)
        filesystems.unmount(*made.share)
        filesystems.grow_unmounted(made.device, made.volume)
        assert larger == filesystems.size(made.device, made.volume)

    def test_an_unmounted_file_system_grows_to_its_device(self, world: FileSystemsWorld, made: Made) -> None:
        """Growing twice is growing once, it is not mounted afterwards, and what was written stays."""
        filesystems = world.ports.filesystems
        written(world, made)
        larger = _grown(world, made)
        for _ in range(2):
            filesystems.grow_unmounted(made.device, made.volume)
            assert larger == filesystems.size(made.device, made.volume)
        assert not filesystems.mounted(*made.share)
        filesystems.mount(*made.mount)
        assert DATA == world.read(*made.share)

    @pytest.mark.parametrize("kind", [FileSystemKind.EXT4], indirect=True)
    def test_an_unmounted_file_system_shrinks(self, world: FileSystemsWorld, made: Made) -> None:
        """Twice is once; what was written stays; to less than that it does not, and nothing changes."""
        filesystems = world.ports.filesystems
        written(world, made)
        smaller = Capacity(filesystems.size(made.device, made.volume).bytes - 8 * MIB)
        filesystems.shrink(made.device, made.volume, smaller)
        reached = filesystems.size(made.device, made.volume)
        assert smaller.bytes - MIB < reached.bytes <= smaller.bytes
        filesystems.shrink(made.device, made.volume, smaller)
        with pytest.raises(WouldLoseData) as told:
            filesystems.shrink(made.device, made.volume, Capacity(1))
        assert told.value.needed > 1
        assert reached == filesystems.size(made.device, made.volume)
        assert "" == filesystems.examine(made.device, made.volume)
        filesystems.mount(*made.mount)
        assert DATA == world.read(*made.share)

    @pytest.mark.parametrize("kind", [FileSystemKind.XFS], indirect=True)
    def test_an_xfs_does_not_shrink(self, world: FileSystemsWorld, made: Made) -> None:
        size = world.ports.filesystems.size(made.device, made.volume)
        with pytest.raises(HostNotReady, match="cannot shrink"):
            world.ports.filesystems.shrink(made.device, made.volume, Capacity(size.bytes - 8 * MIB))
        assert size == world.ports.filesystems.size(made.device, made.volume)

    @pytest.mark.parametrize("growing", [False, True])
    def test_an_interrupted_growing_is_made_whole(
        self, world: FileSystemsWorld, made: Made, growing: bool
    ) -> None:
        """By a check or by growing again; what was written stays, and it can be mounted and removed."""
        filesystems = world.ports.filesystems
        written(world, made)
        larger = _grown(world, made)
        world.half_grown_filesystem(made)
        for _ in range(2):
            (filesystems.grow_unmounted if growing else filesystems.check)(made.device, made.volume)
            assert world.is_whole(made)
        assert growing == (larger == filesystems.size(made.device, made.volume))
        filesystems.mount(*made.mount)
        assert DATA == world.read(*made.share)
        filesystems.unmount(*made.share)
        world.ports.storage.remove_volume(made.volume.ref)

    @pytest.mark.parametrize("kind", [FileSystemKind.XFS], indirect=True)
    def test_a_leftover_scratch_mount_is_unmounted(self, world: FileSystemsWorld, made: Made) -> None:
        """Twice is once, also without such a mount; then its volume can be removed."""
        filesystems = world.ports.filesystems
        _grown(world, made)
        world.half_grown_filesystem(made)
        for _ in range(2):
            filesystems.unmount_scratch(made.volume)
        world.ports.storage.remove_volume(made.volume.ref)
        assert world.ports.storage.find_volume(made.volume.ref) is None

    @pytest.mark.parametrize("kind", [FileSystemKind.EXT4], indirect=True)
    def test_damage_that_needs_a_person_is_not_repaired(self, world: FileSystemsWorld, made: Made) -> None:
        """Nor grown."""
        filesystems = world.ports.filesystems
        before = filesystems.size(made.device, made.volume)
        _grown(world, made)
        world.ruined_filesystem(made)
        for verb in (filesystems.check, filesystems.grow_unmounted):
            with pytest.raises(ShareFailed):
                verb(made.device, made.volume)
        assert not world.is_whole(made)
        assert before == filesystems.size(made.device, made.volume)

    def test_each_way_to_grow_refuses_the_others_case(self, world: FileSystemsWorld, made: Made) -> None:
        """One needs it mounted, the other unmounted; nothing changes."""
        filesystems = world.ports.filesystems
        before = filesystems.size(made.device, made.volume)
        _grown(world, made)
        with pytest.raises(BackendFailure):
            filesystems.grow_mounted(*made.growing)
        filesystems.mount(*made.mount)
        for verb in (filesystems.grow_unmounted, filesystems.check):
            with pytest.raises(BackendFailure):
                verb(made.device, made.volume)
        assert before == filesystems.size(made.device, made.volume)

    def test_only_the_right_file_system_grows(self, world: FileSystemsWorld, made: Made) -> None:
        """Another one's size is not told either."""
        filesystems = world.ports.filesystems
        other = new_share_volume(made.volume.filesystem.kind)
        before = filesystems.size(made.device, made.volume)
        _grown(world, made)
        for verb in (filesystems.grow_unmounted, filesystems.check):
            with pytest.raises(ShareFailed):
                verb(made.device, other)
        filesystems.mount(*made.mount)
        with pytest.raises(ShareFailed):
            filesystems.grow_mounted(*made.share, made.device, other)
        with pytest.raises(ShareFailed):
            filesystems.size(made.device, other)
        assert before == filesystems.size(made.device, made.volume)


def _grown(world: FileSystemsWorld, made: Made) -> Capacity:
    """Make the volume larger. Returns the size that the file system will have."""
    wanted = Capacity(made.volume.filesystem.kind.smallest.bytes + 64 * MIB)
    world.ports.storage.grow_volume(made.volume.ref, wanted)
    return wanted
