"""Shares that run out of space or files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from shares_core.domain.errors import SharesError
from shares_core.domain.server import ShareServer
from shares_core.domain.views import NearlyFull
from shares_core.ports.filesystems import FileSystems


def nearly_full(filesystems: FileSystems, servers: Iterable[ShareServer]) -> Iterator[NearlyFull]:
    """The mounted shares that do. Raises no expected error: one that cannot be measured is not among them."""
    for server in servers:
        for share in server.shares:
            with suppress(SharesError):
                usage = filesystems.usage(server.id, share.id)
                if usage is not None and usage.running_out:
                    yield NearlyFull(str(server.name), str(share.name), usage.running_out)
