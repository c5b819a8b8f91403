"""Who owns the files, on disk and through a mount, and how a volume is told from its copy."""

from __future__ import annotations

import pytest
from attrs import evolve

from shares_core.domain.errors import HostNotReady, ShareFailed
from tests.contracts.filesystems_world import DATA, FileSystemsSuite, FileSystemsWorld, Made, written
from tests.contracts.values import UID

ANOTHER_UID, ANOTHER_SHARE = UID + 1, "6" * 12
FOLDER = "data"


class FileSystemsOwners(FileSystemsSuite):
    """The part of the suite about owners."""

    def test_a_volumes_files_have_one_owner_on_disk_and_are_each_servers_own(
        self, world: FileSystemsWorld, made: Made
    ) -> None:
        """Nothing changes on disk when another server gets the volume."""
        filesystems, owner = world.ports.filesystems, made.volume.owner
        assert owner not in (UID, ANOTHER_UID)
        for uid in (UID, ANOTHER_UID, UID):
            filesystems.mount(*made.growing, uid)
            filesystems.prepare_folder(*made.share, FOLDER, uid)
            assert (uid, owner) == (
                world.served_owner(*made.share, FOLDER),
                world.owner_on_disk(made, FOLDER),
            )
            filesystems.unmount(*made.share)

    def test_a_volume_that_its_server_owns_on_disk_is_mounted_as_it_is(
        self, world: FileSystemsWorld, made: Made
    ) -> None:
        """Former releases made such volumes; another server can get one like any other volume."""
        filesystems = world.ports.filesystems
        former = (*made.share, made.device, evolve(made.volume, owner=UID))
        for uid in (UID, ANOTHER_UID):
            for _ in range(2):
                filesystems.mount(*former, uid)
            filesystems.prepare_folder(*made.share, FOLDER, uid)
            assert (uid, UID) == (
                world.served_owner(*made.share, FOLDER),
                world.owner_on_disk(made, FOLDER),
            )
            filesystems.unmount(*made.share)

    @pytest.mark.parametrize(
        ("former", "by_hand"),
        [(False, True), (False, False), (True, False)],
        ids=["by hand", "new", "former"],
    )
    def test_a_mount_that_shows_other_owners_is_not_taken_for_the_right_one(
        self, world: FileSystemsWorld, made: Made, former: bool, by_hand: bool
    ) -> None:
        """It stays as it is, until somebody has unmounted it."""
        filesystems = world.ports.filesystems
        volume = evolve(made.volume, owner=UID) if former else made.volume
        if by_hand:
            world.mount_by_hand(*made.share, made.device)
        else:
            filesystems.mount(*made.share, made.device, volume, ANOTHER_UID)
        for _ in range(2):
            with pytest.raises(ShareFailed):
                filesystems.mount(*made.share, made.device, volume, UID)
            assert filesystems.mounted(*made.share)
            (told,) = filesystems.troubles({made.share: (made.device, volume)}).values()
            assert "is mounted, but not so that the server owns its files" == told
        filesystems.unmount(*made.share)
        filesystems.mount(*made.share, made.device, volume, UID)
        assert {} == filesystems.troubles({made.share: (made.device, volume)})
        filesystems.prepare_folder(*made.share, FOLDER, UID)
        assert (UID, volume.owner) == (
            world.served_owner(*made.share, FOLDER),
            world.owner_on_disk(made, FOLDER),
        )

    @pytest.mark.parametrize("former", [False, True])
    def test_a_volume_has_the_owner_that_it_was_first_mounted_with(
        self, world: FileSystemsWorld, made: Made, former: bool
    ) -> None:
        """A record with another owner is wrong: nobody would own the existing files."""
        filesystems = world.ports.filesystems
        right = evolve(made.volume, owner=UID if former else made.volume.owner)
        wrong = evolve(made.volume, owner=made.volume.owner + 7)
        filesystems.mount(*made.share, made.device, right, UID)
        filesystems.unmount(*made.share)
        for uid in (UID, ANOTHER_UID, wrong.owner):
            with pytest.raises(ShareFailed):
                filesystems.mount(*made.share, made.device, wrong, uid)
            assert not filesystems.mounted(*made.share)
        filesystems.mount(*made.share, made.device, right, UID)

    def test_a_copy_of_a_volume_is_mounted_beside_it(self, world: FileSystemsWorld, made: Made) -> None:
        """Both file systems have the same UUID: the volume identifies each."""
        filesystems = world.ports.filesystems
        written(world, made)
        copy, device = world.copy_of(made)
        assert (copy.filesystem, True) == (made.volume.filesystem, copy.ref != made.volume.ref)
        filesystems.mount(*made.mount)
        filesystems.mount(made.server_id, ANOTHER_SHARE, device, copy, UID)
        world.write(*made.share, b"of the first")
        assert (b"of the first", DATA) == (
            world.read(*made.share),
            world.read(made.server_id, ANOTHER_SHARE),
        )
        wanted = {made.share: (made.device, made.volume), (made.server_id, ANOTHER_SHARE): (device, copy)}
        assert {} == filesystems.troubles(wanted)

    def test_a_copy_is_not_taken_for_its_origin(self, world: FileSystemsWorld, made: Made) -> None:
        """Even if it is mounted in the right place and has the right UUID."""
        filesystems = world.ports.filesystems
        copy, device = world.copy_of(made)
        filesystems.mount(*made.share, device, copy, UID)
        with pytest.raises(ShareFailed):
            filesystems.mount(*made.mount)
        assert {} == filesystems.troubles({made.share: (device, copy)})
        told = filesystems.troubles({made.share: (made.device, made.volume)})
        assert {made.share: "has another file system in its place"} == told

    def test_a_copy_is_checked_while_its_origin_is_mounted(self, world: FileSystemsWorld, made: Made) -> None:
        """Each has its own scratch mount."""
        filesystems = world.ports.filesystems
        copy, device = world.copy_of(made)
        filesystems.mount(*made.mount)
        filesystems.check(device, copy)
        assert "" == filesystems.examine(device, copy)
        filesystems.grow_unmounted(device, copy)
        assert filesystems.mounted(*made.share)

    def test_a_host_that_cannot_map_owners_says_so(self, world: FileSystemsWorld, made: Made) -> None:
        """Before anything is made, and at a mount; what is mounted stays mounted.

        A former release's volume is still served by its server.
        """
        filesystems = world.ports.filesystems
        copy, device = world.copy_of(made)
        filesystems.require_mounting()
        with world.without_idmapped_mounts():
            with pytest.raises(HostNotReady) as raised:
                filesystems.require_mounting()
            assert raised.value.hint
            with pytest.raises(HostNotReady):
                filesystems.mount(*made.mount)
            assert not filesystems.mounted(*made.share)
        filesystems.mount(*made.mount)
        with world.without_idmapped_mounts():
            filesystems.mount(*made.mount)
            assert filesystems.mounted(*made.share)
            filesystems.unmount(*made.share)
            filesystems.mount(*made.share, device, evolve(copy, owner=UID), UID)

    def test_a_host_whose_ext4_does_not_fold_case_says_so(self, world: FileSystemsWorld) -> None:
        """Only to who asks for it."""
        filesystems = world.ports.filesystems
        with world.without_case_fold():
            filesystems.require_mounting()
            with pytest.raises(HostNotReady, match="fold case") as raised:
                filesystems.require_mounting(case_fold=True)
            assert raised.value.hint
