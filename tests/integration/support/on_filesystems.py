"""A share on each kind of file system, for what depends on it."""

from __future__ import annotations

import pytest

from shares_core import FileSystemKind
from tests.integration.conftest import Tenant
from tests.testkit.clients import SmbClient

SHARE = "share"
on_each = pytest.mark.parametrize("kind", FileSystemKind)


def new_share(tenant: Tenant, kind: FileSystemKind, *users: str) -> list[SmbClient]:
    """Make ``SHARE`` on that file system; returns a client for each of the users, who may write."""
    tenant.site.host.shares.create(tenant.server, SHARE, kind.smallest, kind)
    return [tenant.smb(user, tenant.site.allow(tenant.server, SHARE, user)) for user in users]
