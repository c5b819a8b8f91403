"""What the use cases run inside containers, as Docker itself reports it."""

from __future__ import annotations

import time
from collections.abc import Callable

import docker

from shares_core import AccessLevel, Capacity
from tests.integration.conftest import Tenant


def commands_run(container: str, use_case: Callable[[], object]) -> int:
    """How many commands are run inside the container while the use case lasts."""
    client = docker.from_env()
    try:
        began = time.time()
        use_case()
        filters = {"container": container, "event": "exec_create"}
        return len(list(client.api.events(since=f"{began:.9f}", until=f"{time.time():.9f}", filters=filters)))
    finally:
        client.close()


def test_only_ending_connections_runs_a_command_inside(tenant: Tenant) -> None:
    """Making a share and letting users in needs nothing of the container but a signal; denying one does."""
    host = tenant.site.host
    container = f"shares-{host.servers.show(tenant.server).server.id}"

    def allow(level: AccessLevel) -> Callable[[], object]:
        return lambda: host.access.allow(tenant.server, "new", "ada", level)

    def run_by(use_case: Callable[[], object]) -> int:
        return commands_run(container, use_case)

    assert run_by(lambda: host.shares.create(tenant.server, "new", Capacity.parse("16MiB"))) == 0
    assert run_by(allow(AccessLevel.READ_ONLY)) == 0
    assert run_by(allow(AccessLevel.READ_WRITE)) == 0
    assert run_by(lambda: host.access.deny(tenant.server, "new", "ada")) > 0
    host.shares.delete(tenant.server, "new")
