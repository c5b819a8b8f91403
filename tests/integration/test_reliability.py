"""A sample of the campaigns of ``./dev reliability``, chosen by a seed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random

import pytest

from tests.reliability import operations
from tests.reliability.callers import Callers, run
from tests.reliability.intruding import Intruder
from tests.reliability.kills import MOMENTS, Campaign, Kill
from tests.reliability.operations import FURTHER, OPERATIONS, Operation
from tests.reliability.soak import Soak
from tests.testkit.site import Site, opened_site

SEED = 20261127
EVERY_CALL = "SHARES_CORE_TEST_EVERY_CALL" in os.environ


@pytest.fixture
def own_site() -> Iterator[Site]:
    with opened_site() as site:
        yield site


def sample(found: list[Kill], seed: int) -> list[Kill]:
    """For each operation, one kill before, one in and one after a call."""
    random = Random(seed)
    return [
        random.choice([kill for kill in found if (kill.operation, kill.moment) == (operation, moment)])
        for operation in dict.fromkeys(kill.operation for kill in found)
        for moment in MOMENTS
    ]


def test_a_process_that_is_killed_at_any_step_leaves_nothing_half_done(own_site: Site) -> None:
    """After one reconcile; and meanwhile nobody gets unauthorised access."""
    campaign = Campaign(own_site.config)
    with campaign.begun():
        died = [campaign.run(kill) for kill in sample(campaign.kills(), SEED)]
    # Some calls are too short to die in; before and after a call it always dies.
    assert sum(died) > len(died) * 2 / len(MOMENTS)


@pytest.mark.parametrize("operation", FURTHER, ids=lambda operation: str(operation.name))
def test_killed_work_of_people_and_the_service_leaves_nothing_half_done(
    own_site: Site, operation: Operation
) -> None:
    """Three kills of each; with ``SHARES_CORE_TEST_EVERY_CALL`` all of them."""
    campaign = Campaign(own_site.config, (operation,))
    with campaign.begun():
        wanted = campaign.kills()
        chosen = wanted if EVERY_CALL else Random(SEED).sample(wanted, len(MOMENTS))
        for kill in chosen:
            campaign.run(kill)


def test_nobody_gets_into_a_share_while_it_is_made_and_deleted(own_site: Site) -> None:
    """From before it exists until after it is gone: no stranger, and no user of another share.

    Nor when the process that makes, extends or deletes it is killed; with ``SHARES_CORE_TEST_EVERY_CALL`` at
    every step.
    """
    host, size = own_site.host, operations.SMALL
    its_life = [each for each in OPERATIONS if each.name in ("create share", "extend ext4", "delete share")]
    campaign = Campaign(own_site.config, its_life)
    with campaign.begun():
        server = host.servers.show(operations.SERVER).server
        with Intruder.at_work(server, operations.NEW, (operations.BOB,), operations.PASSWORD):
            for _ in range(5):
                host.shares.create(operations.SERVER, operations.NEW, size)
                host.access.allow(operations.SERVER, operations.NEW, operations.ADA)
                host.shares.extend(operations.SERVER, operations.NEW, operations.LARGE)
                host.access.deny(operations.SERVER, operations.NEW, operations.ADA)
                host.shares.delete(operations.SERVER, operations.NEW)
            wanted = campaign.kills()
            for kill in wanted if EVERY_CALL else sample(wanted, SEED):
                campaign.run(kill)


def test_many_callers_get_what_they_were_answered(own_site: Site) -> None:
    """Without deadlocks, or errors except the named conflicts; clients that write notice nothing."""
    callers = Callers(own_site.config, own_site.folder, SEED, operations=40)
    with callers.prepared():
        outcome = run(callers, own_site.namespaces, 300)
    assert (8 * 40, True) == (outcome.operations, outcome.written > 0)


def test_a_soak_leaves_no_growth(own_site: Site) -> None:
    """However often a server is made, used and deleted, nothing grows."""
    assert {} == Soak(own_site.config, own_site.folder).run(15)
