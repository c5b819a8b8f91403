"""An extension that may disconnect nobody: it grows online, or is refused and changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shares_core import Capacity, Conflict
from shares_core.domain.views import ExtendWay
from tests.integration.conftest import Tenant
from tests.integration.support.held import Held
from tests.integration.test_capacity import expected_way, seen_by
from tests.testkit.probes import until

OK = "NT_STATUS_OK"
LARGER = Capacity.parse("96MiB")


def test_an_extension_that_may_disconnect_nobody_disconnects_nobody(
    tenant: Tenant, hold: Callable[..., Held]
) -> None:
    """On an ext4, which some kernels grow only unmounted; without the condition it grows all the same."""
    host, ada = tenant.site.host, tenant.user("ada")
    held, before = hold(ada), host.shares.show(tenant.server, "files")
    way = expected_way(before.share.filesystem.kind)
    if way is ExtendWay.ONLINE:
        host.shares.extend(tenant.server, "files", LARGER, online_only=True)
    else:
        with pytest.raises(Conflict, match="cannot grow while clients use it"):
            host.shares.extend(tenant.server, "files", LARGER, online_only=True)
        assert host.shares.show(tenant.server, "files") == before
    assert held.write == OK
    assert host.fleet.reconcile().is_empty
    host.shares.extend(tenant.server, "files", LARGER)
    assert until(lambda: seen_by(ada, "files") > 80 << 20)
