"""The results of one run, in ``docs/conformance.json``, and what has become worse since. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from attrs import asdict, frozen
from tools.conformance.reasons import timing
from tools.conformance.torture import Outcome, Result

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
RESULTS = ROOT / "docs" / "conformance.json"
Suites = Mapping[str, Mapping[str, Result]]


@frozen
class Record:
    """What came of every test of every suite, by the suite's name, on the servers that were measured.

    ``relaxed`` is a server of ours with ``--encryption desired``, on which only suites about sessions run.
    """

    date: str
    torture: str
    samba: str
    ours: Suites
    plain: Suites
    relaxed: Suites

    @classmethod
    def load(cls, path: Path = RESULTS) -> Record:
        """Read what ``save`` wrote."""
        document = json.loads(path.read_text())
        for name in ("ours", "plain", "relaxed"):
            document[name] = {
                suite: {test: Result(Outcome(outcome), said) for test, (outcome, said) in results.items()}
                for suite, results in document[name].items()
            }
        return cls(**document)

    def save(self, path: Path = RESULTS) -> None:
        """Write it, for ``load``."""
        document = asdict(self, recurse=False)
        for name in ("ours", "plain", "relaxed"):
            document[name] = {
                suite: {test: [str(result.outcome), result.said] for test, result in results.items()}
                for suite, results in document[name].items()
            }
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")

    def lacking(self, suite: str) -> dict[str, Result]:
        """The suite's tests that pass on the plain Samba and not here, with what came of them here.

        Nor on the relaxed server, if the suite was run on it.
        """
        here, there = self.ours[suite], self.plain[suite]
        also = self.relaxed.get(suite, {})
        return {
            test: here.get(test, Result(Outcome.FAILED, "it was not run"))
            for test, result in there.items()
            if result.outcome is Outcome.PASSED and not (_passed(here, test) or _passed(also, test))
        }

    def added(self, suite: str) -> list[str]:
        """The suite's tests that pass here and not on the plain Samba."""
        here, there = self.ours[suite], self.plain[suite]
        return [test for test in here if _passed(here, test) and not _passed(there, test)]


def passed(results: Mapping[str, Result]) -> int:
    """How many tests have passed."""
    return sum(result.outcome is Outcome.PASSED for result in results.values())


def _passed(results: Mapping[str, Result], test: str) -> bool:
    return test in results and results[test].outcome is Outcome.PASSED


def worse(before: Mapping[str, Result], now: Mapping[str, Result]) -> dict[str, str]:
    """The tests that used to pass and do not, with what smbtorture says; without those of ``TIMING``."""
    return {
        test: now[test].said if test in now else "it was not run"
        for test in before
        if _passed(before, test) and not _passed(now, test) and not timing(test)
    }
