"""The machine's clock is set back, as by NTP, by a dead battery or by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import docker

from shares_core import Capacity, Secret
from tests.reliability.scene import as_it_is, as_recorded
from tests.reliability.watched import servers_kept_up
from tests.testkit.clients import SmbClient
from tests.testkit.leftovers import clean_host
from tests.testkit.probes import until
from tests.testkit.site import opened_site

SERVER, SHARE = "kept-up-0", "files"
#: Less than the time between two looks of the service.
_SECONDS = 40


@contextmanager
def set_back(seconds: float) -> Iterator[None]:
    """Until the block ends."""
    now, began = time.time(), time.monotonic()
    time.clock_settime(time.CLOCK_REALTIME, now - seconds)
    try:
        yield
    finally:
        time.clock_settime(time.CLOCK_REALTIME, now + time.monotonic() - began)


def test_a_clock_set_back_keeps_no_server_down_and_admits_nobody() -> None:
    """A password set then is valid, the former one is not; the service notices whatever ends meanwhile.

    Twice in a row, because a regular look can find at most one of the ends.
    """
    with clean_host(), opened_site() as site, servers_kept_up(site, 1) as (namespace, [(server_id, address)]):
        host = site.host

        def client(password: Secret | None) -> SmbClient:
            assert password is not None
            return SmbClient(namespace, address, "ada", password.reveal(), site.folder)

        host.shares.create(SERVER, SHARE, Capacity.parse("16MiB"))
        try:
            former = client(host.access.allow(SERVER, SHARE, "ada").password)
            assert "NT_STATUS_OK" == former.put(SHARE, "kept", b"kept").status
            with set_back(3600):
                ada = client(host.users.set_password(SERVER, "ada").password)
                assert "NT_STATUS_LOGON_FAILURE" == former.do(SHARE, "ls").status
                for _ in range(2):
                    assert b"kept" == ada.get(SHARE, "kept")
                    with closing(docker.from_env()) as api:
                        api.containers.get(f"shares-{server_id}").kill()
                    assert until(lambda: ada.do(SHARE, "ls").status == "NT_STATUS_OK", _SECONDS), (
                        site.folder / "watch.log"
                    ).read_text()
            assert b"kept" == ada.get(SHARE, "kept")
            assert "NT_STATUS_LOGON_FAILURE" == former.do(SHARE, "ls").status
            assert host.fleet.reconcile().is_empty
            assert as_recorded(site.config) == as_it_is(site.config)
        finally:
            host.shares.delete(SERVER, SHARE)
