"""What smbtorture says of a server, in the suites that take seconds: no test that used to pass fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tools.conformance.__main__ import one
from tools.conformance.record import Record, worse
from tools.conformance.servers import ours
from tools.conformance.suites import QUICK
from tools.conformance.torture import Target

from tests.testkit.site import Site


@pytest.fixture(scope="module")
def target(site: Site) -> Iterator[Target]:
    with ours(site) as (made, _):
        yield made


@pytest.mark.parametrize("suite", QUICK)
def test_what_passed_before_passes(target: Target, suite: str) -> None:
    """As docs/conformance.md records it; what depends on timing is named there, and not judged."""
    assert worse(Record.load().ours[suite], one(target, suite)) == {}
