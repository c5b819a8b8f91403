"""Copying volumes: holes, zeros, and what is told meanwhile."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from shares_core.adapters.pools.copying import copy
from shares_core.domain.capacity import MIB
from shares_core.domain.errors import BackendFailure
from shares_core.ports.progress import Report, unreported

SIZE = 100 * MIB


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Data at both ends and in the middle, zeros that were written, and holes."""
    path = tmp_path / "source"
    with path.open("wb") as file:
        file.truncate(SIZE)
        for place, data in ((0, b"first"), (48 * MIB - 2, b"middle"), (SIZE - 4, b"last")):
            os.pwrite(file.fileno(), data, place)
        os.pwrite(file.fileno(), bytes(8 * MIB), 64 * MIB)
    return path


def copied(source: Path, target: Path, report: Report = unreported, *, zeroed: bool) -> None:
    with target.open("r+b") as file:
        copy(str(source), file.fileno(), zeroed, report=report)


def allocated(path: Path) -> int:
    return path.stat().st_blocks * 512


def test_a_copy_takes_no_more_room_than_its_source(source: Path, tmp_path: Path) -> None:
    """A target that reads as zeros gets neither holes nor zeros."""
    target = tmp_path / "target"
    target.touch()
    os.truncate(target, SIZE)
    copied(source, target, zeroed=True)
    assert source.read_bytes() == target.read_bytes()
    assert allocated(target) <= 16 * MIB


def test_a_target_that_holds_something_is_overwritten_throughout(source: Path, tmp_path: Path) -> None:
    """Also where the source has holes."""
    target = tmp_path / "target"
    target.write_bytes(b"x" * SIZE)
    copied(source, target, zeroed=False)
    assert source.read_bytes() == target.read_bytes()


def test_a_copy_tells_how_far_it_is(source: Path, tmp_path: Path) -> None:
    """From its beginning, in steps, to its end."""
    target, told = tmp_path / "target", []
    target.touch()
    copied(source, target, lambda *parts: told.append(parts), zeroed=False)
    assert [(0, SIZE), *sorted(told[1:-1]), (SIZE, SIZE)] == told
    assert len(told) > 3


def test_a_copy_ends_with_what_its_report_raises(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.touch()

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyError(done)

    with pytest.raises(KeyError):
        copied(source, target, stop, zeroed=False)
    assert 0 < target.stat().st_size < SIZE


def test_what_cannot_be_written_whole_is_an_error(source: Path, tmp_path: Path) -> None:
    """The system writes a part of a block, and says no more, if there is room for no more."""
    target, (soft, hard) = tmp_path / "target", resource.getrlimit(resource.RLIMIT_FSIZE)
    target.touch()
    os.truncate(target, SIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE - 2, hard))  # in the middle of the last data
    try:
        with pytest.raises(BackendFailure, match="copying"):
            copied(source, target, zeroed=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_source_that_gets_shorter_is_an_error(source: Path, tmp_path: Path) -> None:
    """What is not there is not what it held."""
    target = tmp_path / "target"
    target.touch()

    def cut(done: int, total: int) -> None:
        os.truncate(source, 50 * MIB)

    with pytest.raises(BackendFailure, match="ended early"):
        copied(source, target, cut, zeroed=False)


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """A link is not followed: nobody may put one in a volume's place."""
    (tmp_path / "target").touch()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for name in ("absent", "link"):
        with pytest.raises(BackendFailure, match="copying"):
            copied(tmp_path / name, tmp_path / "target", zeroed=True)
