"""What every keeper of file systems does."""

from __future__ import annotations

import pytest

from shares_core.domain.capacity import MIB
from shares_core.domain.errors import BackendFailure, Conflict, ShareDamaged, ShareFailed, SharesError
from shares_core.domain.volume import DEFAULT_POOL, FileSystemKind
from tests.contracts.filesystems_growth import FileSystemsGrowth
from tests.contracts.filesystems_owners import FileSystemsOwners
from tests.contracts.filesystems_snapshots import FileSystemsSnapshots
from tests.contracts.filesystems_world import DATA, SHARE, FileSystemsWorld, Made, new_volume, written
from tests.contracts.values import UID, new_share_volume


class FileSystemsContract(FileSystemsGrowth, FileSystemsOwners, FileSystemsSnapshots):
    """The suite of ``ports.filesystems``."""

    def test_making_twice_is_making_once(self, world: FileSystemsWorld, made: Made) -> None:
        """It fills the device, and what was written stays."""
        filesystems = world.ports.filesystems
        assert world.device_size(made.device) == filesystems.size(made.device, made.volume).bytes
        written(world, made)
        filesystems.make(made.device, made.volume)
        filesystems.mount(*made.mount)
        assert DATA == world.read(*made.share)

    def test_nothing_is_made_over_another_file_system(self, world: FileSystemsWorld, made: Made) -> None:
        """It is a conflict, and the former one stays."""
        filesystems = world.ports.filesystems
        with pytest.raises(Conflict):
            filesystems.make(made.device, new_share_volume(made.volume.filesystem.kind))
        filesystems.mount(*made.mount)
        assert filesystems.mounted(*made.share)

    def test_nothing_is_made_over_what_is_unknown(
        self, world: FileSystemsWorld, kind: FileSystemKind
    ) -> None:
        """It may be somebody's raw data, or what a killed make left: the volume must be removed."""
        filesystems, storage = world.ports.filesystems, world.ports.storage
        storage.prepare(DEFAULT_POOL)
        for spoil in (world.scribble, world.half_made_filesystem):
            wanted, device = new_volume(world, kind)
            spoil(device)
            with pytest.raises(Conflict):
                filesystems.make(device, wanted)
            with pytest.raises(ShareFailed):
                filesystems.size(device, wanted)
            assert not world.is_blank(device)
            storage.remove_volume(wanted.ref)

    def test_making_a_file_system_on_a_missing_device_fails(
        self, world: FileSystemsWorld, made: Made
    ) -> None:
        """No file is made in its place."""
        filesystems = world.ports.filesystems
        device = f"{made.device}-absent"
        with pytest.raises(BackendFailure):
            filesystems.make(device, made.volume)
        with pytest.raises(ShareFailed):
            filesystems.mount(*made.share, device, made.volume, UID)
        assert 0 == world.device_size(device)

    def test_mounting_twice_is_mounting_once(self, world: FileSystemsWorld, made: Made) -> None:
        """One unmount then unmounts it."""
        filesystems = world.ports.filesystems
        assert (False, None) == (filesystems.mounted(*made.share), filesystems.usage(*made.share))
        for _ in range(2):
            filesystems.mount(*made.mount)
            assert filesystems.mounted(*made.share)
        filesystems.unmount(*made.share)
        assert not filesystems.mounted(*made.share)

    def test_mounts_and_their_troubles_are_listed(self, world: FileSystemsWorld, made: Made) -> None:
        """The trouble: it is not mounted, or another file system is."""
        filesystems = world.ports.filesystems
        assert ((), "is not mounted") == (filesystems.list(), self.trouble(world, made))
        filesystems.mount(*made.mount)
        assert ((made.share,), "") == (filesystems.list(), self.trouble(world, made))
        nothing = ("another server", "another share")
        another = new_share_volume(made.volume.filesystem.kind)
        wanted = {made.share: (made.device, another), nothing: (made.device, made.volume)}
        told = {made.share: "has another file system in its place", nothing: "is not mounted"}
        assert told == filesystems.troubles(wanted)

    def test_a_file_system_found_damaged_is_not_mounted_again(
        self, world: FileSystemsWorld, made: Made
    ) -> None:
        """It says so until it is unmounted; after a check and a repair it is what it was."""
        filesystems = world.ports.filesystems
        filesystems.mount(*made.mount)
        world.write(*made.share, DATA)
        world.meet_damage(made)
        assert "is damaged" in self.trouble(world, made)
        with pytest.raises(ShareDamaged):
            filesystems.mount(*made.mount)
        filesystems.unmount(*made.share)
        if made.volume.filesystem.kind is FileSystemKind.EXT4:  # an xfs that shut down keeps no mark of it
            with pytest.raises(ShareDamaged):
                filesystems.mount(*made.mount)
            assert not filesystems.mounted(*made.share)
        filesystems.repair(made.device, made.volume)
        filesystems.mount(*made.mount)
        assert ("", DATA) == (
            self.trouble(world, made),
            world.read(*made.share),
        )

    def test_damage_is_found_and_only_a_repair_removes_it(self, world: FileSystemsWorld, made: Made) -> None:
        """Examining changes nothing; neither changes a whole file system."""
        filesystems = world.ports.filesystems
        assert "" == filesystems.examine(made.device, made.volume)
        filesystems.repair(made.device, made.volume)
        world.ruined_filesystem(made)
        for _ in range(2):
            assert filesystems.examine(made.device, made.volume)
            assert not world.is_whole(made)
        assert filesystems.repair(made.device, made.volume)
        assert ("", True) == (filesystems.examine(made.device, made.volume), world.is_whole(made))

    def test_a_repair_restores_every_undamaged_file(self, world: FileSystemsWorld, made: Made) -> None:
        """Also after other tools have examined it or tried to make it whole: they make nothing worse."""
        filesystems = world.ports.filesystems
        written(world, made)
        world.ruined_tables(made)
        for _ in range(2):
            with pytest.raises(SharesError):
                filesystems.mount(*made.mount)
            for settle in (filesystems.check, filesystems.grow_unmounted):
                with pytest.raises(ShareDamaged):
                    settle(made.device, made.volume)
            assert filesystems.examine(made.device, made.volume)
        filesystems.repair(made.device, made.volume)
        assert ("", True) == (filesystems.examine(made.device, made.volume), world.is_whole(made))
        filesystems.mount(*made.mount)
        assert DATA == world.read(*made.share)

    def test_the_served_folder_is_found(self, world: FileSystemsWorld, made: Made) -> None:
        """Only where it was made; raises if the file system is not mounted."""
        filesystems = world.ports.filesystems
        with pytest.raises(BackendFailure):
            filesystems.has_folder(*made.share, "data")
        filesystems.mount(*made.mount)
        assert not filesystems.has_folder(*made.share, "data")
        filesystems.prepare_folder(*made.share, "data", UID)
        assert filesystems.has_folder(*made.share, "data")
        assert not filesystems.has_folder(*made.share, "dat")

    def test_files_in_a_file_system_are_found(self, world: FileSystemsWorld, made: Made) -> None:
        """Wherever they are: a repair may have moved them; raises if the file system is not mounted."""
        filesystems = world.ports.filesystems
        with pytest.raises(BackendFailure):
            filesystems.has_files(*made.share, "data")
        filesystems.mount(*made.mount)
        assert not filesystems.has_files(*made.share, "data")
        filesystems.prepare_folder(*made.share, "data", UID)
        assert not filesystems.has_files(*made.share, "data")
        assert filesystems.has_files(*made.share, "another")
        world.write(*made.share, DATA, "data")
        assert filesystems.has_files(*made.share, "data")

    def test_files_beside_the_served_folder_are_found(self, world: FileSystemsWorld, made: Made) -> None:
        """A file counts even if the served folder is missing."""
        filesystems = world.ports.filesystems
        filesystems.mount(*made.mount)
        world.write(*made.share, DATA)
        assert filesystems.has_files(*made.share, "data")

    def test_a_device_holds_one_file_system(self, world: FileSystemsWorld, made: Made) -> None:
        """Exactly that, also while it is mounted, and whatever has become of it since."""
        filesystems = world.ports.filesystems
        other = new_share_volume(made.volume.filesystem.kind)
        assert filesystems.holds(made.device, made.volume)
        assert not filesystems.holds(made.device, other)
        with pytest.raises(BackendFailure):
            filesystems.holds("/dev/absent", made.volume)
        filesystems.mount(*made.mount)
        assert filesystems.holds(made.device, made.volume)
        filesystems.unmount(*made.share)
        world.ruined_tables(made)
        assert filesystems.holds(made.device, made.volume)

    def test_a_mounted_file_system_is_not_examined_or_repaired(
        self, world: FileSystemsWorld, made: Made
    ) -> None:
        """Nor is another file system."""
        filesystems = world.ports.filesystems
        other = new_share_volume(made.volume.filesystem.kind)
        for look in (filesystems.examine, filesystems.repair):
            with pytest.raises(ShareFailed):
                look(made.device, other)
        filesystems.mount(*made.mount)
        for look in (filesystems.examine, filesystems.repair):
            with pytest.raises(BackendFailure):
                look(made.device, made.volume)

    def test_a_half_done_mount_is_completed(self, world: FileSystemsWorld, made: Made) -> None:
        """An empty mount point counts as not mounted."""
        filesystems = world.ports.filesystems
        world.empty_mount_point(*made.share)
        assert not filesystems.mounted(*made.share)
        filesystems.mount(*made.mount)
        assert filesystems.mounted(*made.share)

    def test_a_half_done_mount_is_unmounted(self, world: FileSystemsWorld, made: Made) -> None:
        """Its mount point goes, so that the folders can."""
        filesystems = world.ports.filesystems
        world.empty_mount_point(*made.share)
        filesystems.unmount(*made.share)
        world.ports.folders.remove(made.server_id)
        assert () == world.ports.folders.list()

    def test_only_the_right_file_system_is_mounted(self, world: FileSystemsWorld, made: Made) -> None:
        """Neither another one nor a blank device, even if the right one is already mounted."""
        filesystems = world.ports.filesystems
        other = new_share_volume(made.volume.filesystem.kind)
        _, blank = new_volume(world, FileSystemKind.EXT4)
        for device, wanted in ((made.device, other), (blank, made.volume)):
            with pytest.raises(ShareFailed):
                filesystems.mount(*made.share, device, wanted, UID)
            assert not filesystems.mounted(*made.share)
        filesystems.mount(*made.mount)
        with pytest.raises(ShareFailed):
            filesystems.mount(*made.share, made.device, other, UID)
        assert filesystems.mounted(*made.share)

    def test_nothing_is_mounted_in_the_place_of_another(self, world: FileSystemsWorld, made: Made) -> None:
        """What is mounted there stays."""
        filesystems = world.ports.filesystems
        filesystems.mount(*made.mount)
        world.write(*made.share, DATA)
        other, device = new_volume(world, FileSystemKind.EXT4)
        filesystems.make(device, other)
        with pytest.raises(ShareFailed):
            filesystems.mount(*made.share, device, other, UID)
        assert DATA == world.read(*made.share)

    def test_a_file_system_larger_than_its_volume_is_not_mounted(
        self, world: FileSystemsWorld, made: Made
    ) -> None:
        """The volume was cut: a person has to look at it."""
        filesystems = world.ports.filesystems
        size = world.device_size(made.device)
        world.ports.storage.detach(made.volume.ref)
        world.cut_behind(made.volume.ref, size - 4 * MIB)
        world.ports.storage.attach(made.volume.ref)
        with pytest.raises(ShareFailed):
            filesystems.mount(*made.mount)
        assert not filesystems.mounted(*made.share)

    def test_a_server_without_folders_has_nowhere_to_mount(self, world: FileSystemsWorld, made: Made) -> None:
        """None are made on the way."""
        filesystems = world.ports.filesystems
        server_id = world.new_id()
        with pytest.raises(BackendFailure):
            filesystems.mount(server_id, SHARE, made.device, made.volume, UID)
        assert (made.server_id,) == world.ports.folders.list()

    def test_the_served_folder_is_made_once(self, world: FileSystemsWorld, made: Made) -> None:
        """smbd owns it, and its content stays."""
        filesystems = world.ports.filesystems
        with pytest.raises(BackendFailure):
            filesystems.prepare_folder(*made.share, "data", UID)
        filesystems.mount(*made.mount)
        for _ in range(2):
            filesystems.prepare_folder(*made.share, "data", UID)
            assert UID == world.served_owner(*made.share, "data")
            world.write(*made.share, DATA)
        assert DATA == world.read(*made.share)

    def test_a_half_prepared_folder_is_completed(self, world: FileSystemsWorld, made: Made) -> None:
        """Otherwise smbd could never enter it."""
        filesystems = world.ports.filesystems
        filesystems.mount(*made.mount)
        world.half_prepared_folder(*made.share, "data")
        filesystems.prepare_folder(*made.share, "data", UID)
        assert UID == world.served_owner(*made.share, "data")

    def test_unmounting_keeps_the_data_and_unmounting_the_absent_succeeds(
        self, world: FileSystemsWorld, made: Made
    ) -> None:
        """Its mount point goes, and after another mount it holds what it held."""
        filesystems = world.ports.filesystems
        filesystems.unmount(*made.share)
        filesystems.mount(*made.mount)
        world.write(*made.share, DATA)
        for _ in range(2):
            filesystems.unmount(*made.share)
            assert (False, None) == (filesystems.mounted(*made.share), world.read(*made.share))
        filesystems.mount(*made.mount)
        assert DATA == world.read(*made.share)

    def test_a_file_system_in_use_stays_mounted(self, world: FileSystemsWorld, made: Made) -> None:
        """The error says so; once the file is closed, it is unmounted."""
        filesystems = world.ports.filesystems
        filesystems.mount(*made.mount)
        with world.file_held_open(*made.share):
            with pytest.raises(BackendFailure):
                filesystems.unmount(*made.share)
            assert filesystems.mounted(*made.share)
        filesystems.unmount(*made.share)
        assert not filesystems.mounted(*made.share)

    def test_usage_is_that_of_the_mounted_file_system(self, world: FileSystemsWorld, made: Made) -> None:
        """It has less than its device, and what is written counts."""
        filesystems = world.ports.filesystems
        filesystems.mount(*made.mount)
        before = filesystems.usage(*made.share)
        assert before is not None
        assert 0 < before.free <= before.total < world.device_size(made.device)
        world.write(*made.share, b"x" * MIB)
        after = filesystems.usage(*made.share)
        assert after is not None
        assert (before.total, True) == (after.total, after.used >= before.used + MIB)

    def trouble(self, world: FileSystemsWorld, made: Made) -> str:
        """The trouble of the one share that was made."""
        return world.ports.filesystems.troubles({made.share: (made.device, made.volume)}).get(made.share, "")
