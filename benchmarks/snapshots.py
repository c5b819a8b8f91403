"""How long a snapshot, a clone and a revert take, beside their bare steps, and for how long writers wait.

On files on an xfs of their own, in a share with 1 GiB of data and in one with 50 GiB; and once by copying, on
the machine's own file system, whose files may share no blocks.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.settings import folder_of
from tests.testkit.sharing import sharing_folder
from tests.testkit.site import Site, opened_site

from benchmarks.floor import Floor, run
from benchmarks.measuring import Times
from shares_core import Capacity, FilePool, SnapshotSource
from shares_core.adapters.pools.files import frozen_clone
from shares_core.adapters.state.layout import Layout
from shares_core.domain.capacity import GIB

DATA = ("1GiB", "50GiB")
#: The goals: of an operation as a multiple of its floor, and of the larger share as one of the smaller.
FLOOR_GOAL, SIZE_GOAL, PAUSE_GOAL = 1.5, 1.3, 0.1
#: So many random writes cut the share's file into pieces, about two each, for the longest pause.
WRITES = (5_000, 10_000, 1_000_000)
#: What a snapshot is copied of, where it has to be.
COPIED = "1GiB"
#: How large that file is, and the disk for all of it.
DATABASE, GIBIBYTES = 8 << 30, 400
#: So many snapshots of one share, for what they cost when its server starts.
MANY = 32
OPERATIONS = SNAPSHOT, CLONE, REVERT = "snapshot", "clone", "revert"
_SERVER, _SHARE, _CHUNK, _BLOCK = "bench", "files", 16 << 20, 4096


def measure(
    rounds: int,
    *,
    sizes: tuple[str, str] = DATA,
    writes: Sequence[int] = WRITES,
    database: int = DATABASE,
    many: int = MANY,
    gibibytes: int = GIBIBYTES,
    copied: str = COPIED,
) -> None:
    """Print all rows. Leaves nothing."""
    with sharing_folder(gibibytes) as folder:
        pool = FilePool(size=Capacity(gibibytes * GIB * 9 // 10), dir=folder)
        with opened_site(pools=(pool,)) as site, _bare_samba(site, folder) as floor:
            site.host.servers.create(_SERVER)
            times = {data: _of_data(site, folder, floor, data, rounds) for data in sizes}
            pauses = [_pause(site, database, count) for count in writes]
            starts = {count: _start(site, count, rounds) for count in (0, many)}
    copies = _copies(copied, rounds)
    _report(times, pauses, starts, rounds)
    _report_copies(copied, *copies)


@contextmanager
def _bare_samba(site: Site, pool: Path) -> Iterator[Floor]:
    """A bare container whose shares' files are beside the pool."""
    floor = Floor(pool.with_name("floor"), site.config.docker.image, "sctest-floor")
    floor.prepare()
    try:
        floor.create_server()
        yield floor
    finally:
        floor.remove_all()


