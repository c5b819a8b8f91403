"""What only logical volumes do: they reuse extents, share a group, round sizes, give blocks back."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from attrs import evolve

from shares_core import Capacity, FileSystemKind, HostNotReady, bootstrap
from shares_core.adapters.linux.polling import wait_until
from shares_core.domain.capacity import MIB
from shares_core.domain.pools import ThinPoolName, VolumeGroupName, volume_name
from shares_core.domain.remedy import Call, HostTool, Remedy, UseCase
from shares_core.domain.volume import DEFAULT_POOL, ShareVolume
from shares_core.ports import Ports
from tests.contracts.values import OWNER, UID, new_share_volume, ref
from tests.integration.lvm.conftest import Pool
from tests.integration.support.contract_lvm import (
    Groups,
    LvmStorage,
    ThickStorage,
    ThinStorage,
    shared_groups,
)
from tests.settings import with_pool
from tests.testkit.site import Site
from tests.testkit.volume_groups import EXTENT, lvm, new_name, volume_group

SIZE = Capacity(64 * MIB)
SECRET = b"what the first tenant wrote and nobody else may read"


@pytest.fixture(scope="module")
def groups() -> Iterator[Groups]:
    with shared_groups() as made:
        yield made


@pytest.fixture
def thick(groups: Groups) -> Iterator[ThickStorage]:
    with closing(ThickStorage(groups)) as world:
        world.ports.storage.prepare(DEFAULT_POOL)
        yield world


@pytest.fixture
def thin(groups: Groups) -> Iterator[ThinStorage]:
    with closing(ThinStorage(groups)) as world:
        world.ports.storage.prepare(DEFAULT_POOL)
        yield world


def made_with(ports: Ports, kind: FileSystemKind, size: Capacity = SIZE) -> ShareVolume:
    """A volume with a file system on it."""
    volume = ports.storage.ensure_volume(ref(ports.ids.new_id()), size, OWNER)
    made = new_share_volume(kind, volume.ref, volume.traits)
    ports.filesystems.make(ports.storage.attach(made.ref), made)
    return made


def fill_with_secret(device: str) -> None:
    """Write the secret all over the volume, also in the middle and at the ends."""
    block = SECRET.ljust(512, b".") * (MIB // 512)
    with open(device, "r+b", buffering=0) as file:
        for _ in range(SIZE.bytes // MIB):
            file.write(block)
        os.fsync(file.fileno())


def shows_secret(device: str) -> bool:
    with open(device, "rb") as file:
        while chunk := file.read(4 * MIB):
            if SECRET in chunk:
                return True
    return False


def all_extents(world: ThickStorage) -> Capacity:
    return Capacity(world.ports.storage.pool(DEFAULT_POOL).free)


@pytest.mark.parametrize("wipe", [True, False], ids=["wiped", "not wiped"])
def test_a_second_volume_on_reused_extents_is_made_without_a_question(
    thick: ThickStorage, wipe: bool
) -> None:
    """Create, write, delete, create: the old file system's signature is wiped, not asked about."""
    ports = thick.opened(with_pool(thick.config, wipe_deleted=wipe))
    whole = all_extents(thick)
    for _ in range(2):
        made = made_with(ports, FileSystemKind.EXT4, whole)
        ports.filesystems.check(ports.storage.attach(made.ref), made)
        ports.storage.remove_volume(made.ref)


@pytest.mark.parametrize(("wipe", "readable"), [(True, False), (False, True)], ids=["wiped", "not wiped"])
def test_a_deleted_volumes_data_is_not_in_the_next_thick_one(
    thick: ThickStorage, wipe: bool, readable: bool
) -> None:
    """Unless the operator has disabled wiping: then it is, which shows that the test would find it."""
    storage = thick.opened(with_pool(thick.config, wipe_deleted=wipe)).storage
    device = storage.attach(storage.ensure_volume(first := ref(thick.new_id()), SIZE, OWNER).ref)
    fill_with_secret(device)
    assert shows_secret(device)
    storage.remove_volume(first)
    assert readable == any(
        shows_secret(storage.attach(storage.ensure_volume(ref(thick.new_id()), SIZE, OWNER).ref))
        for _ in range(2)
    )


def test_a_thick_volume_is_overwritten_where_a_thin_pool_is_named_since(thick: ThickStorage) -> None:
    """The volume's own kind counts, not that of the present settings."""
    storage = thick.ports.storage
    device = storage.attach(storage.ensure_volume(first := ref(thick.new_id()), SIZE, OWNER).ref)
    fill_with_secret(device)
    size = ("--size", f"{32 * MIB}b", "--poolmetadatasize", f"{4 * MIB}b")
    lvm("lvcreate", "--yes", "--type", "thin-pool", *size, "--name", "pool", thick.group)
    try:
        thick.opened(with_pool(thick.config, thin_pool=ThinPoolName("pool"))).storage.remove_volume(first)
    finally:
        lvm("lvremove", "--yes", f"{thick.group}/pool")
    assert not any(
        shows_secret(storage.attach(storage.ensure_volume(ref(thick.new_id()), SIZE, OWNER).ref))
        for _ in range(2)
    )


