"""A pool of files whose folder cannot be read, and what reaches the disk."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ctypes import CDLL
from pathlib import Path

import filelock as _needed_early  # noqa: F401 - where the code imports it, nobody could read it
import pytest

from shares_core.adapters.pools.files import pool
from shares_core.adapters.pools.files.pool import LoopFilePool
from shares_core.adapters.pools.files.reserving import reserve
from shares_core.adapters.state.installation import Installation
from shares_core.adapters.state.layout import Layout
from shares_core.domain.capacity import GIB, MIB, Capacity
from shares_core.domain.errors import BackendFailure, HostNotReady
from shares_core.ports.storage import VolumeOwner

_NOBODY = 65534
_VOLUME = "0123456789ab"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that anybody can enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def pool_in(folder: Path, state_dir: Path) -> LoopFilePool:
    return LoopFilePool(folder, Capacity(GIB), Installation(Layout(state_dir), 1), lock_timeout=1)


def known_pool(folder: Path) -> LoopFilePool:
    """A prepared pool."""
    state_dir, pool_dir = folder / "state", folder / "pool"
    state_dir.mkdir()
    pool_dir.mkdir()
    identity = {"id": "a" * 12, "pool": "b" * 12}
    (state_dir / "installation.json").write_text(json.dumps(identity))
    (pool_dir / "pool.json").write_text(json.dumps({"pool": "b" * 12, "installation": "a" * 12}))
    return pool_in(pool_dir, state_dir)


def as_nobody(action: Callable[[], object]) -> object:
    """Do it in a thread without root's rights."""

    def powerless() -> object:
        CDLL(None).setfsuid(_NOBODY)  # of this thread alone (setfsuid(2)), and with it the capabilities
        return action()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(powerless).result()


def close_to_readers(folder: Path) -> None:
    """Make a folder whose files can be opened by name, but not listed."""
    if os.geteuid() == 0:
        os.chown(folder, _NOBODY, _NOBODY)
    folder.chmod(0o300)


def test_figures_of_an_unreadable_pool_are_refused(folder: Path) -> None:
    """The error says what to do; a readable pool has figures."""
    hidden = folder / "hidden"
    hidden.mkdir()
    pool = pool_in(hidden / "pool", folder / "state")
    assert GIB == pool.pool().total
    hidden.chmod(0o000)
    with pytest.raises(HostNotReady) as raised:
        as_nobody(pool.pool)
    assert raised.value.hint == "run it as root"


def test_impossible_figures_of_a_pool_are_refused(folder: Path) -> None:
    """Whatever the kernel's error."""
    with pytest.raises(BackendFailure, match="File name too long"):
        pool_in(folder / ("x" * 300), folder / "state").pool()


def test_an_unlistable_folder_is_not_a_new_pool(folder: Path) -> None:
    """It may not be empty."""
    closed = folder / "pool"
    closed.mkdir()
    close_to_readers(closed)
    pool = pool_in(closed, folder / "state")
    with pytest.raises(HostNotReady) as raised:
        as_nobody(pool.prepare)
    assert raised.value.hint == "run it as root"
    assert not (closed / "pool.json").exists()


def test_unlistable_volumes_are_an_error(folder: Path) -> None:
    """An empty answer would mean that they are gone."""
    pool = known_pool(folder)
    (folder / "pool" / f"{_VOLUME}.img").touch()
    os.truncate(folder / "pool" / f"{_VOLUME}.img", 4096)
    assert [(volume.id, volume.size) for volume in pool.list()] == [(_VOLUME, Capacity(4096))]
    close_to_readers(folder / "pool")
    for look in (pool.list, pool.pool):
        with pytest.raises(HostNotReady) as raised:
            as_nobody(look)
        assert raised.value.hint == "run it as root"


def test_a_power_cut_does_not_bring_removed_volumes_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder has reached the disk when the call returns, also for a call after a killed one."""
    pool, place = known_pool(folder), folder / "pool"
    for name in (f"{_VOLUME}.img", f"{_VOLUME}.part", "kept.img"):
        (place / name).touch()
    reached: list[tuple[str, list[str]]] = []
    fsync = os.fsync

    def tell(descriptor: int) -> None:
        fsync(descriptor)
        reached.append((os.readlink(f"/proc/self/fd/{descriptor}"), sorted(os.listdir(place))))

    monkeypatch.setattr(os, "fsync", tell)
    for _ in range(2):
        reached.clear()
        pool.remove_volume(_VOLUME)
        assert reached == [(str(place), ["kept.img", "pool.json"])]


def test_a_file_system_that_cannot_reserve_space_is_refused_for_a_pool(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The C library would emulate it, and overwrite what clients write meanwhile."""

    def refused(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    made = known_pool(folder)
    volume = made.ensure_volume("0" * 12, Capacity(MIB), VolumeOwner("server", "share"))
    monkeypatch.setattr(pool, "reserve", refused)
    with pytest.raises(HostNotReady, match="cannot reserve space"):
        made.ensure_volume("1" * 12, Capacity(MIB), VolumeOwner("server", "other"))
    with pytest.raises(HostNotReady, match="cannot reserve space"):
        made.grow_volume("0" * 12, Capacity(2 * MIB))
    assert (volume,) == made.list()


def test_fallocate_is_never_emulated() -> None:
    """If the kernel cannot do it for the open file, the call raises that error."""
    descriptor = os.open("/proc/self/mem", os.O_RDWR | os.O_CLOEXEC)
    try:
        with pytest.raises(OSError, match="not supported"):
            reserve(descriptor, 4096)
    finally:
        os.close(descriptor)