def _of_data(site: Site, pool: Path, floor: Floor, data: str, rounds: int) -> tuple[Times, Times]:
    """The floor's times and ours with a share that holds so much."""
    host, size = site.host, Capacity.parse(data).bytes
    made = host.shares.create(_SERVER, _SHARE, Capacity(size * 5 // 4)).share
    host.access.allow(_SERVER, _SHARE, "bench")
    _fill(_files(site, _SHARE), size)
    # The floor's share is a copy, so that both hold the same in the same places.
    _copied(pool / f"{made.volume.id}.img", floor, _SHARE, str(_mount_of(site, _SHARE)))
    floor.mount(_SHARE, floor.attach(_SHARE))
    floor.allow(_SHARE)
    bare, full = Times(), Times()
    for number in range(rounds + 1):
        if number == 1:  # the first round warms both up, and does not count
            bare, full = Times(), Times()
        _floor_round(floor, bare)
        _our_round(site, full)
    host.shares.delete(_SERVER, _SHARE)
    floor.delete_share(_SHARE)
    return bare, full


def _floor_round(floor: Floor, times: Times) -> None:
    """The bare steps: without a lock, a look at what is there, or an undo."""
    times.measure(SNAPSHOT, lambda: _bare_snapshot(floor))
    times.measure(CLONE, lambda: _bare_clone(floor))
    times.measure(REVERT, lambda: _bare_revert(floor))
    for name in ("clone", "snapshot"):
        floor.delete_share(name)


def _bare_snapshot(floor: Floor) -> None:
    """Note it, sync, clone while frozen, mount, note that it is there."""
    mounted = floor.folder / "shares" / _SHARE
    floor.record()
    run("sync", "--file-system", str(mounted))
    _copied(floor.folder / "images" / _SHARE, floor, "snapshot", str(mounted))
    floor.mount("snapshot", floor.attach("snapshot"), options="ro")
    floor.record()


def _bare_clone(floor: Floor) -> None:
    """The same of a snapshot: its copy gets a UUID of its own, once the kernel has replayed its journal."""
    floor.record()
    _copied(floor.folder / "images" / "snapshot", floor, "clone")
    device = floor.attach("clone")
    floor.mount("clone", device, options="ro")
    floor.unmount("clone")
    run("tune2fs", "-O", "metadata_csum_seed", "-U", "random", device)
    floor.mount("clone", device)
    floor.record()


def _bare_revert(floor: Floor) -> None:
    """Note it, withdraw the share, put a copy of the snapshot in its place, note that, serve it."""
    floor.record()
    floor.deny(_SHARE)
    run("losetup", "--detach", floor.unmount(_SHARE))
    (floor.folder / "images" / _SHARE).unlink()
    _copied(floor.folder / "images" / "snapshot", floor, _SHARE)
    floor.mount(_SHARE, floor.attach(_SHARE))
    floor.record()
    floor.allow(_SHARE)


def _copied(source: Path, floor: Floor, name: str, *frozen: str) -> None:
    """Give the floor's share of that name the blocks of the source."""
    image = floor.folder / "images" / name
    image.touch()
    (floor.folder / "shares" / name).mkdir(exist_ok=True)
    caller = (str(os.getpid()),) if frozen else ()
    run(sys.executable, "-I", "-S", frozen_clone.__file__, str(source), str(image), *frozen, *caller)


def _our_round(site: Site, times: Times) -> None:
    host, source = site.host, SnapshotSource.parse(f"{_SERVER}/{_SHARE}@s")
    times.measure(SNAPSHOT, lambda: host.snapshots.create(_SERVER, _SHARE, "s"))
    times.measure(CLONE, lambda: host.shares.clone(_SERVER, "copy", source))
    times.measure(REVERT, lambda: host.snapshots.revert(_SERVER, _SHARE, "s"))
    host.shares.delete(_SERVER, "copy")
    host.snapshots.delete(_SERVER, _SHARE, "s")


def _pause(site: Site, size: int, writes: int) -> tuple[int, float]:
    """How many pieces the share's file has, and for how long a writer waits while a snapshot is taken."""
    host, share = site.host, "fragmented"
    host.shares.create(_SERVER, share, Capacity(size * 3 // 2))
    try:
        file = _files(site, share) / "database"
        _fill(file.parent, size, file.name)
        host.snapshots.create(_SERVER, share, "shares-all")  # from here each write makes a piece of its own
        _write_at_random(file, size, writes)
        with _longest_write(file) as longest:
            host.snapshots.create(_SERVER, share, "measured")
        image = site.host.shares.show(_SERVER, share).share.volume.id
        pieces = _pieces(next(path for path in _pool_of(site).iterdir() if path.stem == image))
        return pieces, longest[0]
    finally:
        host.shares.delete(_SERVER, share, with_snapshots=True)


def _copies(data: str, rounds: int) -> tuple[Times, Times]:
    """The floor's times and ours of a snapshot that is copied: read, and written to the disk."""
    size, bare, full = Capacity.parse(data).bytes, Times(), Times()
    with opened_site(pools=(FilePool(size=Capacity(size * 4)),)) as site:
        host = site.host
        host.servers.create(_SERVER)
        volume = host.shares.create(_SERVER, _SHARE, Capacity(size * 5 // 4)).share.volume
        _fill(_files(site, _SHARE), size)
        image, copy = _pool_of(site) / f"{volume.id}.img", _pool_of(site) / "floor"
        for _ in range(rounds):
            bare.measure(SNAPSHOT, lambda: _bare_copy(image, copy))
            copy.unlink()
            full.measure(SNAPSHOT, lambda: host.snapshots.create(_SERVER, _SHARE, "s", copy=True))
            host.snapshots.delete(_SERVER, _SHARE, "s")
    return bare, full


def _bare_copy(source: Path, target: Path) -> None:
    run("fallocate", "--length", str(source.stat().st_size), str(target))
    run("dd", f"if={source}", f"of={target}", "bs=4M", "conv=notrunc,fsync", "status=none")


def _start(site: Site, count: int, rounds: int) -> tuple[float, float]:
    """How long its server's start takes and how much memory, with so many snapshots of a share: medians."""
    host, seconds, bytes_ = site.host, list[float](), list[int]()
    host.shares.create(_SERVER, _SHARE, Capacity.parse("1GiB"))
    try:
        for number in range(count):
            host.snapshots.create(_SERVER, _SHARE, f"s{number}")
        for _ in range(rounds):
            host.servers.stop(_SERVER)
            before = _available()
            began = time.perf_counter()
            host.servers.start(_SERVER)
            seconds.append(time.perf_counter() - began)
            bytes_.append(before - _available())
        return statistics.median(seconds), statistics.median(bytes_)
    finally:
        host.shares.delete(_SERVER, _SHARE, with_snapshots=True)


def _available() -> int:
    """How many bytes of the machine's memory nobody needs; what can be read again does not count."""
    Path("/proc/sys/vm/drop_caches").write_text("3")
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))


def _write_at_random(file: Path, size: int, count: int) -> None:
    chosen = random.Random(20261130)  # noqa: S311 - the same pieces each time
    with file.open("r+b", buffering=0) as opened:
        for _ in range(count):
            opened.seek(chosen.randrange(size // _BLOCK) * _BLOCK)
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


def _report_copies(data: str, bare: Times, full: Times) -> None:
    floor, ours = (statistics.median(each.seconds[SNAPSHOT]) for each in (bare, full))
    figures = f"{floor * 1000:6.0f} ms {ours * 1000:6.0f} ms {ours / floor:6.2f}x"
    print(f"{f'copied snapshot, {data}':24} {figures} {FLOOR_GOAL:6.1f}x")


def _report(
    times: dict[str, tuple[Times, Times]],
    pauses: Sequence[tuple[int, float]],
    starts: dict[int, tuple[float, float]],
    rounds: int,
) -> None:
    print(f"{'median':24} {'floor':>9} {'ours':>9} {'ratio':>7} {'goal':>7}")
    medians = {}
    for data, (bare, full) in times.items():
        for operation, measured in full.seconds.items():
            floor, ours = statistics.median(bare.seconds[operation]), statistics.median(measured)
            medians[data, operation] = ours
            what = f"{operation}, {data}"
            figures = f"{floor * 1000:6.0f} ms {ours * 1000:6.0f} ms {ours / floor:6.2f}x"
            print(f"{what:24} {figures} {FLOOR_GOAL:6.1f}x")
    small, large = times
    for operation in (SNAPSHOT, CLONE):  # a revert also removes what the share held
        ratio = medians[large, operation] / medians[small, operation]
        print(f"{operation}, {large} to {small:8} {'':9} {'':9} {ratio:6.2f}x {SIZE_GOAL:6.1f}x")
    for pieces, pause in pauses:
        print(f"a writer waits, {pieces:,} pieces: {pause * 1000:.0f} ms (goal {PAUSE_GOAL * 1000:.0f} ms)")
    for count, (seconds, used) in starts.items():
        print(
            f"server start, {count} snapshots: {seconds * 1000:.0f} ms, {used / (1 << 20):.0f} MiB of memory"
        )
    print(f"{rounds} rounds")
