"""Snapshots as clients find them: Previous Versions."""

from __future__ import annotations

import struct

from smbprotocol.create_contexts import CreateContextName, SMB2CreateContextRequest
from smbprotocol.open import CreateDisposition, ImpersonationLevel, Open, ShareAccess
from smbprotocol.tree import TreeConnect

from shares_core.domain.snapshots import Snapshot
from tests.integration.conftest import Tenant
from tests.testkit.clients import READ, SmbClient

_FROM_1601 = 11_644_473_600
OK = "NT_STATUS_OK"
MIB = 1 << 20


def user(tenant: Tenant, name: str, level: str = "rw", share: str = "files") -> SmbClient:
    return tenant.smb(name, tenant.site.allow(tenant.server, share, name, level))


def take(tenant: Tenant, name: str, share: str = "files") -> Snapshot:
    return tenant.site.host.snapshots.create(tenant.server, share, name).snapshot


def version(client: SmbClient, snapshot: Snapshot, path: str, share: str = "files") -> bytes | str:
    """What the client reads of the path in that snapshot, or the status that it gets."""
    got = client.get(share, f"{snapshot.token}\\{path}")
    return got if isinstance(got, bytes) else got.status


def open_version(tree: TreeConnect, name: str, snapshot: Snapshot) -> Open:
    """Open a file as it was then, as Windows does: with a timewarp context (MS-SMB2 2.2.13.2.7)."""
    context = SMB2CreateContextRequest()
    context["buffer_name"] = CreateContextName.SMB2_CREATE_TIMEWARP_TOKEN
    context["buffer_data"] = struct.pack("<Q", (snapshot.second + _FROM_1601) * 10_000_000)
    opened = Open(tree, name)
    opened.create(
        ImpersonationLevel.Impersonation,
        READ,
        0,
        ShareAccess.FILE_SHARE_READ,
        CreateDisposition.FILE_OPEN,
        0,
        create_contexts=[context],
    )
    return opened
