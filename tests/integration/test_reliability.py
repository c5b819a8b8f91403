"""A sample of the campaigns of ``./dev reliability``, chosen by a seed."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.integration.conftest import Site, opened_site
from tests.reliability.callers import Callers, run
from tests.reliability.kills import MOMENTS, OPERATIONS, Campaign, Kill
from tests.reliability.soak import Soak

SEED = 20261127


@pytest.fixture
def own_site() -> Iterator[Site]:
    with opened_site() as site:
        yield site


def sample(kills: list[Kill], seed: int) -> list[Kill]:
    """Of each operation one before, one in and one after a call."""
    random = Random(seed)
    return [
        random.choice([kill for kill in kills if (kill.operation, kill.moment) == (operation.name, moment)])
        for operation in OPERATIONS
        for moment in MOMENTS
    ]


def test_a_process_that_is_killed_at_any_step_leaves_nothing_half_done(own_site: Site) -> None:
    """After one reconcile; and nobody gets in meanwhile who may not."""
    campaign = Campaign(own_site.config)
    with campaign.begun():
        for kill in sample(campaign.kills(), SEED):
            campaign.run(kill)


def test_many_callers_come_to_what_was_answered(own_site: Site) -> None:
    """No deadlock, no error but the named conflicts; clients that write meanwhile notice nothing."""
    callers = Callers(own_site.config, own_site.folder, SEED, operations=40)
    with callers.prepared():
        outcome = run(callers, own_site.namespaces, 300)
    assert (8 * 40, True) == (outcome.operations, outcome.written > 0)


def test_nothing_grows(own_site: Site) -> None:
    """However often a server is made, used and deleted."""
    assert {} == Soak(own_site.config, own_site.folder).run(15)
