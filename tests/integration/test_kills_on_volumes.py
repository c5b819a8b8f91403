"""A sample of the kills of ``./dev reliability``, on thick and on thin logical volumes."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

import pytest

from tests.integration.conftest import SPARE_GROUP
from tests.integration.lvm.conftest import Pool
from tests.reliability.kills import Campaign, Kill, spread
from tests.reliability.operations import OPERATIONS

SEED = int(os.environ.get("SHARES_CORE_TEST_SEED", "20261127"))
#: In emulation a kill takes ten times as long: only ``./dev reliability`` tries every call.
EVERY_CALL = "SHARES_CORE_TEST_EVERY_CALL" in os.environ


@pytest.mark.parametrize("thin", [False, True], ids=["thick", "thin"])
def test_a_process_that_is_killed_at_any_step_leaves_nothing_half_done(
    thin: bool, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """One kill for each operation, or one in each of its calls, half of these on each kind of volume."""
    with Pool(SPARE_GROUP, thin).site() as site:
        campaign = Campaign(site.config)
        with campaign.begun():
            kills = campaign.kills()
            half = spread(kills, int(thin), 2, SEED)
            chosen = half if EVERY_CALL else one_in_each(half, SEED)
            record_testsuite_property("tried", len(chosen))
            record_testsuite_property("kills", sum(campaign.run(kill) for kill in chosen))


def one_in_each(kills: list[Kill], seed: int) -> list[Kill]:
    """One of each operation."""
    random = Random(seed)
    return [
        random.choice([kill for kill in kills if kill.operation == operation.name])
        for operation in OPERATIONS
    ]
