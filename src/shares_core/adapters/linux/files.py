"""Writing files whole or not at all."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TEMPORARY = ".new-"
_ASIDE = ".old-"
_ATTEMPTS = 50
_SWEEP_SECONDS = 5.0


@contextmanager
def open_folder(folder: str | Path, parent: int | None = None) -> Iterator[int]:
    """A descriptor of the folder itself, never of the target of a symbolic link in its place.

    A relative path begins at the open folder ``parent``, if there is one.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(folder, flags, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def write_whole(
    path: Path, content: bytes, *, mode: int = 0o600, owner: int = 0, durable: bool = True
) -> None:
    """Replace ``path`` with a new file of ``content``.

    Atomic; with ``durable`` it has reached the disk when the call returns. The folder must be one that
    only root can write to, and the caller must keep other writers of the file out.
    """
    place_whole(path.parent, path.parent, path.name, content, mode=mode, owner=owner, durable=durable)


def place_whole(
    beside: Path, folder: Path, name: str, content: bytes, *, mode: int, owner: int, durable: bool = False
) -> None:
    """The same for a folder that another user owns: nothing is ever opened by name inside it.

    The file is made in ``beside``, a root-only folder of the same file system, and renamed in through the
    folder's descriptor: a planted link is replaced, not followed, and a planted folder is moved away. Raises
    OSError if another folder is planted each time.
    """
    temporary = f"{_TEMPORARY}{name}-{os.urandom(6).hex()}"
    with open_folder(beside) as source, open_folder(folder) as target:
        _remove_leftovers(source, name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o600, dir_fd=source)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fchown(file.fileno(), owner, owner)
                os.fchmod(file.fileno(), mode)
                if durable:
                    os.fsync(file.fileno())
            _rename_in(temporary, name, source, target, contested=beside != folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=source)
            raise
        if durable:
            os.fsync(target)


def _rename_in(temporary: str, name: str, source: int, target: int, *, contested: bool) -> None:
    """Rename into a folder whose owner may plant a folder under that name, which a rename cannot replace."""
    for attempt in range(_ATTEMPTS):
        try:
            os.rename(temporary, name, src_dir_fd=source, dst_dir_fd=target)
        except IsADirectoryError:
            if not contested or attempt == _ATTEMPTS - 1:
                raise
            with suppress(FileNotFoundError):
                _move_aside(name, target, source)
        else:
            return


def sweep(beside: Path, folder: Path, *, keep: str) -> None:
    """Remove what a folder's owner left in it, except the file ``keep``, and what was moved aside before.

    Opens by name only folders that it has moved into ``beside``, which only root can write to. It takes a
    tree apart from its top, one folder at a time, so that no tree is too deep. What the owner adds meanwhile
    is left to the next sweep.
    """
    with open_folder(beside) as aside, open_folder(folder) as owned:
        for entry in os.listdir(owned):
            with suppress(FileNotFoundError):
                if entry != keep:
                    _unlink_or_move(entry, owned, aside)
        deadline = time.monotonic() + _SWEEP_SECONDS
        while found := [entry for entry in os.listdir(aside) if entry.startswith(_ASIDE)]:
            gone = [_take_apart(entry, aside) for entry in found if time.monotonic() < deadline]
            if not any(gone):
                return


def _take_apart(entry: str, aside: int) -> bool:
    """Remove one folder, after moving the folders in it beside it. Returns whether it is gone."""
    with suppress(IsADirectoryError):
        os.unlink(entry, dir_fd=aside)  # its owner has just put a file in the folder's place
        return True
    with open_folder(entry, aside) as folder:
        for inner in os.listdir(folder):
            with suppress(FileNotFoundError):
                _unlink_or_move(inner, folder, aside)
    try:
        os.rmdir(entry, dir_fd=aside)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        return False
    return True


def _unlink_or_move(entry: str, folder: int, aside: int) -> None:
    try:
        os.unlink(entry, dir_fd=folder)
    except IsADirectoryError:
        _move_aside(entry, folder, aside)


def _move_aside(entry: str, folder: int, aside: int) -> None:
    os.rename(entry, f"{_ASIDE}{os.urandom(6).hex()}", src_dir_fd=folder, dst_dir_fd=aside)


def remove_durably(path: Path) -> None:
    """Remove a file; idempotent."""
    with suppress(FileNotFoundError), open_folder(path.parent) as folder:
        _remove_leftovers(folder, path.name)
        os.unlink(path.name, dir_fd=folder)
        os.fsync(folder)


def _remove_leftovers(folder: int, name: str) -> None:
    """Remove what a killed write of that file left; the caller keeps other writers of the file out."""
    for entry in os.listdir(folder):
        if entry.startswith(f"{_TEMPORARY}{name}-"):
            with suppress(FileNotFoundError):
                os.unlink(entry, dir_fd=folder)


def make_private_folder(folder: Path) -> None:
    """Make a folder that only root may enter; an existing one is left as it is. Idempotent."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
