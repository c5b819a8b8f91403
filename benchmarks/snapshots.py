"""How long a snapshot, a clone and going back take, beside their bare steps, and for how long writers wait.

On files on an xfs of their own, with a share of 1 GiB and one of 16 GiB, both half full of data.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.settings import folder_of
from tests.testkit.sharing import sharing_folder
from tests.testkit.site import Site, opened_site

from benchmarks.floor import run
from benchmarks.measuring import Times
from shares_core import Capacity, FilePool, SnapshotSource
from shares_core.adapters.pools.files import frozen_clone
from shares_core.adapters.state.layout import Layout

SIZES = ("1GiB", "16GiB")
#: The goals: of an operation as a multiple of its floor, and of the larger share as one of the smaller.
FLOOR_GOAL, SIZE_GOAL, PAUSE_GOAL = 1.5, 1.3, 0.1
#: So many random writes cut the share's file into pieces, about two each, for the longest pause.
WRITES = (5_000, 10_000, 1_000_000)
SNAPSHOT, CLONE, REVERT = "snapshot", "clone", "revert"
_SERVER, _CHUNK, _BLOCK = "bench", 16 << 20, 4096
_GIBIBYTES, _DATABASE = 200, 8 << 30


def measure(rounds: int) -> None:
    """Print all rows. Leaves nothing."""
    with sharing_folder(_GIBIBYTES) as folder:
        pool = FilePool(size=Capacity.parse(f"{_GIBIBYTES - 20}GiB"), dir=folder)
        with opened_site(pools=(pool,)) as site:
            site.host.servers.create(_SERVER)
            times = {size: _of_size(site, folder, size, rounds) for size in SIZES}
            pauses = {writes: _pause(site, writes) for writes in WRITES}
    _report(times, pauses, rounds)


def _of_size(site: Site, folder: Path, size: str, rounds: int) -> tuple[Times, Times]:
    """The floor's times and ours with a share of that size."""
    host, share = site.host, f"share-{size}"
    made = host.shares.create(_SERVER, share, Capacity.parse(size)).share
    _fill(_files(site, share), made.capacity.bytes // 2)
    bare, full = Times(), Times()
    for number in range(rounds + 1):
        if number == 1:  # the first round warms both up, and does not count
            bare, full = Times(), Times()
        image = folder / f"{host.shares.show(_SERVER, share).share.volume.id}.img"  # going back makes another
        _floor_round(site, share, image, bare)
        _our_round(site, share, full)
    host.shares.delete(_SERVER, share)
    return bare, full


def _floor_round(site: Site, share: str, image: Path, times: Times) -> None:
    """The bare steps: nothing is recorded, and nobody is told."""
    copy, target, mounted = image.with_suffix(".copy"), image.with_suffix(".target"), _mount_of(site, share)
    target.mkdir(exist_ok=True)
    for operation, frozen in ((SNAPSHOT, str(mounted)), (CLONE, ""), (REVERT, "")):
        copy.touch()
        times.measure(operation, lambda frozen=frozen: _copied(image, copy, target, frozen))  # type: ignore[misc]
        run("umount", str(target))
        copy.unlink()
    target.rmdir()


def _copied(image: Path, copy: Path, target: Path, frozen: str) -> None:
    """Sync, copy, check as resizing and renaming want it, and mount."""
    run("sync", "--file-system", frozen or str(image.parent))
    run(sys.executable, "-I", "-S", frozen_clone.__file__, str(image), str(copy), *filter(None, (frozen,)))
    if not frozen:
        subprocess.run(("e2fsck", "-fy", str(copy)), check=False, capture_output=True)
    run("mount", "-o", "loop" + (",ro" if frozen else ""), str(copy), str(target))


def _our_round(site: Site, share: str, times: Times) -> None:
    host, source = site.host, SnapshotSource.parse(f"{_SERVER}/{share}@s")
    times.measure(SNAPSHOT, lambda: host.snapshots.create(_SERVER, share, "s"))
    times.measure(CLONE, lambda: host.shares.clone(_SERVER, "copy", source))
    times.measure(REVERT, lambda: host.snapshots.revert(_SERVER, share, "s"))
    host.shares.delete(_SERVER, "copy")
    host.snapshots.delete(_SERVER, share, "s")


def _pause(site: Site, writes: int) -> tuple[int, float]:
    """How many pieces the share's file has, and for how long a writer waits while a snapshot is taken."""
    host, share = site.host, "fragmented"
    host.shares.create(_SERVER, share, Capacity.parse("12GiB"))
    try:
        file = _files(site, share) / "database"
        _fill(file.parent, _DATABASE, file.name)
        host.snapshots.create(_SERVER, share, "shares-all")  # from here each write makes a piece of its own
        _write_at_random(file, writes)
        with _longest_write(file) as longest:
            host.snapshots.create(_SERVER, share, "measured")
        image = site.host.shares.show(_SERVER, share).share.volume.id
        pieces = _pieces(next(path for path in _pool_of(site).iterdir() if path.stem == image))
        return pieces, longest[0]
    finally:
        host.shares.delete(_SERVER, share, with_snapshots=True)


def _write_at_random(file: Path, count: int) -> None:
    chosen = random.Random(20261130)  # noqa: S311 - the same pieces each time
    with file.open("r+b", buffering=0) as opened:
        for _ in range(count):
            opened.seek(chosen.randrange(_DATABASE // _BLOCK) * _BLOCK)
            opened.write(os.urandom(_BLOCK))
        os.fsync(opened.fileno())


@contextmanager
def _longest_write(file: Path) -> Iterator[list[float]]:
    """Write blocks until the end of the block; then the list holds the longest time that one took."""
    longest, done = [0.0], threading.Event()

    def write() -> None:
        with file.open("r+b", buffering=0) as opened:
            while not done.is_set():
                began = time.perf_counter()
                opened.seek(0)
                opened.write(bytes(_BLOCK))
                longest[0] = max(longest[0], time.perf_counter() - began)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield longest
    finally:
        done.set()
        writer.join()


def _pieces(image: Path) -> int:
    said = subprocess.run(("filefrag", str(image)), check=True, capture_output=True, text=True).stdout
    return int(said.rsplit(":", 1)[1].split()[0])


def _fill(folder: Path, size: int, name: str = "filling") -> None:
    with (folder / name).open("wb", buffering=0) as file:
        for _ in range(size // _CHUNK):
            file.write(os.urandom(_CHUNK))
        os.fsync(file.fileno())


def _mount_of(site: Site, share: str) -> Path:
    server = site.host.servers.show(_SERVER).server
    return Layout(site.config.state_dir).share(server.id, server.share(share).id)


def _files(site: Site, share: str) -> Path:
    return _mount_of(site, share) / "data"


def _pool_of(site: Site) -> Path:
    return folder_of(site.config)


def _report(times: dict[str, tuple[Times, Times]], pauses: dict[int, tuple[int, float]], rounds: int) -> None:
    print(f"{'median':24} {'floor':>9} {'ours':>9} {'ratio':>7} {'goal':>7}")
    medians = {}
    for size, (bare, full) in times.items():
        for operation, measured in full.seconds.items():
            floor, ours = statistics.median(bare.seconds[operation]), statistics.median(measured)
            medians[size, operation] = ours
            what = f"{operation}, {size}"
            figures = f"{floor * 1000:6.0f} ms {ours * 1000:6.0f} ms {ours / floor:6.2f}x"
            print(f"{what:24} {figures} {FLOOR_GOAL:6.1f}x")
    small, large = SIZES
    for operation in (SNAPSHOT, CLONE, REVERT):
        ratio = medians[large, operation] / medians[small, operation]
        print(f"{operation}, {large} to {small:8} {'':9} {'':9} {ratio:6.2f}x {SIZE_GOAL:6.1f}x")
    for pieces, pause in pauses.values():
        print(f"a writer waits, {pieces:,} pieces: {pause * 1000:.0f} ms (goal {PAUSE_GOAL * 1000:.0f} ms)")
    print(f"{rounds} rounds")
