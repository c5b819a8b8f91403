"""A sample of the kills of ``./dev reliability``, on thick and on thin logical volumes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from tests.integration.conftest import SPARE_GROUP
from tests.integration.lvm.conftest import Pool
from tests.reliability.kills import MOMENTS, OPERATIONS, Campaign

SEED = 20261127


@pytest.mark.parametrize("thin", [False, True], ids=["thick", "thin"])
def test_a_process_that_is_killed_at_any_step_leaves_nothing_half_done(
    thin: bool, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """Of each operation one kill, each at another moment; emulated, they take ten times as long."""
    with Pool(SPARE_GROUP, thin).site() as site:
        kill_once_in_each(Campaign(site.config))
    record_testsuite_property("kills", len(OPERATIONS))


def kill_once_in_each(campaign: Campaign) -> None:
    random = Random(SEED)
    with campaign.begun():
        kills = campaign.kills()
        for number, operation in enumerate(OPERATIONS):
            moment = MOMENTS[number % len(MOMENTS)]
            kill = random.choice([k for k in kills if (k.operation, k.moment) == (operation.name, moment)])
            campaign.run(kill)
