"""The attackers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.conftest import Tenant
from tests.integration.support.intruder import Intruder, intruder_in


@pytest.fixture
def intruder(tenant: Tenant) -> Iterator[Intruder]:
    """An intruder inside the tenant's server."""
    with intruder_in(tenant.site, tenant.server) as inside:
        yield inside
