"""``python -m tools.guest [PYTEST ARGS]``: from an empty cache to the results."""

import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.guest.build import provide_emulator, recipe_of
from tools.guest.machine import CONSOLE, IMAGES, SHARED, WORK, boot, make_disks, qemu_command, within
from tools.guest.payload import pack_tree, save_images
from tools.guest.plan import (
    WHOLE,
    Boot,
    boots_for,
    counts,
    ended,
    faults,
    left_out,
    missing_folders,
    orders_for,
    phases_of,
)
from tools.guest.steps import GuestError, last_lines, remove, say, step

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "build" / "integration-host"
#: From the first boot to the last power-off; the variable says how many minutes instead.
LIMIT_VARIABLE, LIMIT_MINUTES = "SHARES_CORE_GUEST_MINUTES", "80"
_CONSOLE_LINES = 50  # a panic's trace, and what went before it


def main(arguments: Sequence[str]) -> int:
    """Run the tests in the guest; gives the exit status."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.default_int_handler)  # each of them ends it in good order
    try:
        return run(boots_for(arguments, ROOT))
    except GuestError as error:
        say(str(error))
    except KeyboardInterrupt:
        say("interrupted")
    return 1


def run(boots: Sequence[Boot], limit: str = LIMIT_MINUTES) -> int:
    """Boot as often as planned, and return the exit status. Raises GuestError if that cannot be done.

    ``limit`` is in minutes, and counts if the environment sets none.
    """
    if os.uname().machine != "x86_64":
        raise GuestError("making the guest runs its programs here: that takes an x86-64 machine")
    if missing := missing_folders(boots, ROOT):
        raise GuestError(f"there are no tests to run in {' and '.join(missing)}")
    if others := left_out(boots, ROOT):
        say(f"left out, for {WHOLE} or a real host: {', '.join(others)}")
    minutes = float(os.environ.get(LIMIT_VARIABLE, limit))
    _clear_results(boots)
    recipe = recipe_of(ROOT / "pyproject.toml")
    with _cache_of_our_own() as cache:
        _remove_all_but(cache, recipe.version)
        emulator = provide_emulator(cache, recipe)
        work, shared = within(emulator, WORK), within(emulator, SHARED)
        remove(work)  # of a run that was killed
        try:
            _fill(shared)
            with step("saving the images"):
                save_images(within(emulator, IMAGES))
            within(emulator, CONSOLE).touch()
            make_disks(emulator)
            try:
                in_time = _boot(boots, emulator, shared, minutes)
            finally:
                _keep(shared / "results", within(emulator, CONSOLE))
            return _report(boots, shared / "results", in_time, minutes)
        finally:
            remove(work)


@contextmanager
def _cache_of_our_own() -> Iterator[Path]:
    """The folder of systems and runs, root's alone, and for one run at a time."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(home) / "shares-core" / "guest"
    cache.mkdir(parents=True, exist_ok=True)
    cache.chmod(0o700)
    with (cache / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GuestError("another run is under way: wait for its end") from None
        yield cache


def _remove_all_but(cache: Path, version: str) -> None:
    """What was made of other recipes goes, and what a killed run left half-made."""
    for path in cache.iterdir():
        if path.name not in (version, "lock"):
            remove(path)


def _clear_results(boots: Sequence[Boot]) -> None:
    """What an earlier run left is not to be taken for what this one brings."""
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    for phase in phases_of(*boots):
        if phase.coverage:
            (ROOT / phase.coverage).unlink(missing_ok=True)


def _fill(shared: Path) -> None:
    (shared / "results").mkdir(parents=True)
    pack_tree(ROOT, shared / "tree.tar")
    shutil.copy(Path(__file__).with_name("inside.py"), shared)


def _boot(boots: Sequence[Boot], emulator: Path, shared: Path, minutes: float) -> bool:
    """Boot as often as planned, but not again after a boot that did not come to its end."""
    deadline = time.monotonic() + minutes * 60
    command = qemu_command(emulator)
    for number, phases in enumerate(boots):
        (shared / "orders.json").write_text(orders_for(boots, number))
        with step(f"running the guest, boot {number + 1} of {len(boots)}"):
            in_time = boot(command, deadline)
            complete = in_time and ended(phases, _statuses(shared / "results"))
            if not complete:
                print()  # it stopped in the middle of a line
        if not complete:
            return in_time
    return True


def _statuses(results: Path) -> dict[str, int]:
    written = {path.stem: path.read_text() for path in results.glob("*.status")}
    return {phase: int(status) for phase, status in written.items() if status}  # empty: it stopped just there


def _keep(results: Path, console: Path) -> None:
    """Copy what came back to where it stays."""
    for path in (*results.glob("junit-*.xml"), console):
        shutil.copy(path, RESULTS)
    for path in results.glob(".coverage-host-*"):
        shutil.copy(path, ROOT)


def _report(boots: Sequence[Boot], results: Path, in_time: bool, minutes: float) -> int:
    """Say what came back, and what it means; gives the exit status."""
    for phase in phases_of(*boots):
        if (junit := results / phase.junit).exists():
            say(f"{phase.name}: {counts(junit.read_text())}")
    console = (RESULTS / "console.log").read_text(errors="replace")
    found = faults(boots, _statuses(results), os.listdir(results), console)
    if not in_time:
        found.insert(0, f"it took longer than {minutes:g} minutes ({LIMIT_VARIABLE} sets another limit)")
    if found:
        print(last_lines(console, _CONSOLE_LINES))
    for fault in found:
        say(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
