"""A sample of the campaigns of ``./dev reliability``, chosen by a seed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from random import Random

import docker
import pytest

from shares_core import AccessLevel, AccessRule, Host
from shares_core.domain.views import RunState, ServerView
from tests.integration.conftest import Site, opened_site
from tests.reliability import kills
from tests.reliability.callers import Callers, run
from tests.reliability.intruding import Intruder
from tests.reliability.kills import MOMENTS, OPERATIONS, Campaign, Kill, Operation
from tests.reliability.soak import Soak

SEED = 20261127
EVERY_CALL = "SHARES_CORE_TEST_EVERY_CALL" in os.environ


@pytest.fixture
def own_site() -> Iterator[Site]:
    with opened_site() as site:
        yield site


def sample(found: list[Kill], seed: int) -> list[Kill]:
    """Of each operation one before, one in and one after a call."""
    random = Random(seed)
    return [
        random.choice([kill for kill in found if (kill.operation, kill.moment) == (operation.name, moment)])
        for operation in OPERATIONS
        for moment in MOMENTS
    ]


def test_a_process_that_is_killed_at_any_step_leaves_nothing_half_done(own_site: Site) -> None:
    """After one reconcile; and nobody gets in meanwhile who may not."""
    campaign = Campaign(own_site.config)
    with campaign.begun():
        for kill in sample(campaign.kills(), SEED):
            campaign.run(kill)


def start_another(host: Host) -> None:
    for view in host.servers.list():
        if isinstance(view, ServerView) and str(view.server.name) == "another":
            host.servers.delete("another", with_shares=True)
    host.servers.create("another")
    host.shares.create("another", "files", kills.SMALL)


def stop_another(host: Host) -> None:
    start_another(host)
    host.servers.stop("another")


def state(host: Host) -> RunState:
    return host.servers.show("another").state


def has_carl(host: Host) -> bool:
    return kills.CARL in [str(account.name) for account in host.users.list(kills.SERVER)]


def let_carl_in(host: Host) -> None:
    host.access.allow(kills.SERVER, kills.KEPT, kills.CARL, AccessLevel.READ_ONLY, kills.PASSWORD)


def let_ada_write_without_carl(host: Host) -> None:
    host.access.allow(kills.SERVER, kills.KEPT, kills.ADA, AccessLevel.READ_WRITE)
    if has_carl(host):
        host.users.remove(kills.SERVER, kills.CARL)


def ada_is_in(host: Host) -> bool:
    rules = host.access.list(kills.SERVER, kills.KEPT)
    return kills.ADA in [str(rule.principal.name) for rule in rules]


def end_container(host: Host) -> None:
    with closing(docker.from_env()) as client:
        client.api.remove_container(f"shares-{host.servers.show(kills.SERVER).server.id}", force=True)


def always(host: Host) -> bool:
    return True


#: What people and the service do beside what Manila asks for.
FURTHER = (
    Operation(
        "stop", lambda h: h.servers.stop("another"), start_another, lambda h: state(h) is RunState.STOPPED
    ),
    Operation(
        "start", lambda h: h.servers.start("another"), stop_another, lambda h: state(h) is RunState.RUNNING
    ),
    Operation(
        "remove a user",
        lambda h: h.users.remove(kills.SERVER, kills.CARL),
        let_carl_in,
        lambda h: not has_carl(h),
    ),
    Operation(
        "set a password",
        lambda h: h.users.set_password(kills.SERVER, kills.ADA, kills.PASSWORD),
        lambda h: None,
        always,
    ),
    Operation("check", lambda h: h.shares.check(kills.SERVER, kills.KEPT), lambda h: None, always),
    Operation("reconcile", lambda h: h.fleet.reconcile(), end_container, always),
    Operation(
        "replace the rules",
        lambda h: h.access.replace(
            kills.SERVER,
            kills.KEPT,
            [AccessRule.for_user(kills.BOB, "ro"), AccessRule.for_user(kills.CARL, "ro")],
            passwords={kills.CARL: kills.PASSWORD},
        ),
        let_ada_write_without_carl,
        lambda h: not ada_is_in(h),  # what is taken away goes first, and what is given may be undone
        narrows=True,
    ),
)


@pytest.mark.parametrize("operation", FURTHER, ids=lambda operation: str(operation.name))
def test_nor_does_what_a_person_or_the_service_does(
    own_site: Site, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three kills of each; with ``SHARES_CORE_TEST_EVERY_CALL`` all that there are."""
    monkeypatch.setattr(kills, "OPERATIONS", (operation,))
    campaign = Campaign(own_site.config)
    with campaign.begun():
        wanted = campaign.kills()
        chosen = wanted if EVERY_CALL else Random(SEED).sample(wanted, len(MOMENTS))
        for kill in chosen:
            campaign.run(kill)


def test_nobody_gets_into_a_share_while_it_comes_and_goes(own_site: Site) -> None:
    """From before it is there until after it is gone: no stranger, and nobody whom another share knows."""
    host, size = own_site.host, kills.SMALL
    with Campaign(own_site.config).begun():
        server = host.servers.show(kills.SERVER).server
        with Intruder.at_work(server, kills.NEW, (kills.BOB,), kills.PASSWORD):
            for _ in range(5):
                host.shares.create(kills.SERVER, kills.NEW, size)
                host.access.allow(kills.SERVER, kills.NEW, kills.ADA)
                host.shares.extend(kills.SERVER, kills.NEW, kills.LARGE)
                host.access.deny(kills.SERVER, kills.NEW, kills.ADA)
                host.shares.delete(kills.SERVER, kills.NEW)


def test_many_callers_come_to_what_was_answered(own_site: Site) -> None:
    """No deadlock, no error but the named conflicts; clients that write meanwhile notice nothing."""
    callers = Callers(own_site.config, own_site.folder, SEED, operations=40)
    with callers.prepared():
        outcome = run(callers, own_site.namespaces, 300)
    assert (8 * 40, True) == (outcome.operations, outcome.written > 0)


def test_nothing_grows(own_site: Site) -> None:
    """However often a server is made, used and deleted."""
    assert {} == Soak(own_site.config, own_site.folder).run(15)
