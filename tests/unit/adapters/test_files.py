"""Writing files whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shares_core.adapters.linux.files import place_whole, remove_durably, sweep, write_whole


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    """The new content and mode are there, and nothing else is left in the folder."""
    path = tmp_path / "file"
    path.write_bytes(b"former")
    write_whole(path, b"new", mode=0o600, owner=os.getuid())
    assert (b"new", 0o600, [path]) == (
        path.read_bytes(),
        path.stat().st_mode & 0o777,
        list(tmp_path.iterdir()),
    )


def test_a_planted_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """If another user planted a symbolic link under the file's name, its target stays as it is."""
    beside, folder, victim = tmp_path / "beside", tmp_path / "folder", tmp_path / "victim"
    beside.mkdir()
    folder.mkdir()
    victim.write_bytes(b"precious")
    (folder / "file").symlink_to(victim)
    place_whole(beside, folder, "file", b"new", mode=0o600, owner=os.getuid())
    assert b"precious" == victim.read_bytes()
    assert not (folder / "file").is_symlink()
    assert b"new" == (folder / "file").read_bytes()


def test_a_link_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    """A folder is opened as itself, never through a link."""
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        place_whole(tmp_path, link, "file", b"new", mode=0o600, owner=os.getuid())
    assert [] == list(real.iterdir())


def test_a_failed_write_leaves_the_former_file_and_nothing_else(tmp_path: Path) -> None:
    """If the rename is impossible, the temporary file is removed."""
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "inside").touch()
    with pytest.raises(OSError, match=r"Is a directory|not empty"):
        write_whole(tmp_path / "file", b"new", owner=os.getuid())
    assert ["file"] == os.listdir(tmp_path)


def test_a_killed_writers_file_is_removed_with_the_next_write_or_removal(tmp_path: Path) -> None:
    """Leftovers are known by the file's name; those of another file, which may be in use, are left."""
    (tmp_path / ".new-record-0123456789ab").touch()
    (tmp_path / ".new-other-0123456789ab").touch()
    write_whole(tmp_path / "record", b"new", owner=os.getuid())
    assert {"record", ".new-other-0123456789ab"} == set(os.listdir(tmp_path))
    (tmp_path / ".new-record-0123456789ab").touch()
    remove_durably(tmp_path / "record")
    remove_durably(tmp_path / "record")
    assert [".new-other-0123456789ab"] == os.listdir(tmp_path)


def test_a_planted_folder_is_moved_away_and_removed(tmp_path: Path) -> None:
    """A folder under the file's name, which a rename cannot replace, does not prevent the write."""
    beside, folder = tmp_path / "beside", tmp_path / "folder"
    beside.mkdir()
    (folder / "file" / "inner").mkdir(parents=True)
    (folder / "file" / "inner" / "x").touch()
    place_whole(beside, folder, "file", b"new", mode=0o600, owner=os.getuid())
    assert b"new" == (folder / "file").read_bytes()
    sweep(beside, folder, keep="file")
    assert ([], ["file"]) == (os.listdir(beside), os.listdir(folder))


def test_a_sweep_leaves_one_file_and_follows_no_link(tmp_path: Path) -> None:
    """Everything else is removed: links but not their targets, pipes, trees of any depth."""
    beside, folder, victim = tmp_path / "beside", tmp_path / "folder", tmp_path / "victim"
    for made in (beside, folder, victim):
        made.mkdir()
    (victim / "precious").write_bytes(b"precious")
    (folder / "keep").write_bytes(b"kept")
    (folder / "link").symlink_to(victim)
    os.mkfifo(folder / "pipe")
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(3000):  # deeper than Python's stack, and than a path may be long
        os.mkdir("deep", dir_fd=descriptor)
        inner = os.open("deep", os.O_RDONLY, dir_fd=descriptor)
        os.symlink(victim, "link", dir_fd=inner)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    for _ in range(100):  # each sweep has its time, and leaves the rest to the next
        sweep(beside, folder, keep="keep")
        if not os.listdir(beside):
            break
    assert ([], ["keep"]) == (os.listdir(beside), os.listdir(folder))
    assert (b"kept", b"precious") == ((folder / "keep").read_bytes(), (victim / "precious").read_bytes())
