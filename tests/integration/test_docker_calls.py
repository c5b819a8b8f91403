"""What the use cases run inside containers, as Docker itself reports it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import docker
import pytest

from shares_core import AccessLevel, Capacity
from tests.integration.conftest import Tenant
from tests.integration.support.intruder import Intruder, intruder_in


@pytest.fixture
def intruder(tenant: Tenant) -> Iterator[Intruder]:
    with intruder_in(tenant.site, tenant.server) as inside:
        yield inside


def commands_run(container: str, use_case: Callable[[], object]) -> int:
    """How many commands run inside the container during the use case."""
    client = docker.from_env()
    try:
        began = time.time()
        use_case()
        filters = {"container": container, "event": "exec_create"}
        return len(list(client.api.events(since=f"{began:.9f}", until=f"{time.time():.9f}", filters=filters)))
    finally:
        client.close()


def test_no_use_case_runs_a_command_inside(tenant: Tenant, intruder: Intruder) -> None:
    """Shares and users only need a signal to the container; ending and counting connections asks its agent.

    Without an agent, as in an older release's container, it takes one command.
    """
    host = tenant.site.host

    def allow(level: AccessLevel) -> Callable[[], object]:
        return lambda: host.access.allow(tenant.server, "new", "ada", level)

    def run_by(use_case: Callable[[], object]) -> int:
        return commands_run(intruder.name, use_case)

    assert run_by(lambda: host.shares.create(tenant.server, "new", Capacity.parse("16MiB"))) == 0
    for expected in (0, 1):
        assert run_by(allow(AccessLevel.READ_ONLY)) == 0
        assert run_by(allow(AccessLevel.READ_WRITE)) == expected  # it counts who keeps the former level
        assert run_by(lambda: host.access.deny(tenant.server, "new", "ada")) == expected
        assert run_by(lambda: host.users.set_password(tenant.server, "ada")) == expected
        if expected == 0:
            intruder.kill_agent()
    assert run_by(lambda: host.shares.delete(tenant.server, "new")) == 1
