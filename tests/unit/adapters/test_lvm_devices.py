"""The devices of logical volumes, as the kernel shows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from tests.unit.adapters.lvm_words import GROUP, OTHER_UUID, SIZE, UUID
from tests.unit.adapters.lvm_world import FakeLvm

from shares_core.adapters.pools.lvm.devices import (
    ActiveDevice,
    active_device,
    active_group_uuid,
    blank_ends,
    path_of,
    zero_whole,
)
from shares_core.domain.capacity import KIB, MIB
from shares_core.domain.errors import BackendFailure


def test_an_active_volume_has_a_device(fake_lvm: FakeLvm) -> None:
    """With its size, its group, its kind and whether it answers; an inactive volume has none."""
    path, asleep = fake_lvm.activate("first"), fake_lvm.activate("asleep", suspended=True)
    uuid = UUID.replace("-", "")
    first = ActiveDevice(str(path), SIZE, uuid, suspended=False, is_thin=False)
    assert first == active_device(GROUP, "first")
    assert evolve(first, path=str(asleep), suspended=True) == active_device(GROUP, "asleep")
    thin = fake_lvm.activate("thin", is_thin=True)
    assert evolve(first, path=str(thin), is_thin=True) == active_device(GROUP, "thin")
    assert str(path) == path_of(GROUP, "first")
    assert active_device(GROUP, "second") is None
    assert active_device("other", "first") is None


def test_a_device_that_is_not_lvms_is_not_a_volume(fake_lvm: FakeLvm) -> None:
    """Device-mapper has other devices too, and a path may lead anywhere."""
    fake_lvm.activate("first")
    assert active_device(GROUP, "first") is not None
    (fake_lvm.folder / "sys/dm-first/dm/uuid").write_text("CRYPT-LUKS2-0123-luks\n")
    assert active_device(GROUP, "first") is None
    (fake_lvm.folder / "dev" / GROUP / "stray").touch()
    assert active_device(GROUP, "stray") is None


def test_the_device_behind_a_link_is_the_volumes_own(fake_lvm: FakeLvm) -> None:
    """udev's link may be old, and lead to a device that is another volume's now."""
    fake_lvm.activate("first")
    (fake_lvm.folder / "dev" / GROUP / "second").symlink_to("../dm-first")
    assert (None, True) == (active_device(GROUP, "second"), active_device(GROUP, "first") is not None)


def test_the_group_of_active_volumes_is_known_without_lvm(fake_lvm: FakeLvm) -> None:
    """Without active volumes, or without the group, nothing is known."""
    assert "" == active_group_uuid(GROUP)
    (fake_lvm.folder / "dev" / GROUP).mkdir()
    (fake_lvm.folder / "dev" / GROUP / "stray").touch()
    assert "" == active_group_uuid(GROUP)
    fake_lvm.activate("first", uuid=OTHER_UUID)
    assert OTHER_UUID.replace("-", "") == active_group_uuid(GROUP)


@pytest.mark.parametrize("size", [64 * KIB, 4 * MIB, 6 * MIB, 8 * MIB, 20 * MIB])
def test_both_ends_of_a_new_volume_are_cleared_and_nothing_beyond(tmp_path: Path, size: int) -> None:
    """Four MiB of each, where signatures may be; its length stays what it was."""
    path = tmp_path / "device"
    path.write_bytes(b"x" * size)
    blank_ends(str(path))
    left = max(0, size - 8 * MIB)
    ends = bytes(min(size, 4 * MIB)), bytes(max(0, min(size - 4 * MIB, 4 * MIB)))
    assert ends[0] + b"x" * left + ends[1] == path.read_bytes()


@pytest.mark.parametrize("clear", [blank_ends, zero_whole])
def test_a_missing_device_is_an_error_of_the_tree(tmp_path: Path, clear: Callable[[str], None]) -> None:
    """It is named."""
    with pytest.raises(BackendFailure, match="No such file or directory: '/nonexistent'"):
        clear("/nonexistent")
    with pytest.raises(BackendFailure, match="Is a directory"):
        clear(str(tmp_path))
