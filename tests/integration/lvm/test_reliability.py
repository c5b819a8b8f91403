"""A sample of the kills of ``./dev reliability``, on thick and on thin logical volumes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.integration.conftest import Site
from tests.reliability.kills import MOMENTS, OPERATIONS, Campaign

SEED = 20261127


def test_a_process_that_is_killed_at_any_step_leaves_nothing_half_done(
    lvm_site: Site, record_property: Callable[[str, object], None]
) -> None:
    """Of each operation one kill, each at another moment; emulated, they take ten times as long."""
    random, campaign = Random(SEED), Campaign(lvm_site.config)
    with campaign.begun():
        kills = campaign.kills()
        for number, operation in enumerate(OPERATIONS):
            moment = MOMENTS[number % len(MOMENTS)]
            kill = random.choice([k for k in kills if (k.operation, k.moment) == (operation.name, moment)])
            try:
                campaign.run(kill)
            except AssertionError as error:
                error.add_note(str(kill))
                raise
    record_property("kills", len(OPERATIONS))