def test_a_deleted_volumes_data_is_not_in_the_next_thin_one(thin: ThinStorage) -> None:
    """The pool zeroes a block before anybody else gets it, even if it is only partly written."""
    storage = thin.ports.storage
    device = storage.attach(storage.ensure_volume(first := ref(thin.new_id()), SIZE, OWNER).ref)
    fill_with_secret(device)
    storage.remove_volume(first)
    device = storage.attach(storage.ensure_volume(ref(thin.new_id()), SIZE, OWNER).ref)
    with open(device, "r+b", buffering=0) as file:
        for start in range(0, SIZE.bytes, MIB):
            file.seek(start)
            file.write(bytes(512))
    assert not shows_secret(device)


def test_a_thin_pool_that_zeroes_nothing_is_refused(thin: ThinStorage) -> None:
    """With the command that fixes it."""
    lvm("lvchange", "--zero", "n", f"{thin.group}/pool")
    try:
        with pytest.raises(HostNotReady) as raised:
            thin.ports.storage.pool(DEFAULT_POOL)
        zeroing = HostTool("lvchange", ("--zero", "y", f"{thin.group}/pool"))
        assert Remedy.of(zeroing) == raised.value.remedy
    finally:
        lvm("lvchange", "--zero", "y", f"{thin.group}/pool")


def test_a_volume_can_be_identified_without_a_record(thick: ThickStorage) -> None:
    """By its tags: installation, pool, server and share."""
    volume = thick.ports.storage.ensure_volume(ref(thick.new_id()), SIZE, OWNER)
    report = lvm("lvs", "--reportformat", "json", "--options", "lv_tags", thick.path(volume.ref))
    tags = set(json.loads(report)["report"][0]["lv"][0]["lv_tags"].split(","))
    installation = json.loads(thick.layout.installation.read_text())["id"]
    assert tags == {
        f"shares-core:installation:{installation}",
        "shares-core:pool:default",
        f"shares-core:server:{OWNER.server_id}",
        f"shares-core:share:{OWNER.share_id}",
    }


def test_two_installations_share_a_group(thick: ThickStorage) -> None:
    """Each lists its own volumes and counts its own promises; free space is free for both."""
    other = thick.opened(evolve(thick.config, state_dir=thick.state_dir / "other")).storage
    other.prepare(DEFAULT_POOL)
    ours = thick.ports.storage.ensure_volume(ref(thick.new_id()), SIZE, OWNER)
    theirs = other.ensure_volume(ref(thick.new_id()), SIZE, OWNER)
    assert ((ours,), (theirs,)) == (thick.ports.storage.list(DEFAULT_POOL), other.list(DEFAULT_POOL))
    first, second = thick.ports.storage.pool(DEFAULT_POOL), other.pool(DEFAULT_POOL)
    assert (SIZE.bytes, SIZE.bytes) == (first.provisioned, second.provisioned)
    assert first.free == second.free == first.total - 2 * SIZE.bytes


def test_a_group_of_the_same_name_is_not_the_pool(thick: ThickStorage) -> None:
    """The group is renamed and an empty one is in its place: nothing is made there, and later all is back."""
    storage = thick.ports.storage
    volume = storage.ensure_volume(ref(thick.new_id()), SIZE, OWNER)
    aside = new_name()
    with volume_group(32) as other:
        lvm("vgrename", thick.group, aside)
        lvm("vgrename", other, thick.group)
        try:
            for action in (
                lambda: storage.prepare(DEFAULT_POOL),
                lambda: storage.list(DEFAULT_POOL),
                lambda: storage.find_volume(volume.ref),
                lambda: storage.attach(volume.ref),
                lambda: storage.ensure_volume(ref(thick.new_id()), SIZE, OWNER),
            ):
                with pytest.raises(HostNotReady):
                    action()
            assert "" == lvm("lvs", "--noheadings", thick.group)
        finally:
            lvm("vgrename", thick.group, other)
            lvm("vgrename", aside, thick.group)
    assert (volume,) == storage.list(DEFAULT_POOL)


def test_a_device_that_a_killed_command_left_suspended_answers_again(thick: ThickStorage) -> None:
    """Otherwise everybody who touched it would wait for ever."""
    storage = thick.ports.storage
    volume = storage.ensure_volume(ref(thick.new_id()), SIZE, OWNER)
    device = storage.attach(volume.ref)
    subprocess.run(("dmsetup", "suspend", device), check=True)
    assert device == storage.attach(volume.ref)
    with open(device, "rb", buffering=0) as file:
        assert bytes(512) == file.read(512)


