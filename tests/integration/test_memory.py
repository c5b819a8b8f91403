"""A full memory slows writers down and kills nobody: what a connection may hold is bounded."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest

from shares_core import Capacity, ServerSettings
from shares_core.adapters.containers.runtime import container_name
from shares_core.adapters.state.layout import Layout
from shares_core.domain.capacity import MIB
from tests.integration.conftest import Tenant, new_tenant
from tests.testkit.leftovers import ROOT
from tests.testkit.site import Site, opened_site

OK = "NT_STATUS_OK"
#: With what is shared with the first smbd, which takes 5 MiB of it. Unbounded, it is over 20 MiB.
_MOST_BYTES = 12 * MIB
_SMBD = re.compile(r"^Name:\tsmbd\[.*?^Uid:\t(\d+).*?^RssAnon:\s+(\d+) kB", re.MULTILINE | re.DOTALL)


@pytest.fixture
def small() -> Iterator[Site]:
    """A host whose servers have 128 MiB."""
    with opened_site(server=ServerSettings(memory=Capacity.parse("128MiB"))) as made:
        yield made


def _busiest(uid: int) -> int:
    """The bytes of memory that the server's largest connection has of its own."""
    sizes = [0]
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            found = _SMBD.search(path.read_text())
        except OSError:
            continue  # it ended
        if found is not None and int(found[1]) == uid:
            sizes.append(int(found[2]) << 10)
    return max(sizes)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _written(tenant: Tenant, writers: int, megabytes: int) -> None:
    """Writers at once, each a whole file; meanwhile no connection takes too much, and none is killed."""
    client = docker.from_env()
    server = tenant.site.host.servers.show(tenant.server).server
    source = ROOT / f"written-{server.id}"
    source.write_bytes(os.urandom(megabytes * MIB))
    try:
        tenant.site.host.shares.create(tenant.server, "large", Capacity((writers * megabytes + 200) * MIB))
        ada = tenant.smb("ada", tenant.site.allow(tenant.server, "large", "ada"))
        with ThreadPoolExecutor(writers) as pool:
            puts = [
                pool.submit(ada.do, "large", f"put {source} file-{number}", timeout=600)
                for number in range(writers)
            ]
            most = 0
            while not all(put.done() for put in puts):
                most = max(most, _busiest(server.uid))
        assert {OK} == {put.result().status for put in puts}
        assert 0 < most < _MOST_BYTES
        state = client.containers.get(container_name(server.id)).attrs["State"]
        assert (state["OOMKilled"], state["Running"]) == (False, True)
        share = tenant.site.host.shares.show(tenant.server, "large").share
        folder = Layout(tenant.site.config.state_dir).share(server.id, share.id) / "data"
        assert [_digest(source)] * writers == [_digest(path) for path in folder.iterdir()]
    finally:
        source.unlink()
        client.close()


def test_four_writers_at_128_mib_are_slowed_down_and_not_killed(small: Site) -> None:
    """300 MiB each."""
    with new_tenant(small) as tenant:
        _written(tenant, 4, 300)


def test_thirty_writers_at_the_default_are_not_killed(tenant: Tenant) -> None:
    """Each file arrives whole."""
    _written(tenant, 30, 32)
