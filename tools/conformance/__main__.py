"""``python -m tools.conformance [SUITE...]``: run smbtorture on both servers, and write the page.

With names, only those suites are run, and the page keeps what it says of the others.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from attrs import evolve
from tests.testkit.leftovers import clean_host
from tests.testkit.site import opened_site
from tools.conformance.page import render
from tools.conformance.record import PAGE, RESULTS, ROOT, Record, passed, worse
from tools.conformance.servers import ours, plain, samba_version
from tools.conformance.suites import RELAXED, suites
from tools.conformance.torture import Result, Target, run_suite

from shares_core import Encryption, Protection


def main(arguments: list[str]) -> int:
    """Returns the exit status: 1 if a test that used to pass has failed."""
    known = suites()
    parser = argparse.ArgumentParser(prog="./dev conformance", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="SUITE", help="by default all that are not left out")
    names = parser.parse_args(arguments).names or known
    if unknown := set(names) - set(known):
        parser.error(f"there is no suite {', '.join(sorted(unknown))}")
    before = Record.load() if RESULTS.exists() else None
    now = measured(names)
    if before is not None:
        now = _merged(before, now)
    now.save()
    PAGE.write_text(render(now))
    print(f"conformance: {RESULTS.relative_to(ROOT)} and {PAGE.relative_to(ROOT)} are written")
    lost = _lost(before, now) if before is not None else {}
    for test, said in lost.items():
        print(f"conformance: {test} passed before, and does not: {said}")
    return 1 if lost else 0


def measured(names: Iterable[str]) -> Record:
    """Run the suites, one after the other."""
    with (
        clean_host(),
        opened_site() as site,
        ours(site) as (our_target, interface),
        ours(site, "relaxed", Protection(Encryption.DESIRED)) as (relaxed_target, _),
        plain(site, interface) as plain_target,
    ):
        targets = {"ours": our_target, "plain": plain_target, "relaxed": relaxed_target}
        found: dict[str, dict[str, Mapping[str, Result]]] = {name: {} for name in targets}
        for suite in names:
            # At once on all of them: they mostly wait.
            with ThreadPoolExecutor() as pool:
                under_way = {
                    name: pool.submit(one, target, suite, name)
                    for name, target in targets.items()
                    if name != "relaxed" or suite in RELAXED
                }
            for name, results in under_way.items():
                found[name][suite] = results.result()
        version = samba_version(site)
    torture = subprocess.run(["smbtorture", "--version"], check=True, capture_output=True, text=True)
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    return Record(date, torture.stdout.split()[-1], version, **found)


def one(target: Target, suite: str, name: str = "ours") -> Mapping[str, Result]:
    """Run one suite on an empty share, and tell how it went."""
    empty(target.local)
    began = time.monotonic()
    results = run_suite(target, suite)
    took = time.monotonic() - began
    print(f"{suite:<32}{name:<8}{passed(results):>3} of {len(results):>3} {took:>6.1f} s", flush=True)
    return results


def empty(folder: Path) -> None:
    """Remove what a suite left: later ones stumble over it."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _merged(before: Record, now: Record) -> Record:
    """What was run now, and of the other suites what was found before."""
    return evolve(
        now,
        ours={**before.ours, **now.ours},
        plain={**before.plain, **now.plain},
        relaxed={**before.relaxed, **now.relaxed},
    )


def _lost(before: Record, now: Record) -> dict[str, str]:
    return {
        test: said
        for suite, results in before.ours.items()
        for test, said in worse(results, now.ours[suite]).items()
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