def test_an_inactive_volume_is_activated_and_an_inactive_group_is_not_an_empty_one(
    thick: ThickStorage,
) -> None:
    """As after a boot without activation."""
    storage = thick.ports.storage
    volume = storage.ensure_volume(ref(thick.new_id()), SIZE, OWNER)
    thick.scribble(storage.attach(volume.ref))
    lvm("vgchange", "--activate", "n", thick.group)
    assert ((volume,), volume) == (storage.list(DEFAULT_POOL), storage.find_volume(volume.ref))
    assert SIZE.bytes == storage.pool(DEFAULT_POOL).provisioned
    assert not thick.is_blank(storage.attach(volume.ref))


def test_a_share_is_never_smaller_than_requested_and_shows_its_size(lvm_site: Site) -> None:
    """Its volume has whole extents, also after an extend."""
    host = lvm_site.host
    host.servers.create("rounded")
    try:
        asked = Capacity(20 * MIB + 1)
        made = host.shares.create("rounded", "files", asked)
        assert (asked, Capacity(24 * MIB)) == (made.share.capacity, made.volume_size)
        assert made == host.shares.create("rounded", "files", asked) == host.shares.show("rounded", "files")
        assert (made,) == host.shares.list("rounded")
        extended = host.shares.extend("rounded", "files", Capacity(30 * MIB))
        assert Capacity(32 * MIB) == extended.share.volume_size
    finally:
        host.servers.delete("rounded", with_shares=True)


def test_a_thin_pool_gets_back_what_clients_delete(thin: ThinStorage) -> None:
    """The file system tells its device what it frees, without a trim."""
    ports = thin.ports
    made = made_with(ports, FileSystemKind.EXT4, Capacity(256 * MIB))
    device = ports.storage.attach(made.ref)
    ports.folders.ensure(server_id := thin.new_id(), UID)
    ports.filesystems.mount(server_id, "5" * 12, device, made, UID)
    folder = thin.layout.share(server_id, "5" * 12)
    empty = _used(thin)
    (folder / "large").write_bytes(os.urandom(128 * MIB))
    _sync(folder)
    full = _used(thin)
    assert full - empty > 5  # per cent of a pool of 1 GiB
    (folder / "large").unlink()
    _sync(folder)
    assert wait_until(lambda: _used(thin) - empty < 2, 60)


def _used(thin: ThinStorage) -> float:
    used = thin.ports.storage.pool(DEFAULT_POOL).data_percent
    assert used is not None
    return used


def _sync(folder: Path) -> None:
    """Twice: the discards of a commit are sent when it is on the disk."""
    for _ in range(2):
        subprocess.run(("sync", "--file-system", folder), check=True)


def test_a_pool_that_fills_up_warns(thin: ThinStorage) -> None:
    """Above 80 per cent, with the command that enlarges it."""
    storage = thin.ports.storage
    volume = storage.ensure_volume(ref(thin.new_id()), Capacity(960 * MIB), OWNER)
    assert () == storage.pool(DEFAULT_POOL).warnings
    with open(storage.attach(volume.ref), "r+b", buffering=0) as file:
        for start in range(0, 900 * MIB, 64 * 1024):
            file.seek(start)
            file.write(b"x" * 512)
        os.fsync(file.fileno())
    view = storage.pool(DEFAULT_POOL)
    assert view.data_percent is not None
    assert view.data_percent > 80
    larger = HostTool("lvextend", ("--size", "+SIZE", f"{thin.group}/pool"))
    assert [larger in warning.remedy.parts for warning in view.warnings] == [True]


@pytest.mark.parametrize("pool", ["thick"], indirect=True)
def test_volumes_of_the_spare_group_have_whole_extents(pool: Pool) -> None:
    """The other tests rely on this."""
    report = lvm(
        "vgs", "--noheadings", "--units", "b", "--nosuffix", "--options", "vg_extent_size", pool.group
    )
    assert EXTENT == int(report)


def names_of(world: LvmStorage) -> set[str]:
    return {row["lv_name"] for row in world.report()}


def test_a_failed_create_of_a_volume_leaves_nothing(
    thick: ThickStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If clearing the new volume fails, it is removed again."""

    def broken(device: str) -> None:
        raise HostNotReady(f"{device} cannot be written")

    monkeypatch.setattr("shares_core.adapters.pools.lvm.thick.blank_ends", broken)
    minted = ref(thick.new_id())
    before = names_of(thick)
    with pytest.raises(HostNotReady):
        thick.ports.storage.ensure_volume(minted, SIZE, OWNER)
    assert before == names_of(thick)
    monkeypatch.undo()
    thick.ports.storage.ensure_volume(minted, SIZE, OWNER)
    assert before | {volume_name(minted.id)} == names_of(thick)


def test_opening_the_ports_runs_nothing(thick: ThickStorage) -> None:
    """A configuration with a missing group is not an error before it is used."""
    config = with_pool(thick.config, volume_group=VolumeGroupName("sctest-absent"))
    ports = bootstrap.ports(config)
    with pytest.raises(HostNotReady) as raised:
        ports.storage.pool(DEFAULT_POOL)
    assert Call(UseCase.BUILD_POOL, ("DEVICE",)) in raised.value.remedy.parts
