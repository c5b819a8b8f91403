"""Loop devices of the kernel's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shares_core.adapters.pools.files import devices
from tests.testkit.leftovers import ROOT, remove_installation


@pytest.fixture
def image() -> Iterator[Path]:
    """A file, let go of after the test."""
    folder = ROOT / "run-loop-devices"
    folder.mkdir(mode=0o700)
    path = folder / "0123456789ab.img"
    path.touch()
    os.truncate(path, 1 << 20)
    try:
        yield path
    finally:
        remove_installation(folder)


def attached_to(image: Path) -> list[str]:
    listing = ["losetup", "--noheadings", "--output", "NAME", "--associated", str(image)]
    return subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split()


def test_a_file_whose_device_is_not_found_gets_no_second_one(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever hides the first: losetup itself looks once more."""
    device = devices.attach(image)
    with monkeypatch.context() as hidden:
        hidden.setattr(devices, "device_of", lambda _: None)
        assert devices.attach(image) == device
    assert attached_to(image) == [device]
    devices.detach(image)
    assert attached_to(image) == []


def test_a_device_that_somebody_left_write_protected_is_written_to(image: Path) -> None:
    """The kernel keeps that for whoever has the device next, and gives the same one again and again."""
    free = subprocess.run(("losetup", "--find"), check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run(("blockdev", "--setro", free), check=True)
    try:
        device = devices.attach(image)
        with open(device, "r+b", buffering=0) as file:
            assert file.write(b"written") == 7
        assert "0" == Path("/sys/block", Path(device).name, "ro").read_text().strip()
    finally:
        devices.detach(image)
        subprocess.run(("blockdev", "--setrw", free), check=True)
