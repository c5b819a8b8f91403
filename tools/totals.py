"""The combined results of several pytest runs, from their JUnit files."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

_COUNT = re.compile(r'\b(tests|failures|errors|skipped)="(\d+)"')


def counts_of(junit: str) -> Counter[str]:
    """How many tests there were, how many failed or were skipped, and how many errors."""
    return Counter({what: int(number) for what, number in _COUNT.findall(junit.partition("<testcase")[0])})


def total(paths: Iterable[Path]) -> str:
    """The total in pytest's words. A failed set-up or teardown fails its test; a broken suite has no file."""
    counted = sum((counts_of(path.read_text()) for path in paths if path.exists()), Counter[str]())
    failed = counted["failures"] + counted["errors"]
    passed = counted["tests"] - failed - counted["skipped"]
    skipped = f", {counted['skipped']} skipped" if counted["skipped"] else ""
    return f"{passed} passed, {failed} failed{skipped}"
