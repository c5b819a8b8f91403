"""Running a suite of smbtorture, and reading what it says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from attrs import frozen
from tests.testkit.clients import ClientNamespace

_OUTCOME = re.compile(r"(success|failure|error|skip): (.+?)(?: \[)?")
#: A suite that takes longer is ended, and its test under way has failed. The slowest take 200 seconds.
_SUITE_SECONDS = 300.0


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@frozen
class Result:
    """What came of one test. ``said`` is the first line of a failure's text."""

    outcome: Outcome
    said: str = ""


@frozen
class Target:
    """A share to test. ``local`` is its folder on this machine, as far as the caller may see it."""

    namespace: ClientNamespace
    address: str
    share: str
    authentication: Path
    local: Path

    def argv(self, suite: str) -> tuple[str, ...]:
        return (
            "smbtorture",
            f"//{self.address}/{self.share}",
            "--authentication-file",
            str(self.authentication),
            "--fullname",
            "--option=client min protocol=SMB2_02",
            f"--option=torture:localdir={self.local}",
            suite,
        )


def run_suite(target: Target, suite: str, seconds: float = _SUITE_SECONDS) -> Mapping[str, Result]:
    """Run a suite, and return what came of each of its tests."""
    argv = ("timeout", "--signal=KILL", f"{seconds:g}", *target.argv(suite))
    done = target.namespace.run(*argv, timeout=seconds + 30)
    results = finished(done.stdout)
    if not results:
        raise subprocess.CalledProcessError(done.returncode, argv, done.stdout, done.stderr)
    return results


def parse(output: str) -> dict[str, Result]:
    """Read smbtorture's output: ``success: NAME``, or ``failure: NAME [``, the reason, and ``]``."""
    lines = output.splitlines()
    results: dict[str, Result] = {}
    for number, line in enumerate(lines):
        found = _OUTCOME.fullmatch(line)
        if found is None:
            continue
        word, name = found.groups()
        following = lines[number + 1].strip() if number + 1 < len(lines) else ""
        outcome = _OUTCOMES[word]
        results[name] = Result(outcome, "" if outcome is Outcome.PASSED else following)
    return results


_OUTCOMES = {
    "success": Outcome.PASSED,
    "failure": Outcome.FAILED,
    "error": Outcome.FAILED,
    "skip": Outcome.SKIPPED,
}


def finished(output: str) -> dict[str, Result]:
    """The same; a test that was under way when smbtorture ended, or was ended, has failed."""
    begun = (line.removeprefix("test: ") for line in output.splitlines() if line.startswith("test: "))
    return dict.fromkeys(begun, Result(Outcome.FAILED, "it does not end")) | parse(output)
