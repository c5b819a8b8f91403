"""Loop devices of the kernel's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shares_core.adapters.loop_files import devices
from tests.integration.support.leftovers import ROOT, remove_installation


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
