"""Which loop device a file is attached to, according to the kernel."""

import os
from pathlib import Path

import pytest

from shares_core.adapters.pools.files import devices


@pytest.fixture
def sys_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /sys/block with an unused loop device."""
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
    """Also if the pool's folder now has another path than at the time of attaching."""
    image = image_in(tmp_path / "pool")
    (tmp_path / "link").symlink_to("pool")
    attached(sys_block, "loop3", str(image))
    assert devices.device_of(image) == "/dev/loop3"
    assert devices.device_of(tmp_path / "link" / image.name) == "/dev/loop3"


# losetup --json --list --output NAME,BACK-INO,BACK-MAJ:MIN /dev/loop3, util-linux 2.38
LISTED = """\
{
   "loopdevices": [
      {
         "name": "/dev/loop3",
         "back-ino": 1482755,
         "back-maj:min": "     254:0  "
      }
   ]
}
"""
DETACHED = LISTED.replace("1482755", "null").replace('"     254:0  "', "null")


@pytest.fixture
def losetup(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The output of losetup for a device."""
    answers: dict[str, str] = {}

    def answer(argv: tuple[str, ...]) -> str:
        assert argv == ("losetup", "--json", "--list", *argv[3:-1], "--output=NAME,BACK-INO,BACK-MAJ:MIN")
        return answers["".join(argv[3:-1])]

    monkeypatch.setattr(devices, "run", answer)
    return answers


def listed(device: str, image: Path) -> str:
    there = image.stat()
    number = f"{os.major(there.st_dev)}:{os.minor(there.st_dev)}"
    return LISTED.replace("/dev/loop3", device).replace("1482755", str(there.st_ino)).replace("254:0", number)


def test_losetups_output_is_parsed() -> None:
    """A device that was detached after being listed has no inode; an old losetup prints nothing at all."""
    assert devices.parse_backing(LISTED) == {"/dev/loop3": ("254:0", 1482755)}
    assert devices.parse_backing(DETACHED) == {}
    assert devices.parse_backing("") == {}


def test_a_file_of_the_same_name_is_another(sys_block: Path, tmp_path: Path, losetup: dict[str, str]) -> None:
    """A copy of a pool holds the same names; a deleted file is marked as deleted."""
    image, copy = image_in(tmp_path / "pool"), image_in(tmp_path / "copy")
    attached(sys_block, "loop3", str(copy))
    attached(sys_block, "loop4", f"{image} (deleted)")
    losetup["/dev/loop3"] = listed("/dev/loop3", copy)
    assert devices.device_of(image) is None
    assert devices.device_of(copy) == "/dev/loop3"


def test_a_file_whose_path_is_lost_is_known_by_its_inode(
    sys_block: Path, tmp_path: Path, losetup: dict[str, str]
) -> None:
    """After a new mount, or in another mount namespace, the kernel's path leads elsewhere."""
    image = image_in(tmp_path / "pool")
    attached(sys_block, "loop2", f"/elsewhere/{image.name}")
    attached(sys_block, "loop3", f"/{image.name}")
    losetup.update({"/dev/loop2": DETACHED, "/dev/loop3": listed("/dev/loop3", image)})
    assert devices.device_of(image) == "/dev/loop3"


def test_without_sys_block_losetup_is_asked(sys_block: Path, tmp_path: Path, losetup: dict[str, str]) -> None:
    """An unmounted /sys says nothing about attached files."""
    image = image_in(tmp_path / "pool")
    sys_block.rename(tmp_path / "hidden")
    losetup[""] = listed("/dev/loop3", image)
    assert devices.device_of(image) == "/dev/loop3"


def test_a_file_that_was_deleted_while_it_was_attached_leaves_its_device(
    sys_block: Path, tmp_path: Path
) -> None:
    """It is identified by folder and name; files of other folders and existing files do not count."""
    image = image_in(tmp_path / "pool")
    odd = image.with_name("ffffffffffff.img (deleted)")
    odd.touch()
    attached(sys_block, "loop2", f"{tmp_path}/elsewhere/{image.name} (deleted)")
    attached(sys_block, "loop3", f"{image} (deleted)")
    attached(sys_block, "loop4", str(image))
    attached(sys_block, "loop5", str(odd))
    assert devices.lost_devices(image.parent) == ((image, "/dev/loop3"),)
    assert (devices.device_of(image), devices.lost_device_of(image)) == ("/dev/loop4", "/dev/loop3")
    assert devices.lost_device_of(odd) is None


def test_a_missing_file_has_none(sys_block: Path, tmp_path: Path) -> None:
    """A file that does not exist is not attached."""
    gone = tmp_path / "pool/0123456789ab.img"
    attached(sys_block, "loop3", str(gone))
    assert devices.device_of(gone) is None
