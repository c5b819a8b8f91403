"""Which loop device a file is attached to, as the kernel tells it."""

from pathlib import Path

import pytest

from shares_core.adapters.loop_files import devices


@pytest.fixture
def sys_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /sys/block with a loop device that nothing is attached to."""
    folder = tmp_path / "sys"
    (folder / "loop0").mkdir(parents=True)
    monkeypatch.setattr(devices, "_SYS_BLOCK", folder)
    return folder


def attached(sys_block: Path, device: str, backing: str) -> None:
    (sys_block / device / "loop").mkdir(parents=True)
    (sys_block / device / "loop/backing_file").write_text(f"{backing}\n")


def image_in(folder: Path) -> Path:
    folder.mkdir()
    image = folder / "0123456789ab.img"
    image.touch()
    return image


def test_an_attached_file_has_a_device(sys_block: Path, tmp_path: Path) -> None:
    """Also where the pool's folder is reached by another path than it was attached by."""
    image = image_in(tmp_path / "pool")
    (tmp_path / "link").symlink_to("pool")
    attached(sys_block, "loop3", str(image))
    assert devices.device_of(image) == "/dev/loop3"
    assert devices.device_of(tmp_path / "link" / image.name) == "/dev/loop3"


def test_a_file_of_the_same_name_is_another(sys_block: Path, tmp_path: Path) -> None:
    """A copy of a pool holds the same names; one that is gone is named as deleted."""
    image, copy = image_in(tmp_path / "pool"), image_in(tmp_path / "copy")
    attached(sys_block, "loop3", str(copy))
    attached(sys_block, "loop4", f"{image} (deleted)")
    assert devices.device_of(image) is None


def test_a_missing_file_has_none(sys_block: Path, tmp_path: Path) -> None:
    """Nothing is attached where there is nothing."""
    gone = tmp_path / "pool/0123456789ab.img"
    attached(sys_block, "loop3", str(gone))
    assert devices.device_of(gone) is None
