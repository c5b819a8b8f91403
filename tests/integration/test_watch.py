"""The service keeps servers up: a server that ends comes back by itself."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import docker
import pytest
from docker.models.containers import Container

from shares_core import Capacity, DockerSettings
from shares_core.domain.views import RunState
from tests.integration.conftest import Tenant
from tests.integration.support.own_docker import OwnDocker, own_docker
from tests.integration.support.previous_versions import version
from tests.reliability.watched import watching
from tests.testkit.clients import ClientNamespace, SmbClient
from tests.testkit.probes import until
from tests.testkit.site import Site, opened_site

OK = "NT_STATUS_OK"
#: It takes about one; a busy machine may take longer.
_SECONDS = 30
#: The kernel removes an interface a moment after its container: an earlier look finds that all is well, and
#: the look of every minute notices it.
_LOOK_SECONDS = 90


def told(site: Site) -> str:
    return (site.folder / "watch.log").read_text()


@contextmanager
def container(tenant: Tenant) -> Iterator[Container]:
    """The server's container, from Docker itself."""
    with closing(docker.from_env()) as client:
        yield client.containers.get(f"shares-{tenant.server_id}")


def runs(tenant: Tenant) -> bool:
    with container(tenant) as found:
        return bool(found.status == "running")


def another_runs(tenant: Tenant, former: Container) -> bool:
    """Whether another container runs; for a moment there is none."""
    with suppress(docker.errors.NotFound), container(tenant) as found:
        return bool(found.id != former.id and found.status == "running")
    return False


def repairs(site: Site) -> int:
    """How many times the service has completely brought something back."""
    return sum(line.startswith("repaired: ") for line in told(site).splitlines())


def seconds_down(tenant: Tenant) -> float:
    """How long a server has no container after its own is killed.

    Waits until it is completely back: an end during a repair would count as another failure.
    """
    earlier = repairs(tenant.site)
    with container(tenant) as former:
        began = time.monotonic()
        former.kill()
    assert until(lambda: another_runs(tenant, former), _SECONDS), told(tenant.site)
    waited = time.monotonic() - began
    assert until(lambda: repairs(tenant.site) > earlier, _SECONDS), told(tenant.site)
    return waited


def serves(ada: SmbClient) -> bool:
    return ada.do("files", "ls").status == OK


@pytest.fixture
def ada(tenant: Tenant) -> SmbClient:
    return tenant.user("ada")


def smbd_crashes(found: Container) -> None:
    """Kill the first process of the container, whose end ends all others."""
    processes = found.top(ps_args="-eo pid,comm")["Processes"]
    pids = [int(process[0]) for process in processes if "smbd" in process[1]]
    subprocess.run(("kill", "-SEGV", str(min(pids))), check=True)


SHOCKS: dict[str, Callable[[Container], object]] = {
    "smbd crashes": smbd_crashes,
    "docker kill": lambda found: found.kill(),
    "docker restart": lambda found: found.restart(timeout=1),
    "docker rm": lambda found: found.remove(force=True),
}


@pytest.mark.parametrize("shock", SHOCKS)
def test_a_server_that_ends_is_back(tenant: Tenant, ada: SmbClient, shock: str) -> None:
    """By itself, with its address and its data, and the service says so."""
    assert ada.put("files", "kept", b"kept").status == OK
    with watching(tenant.site):
        assert until(lambda: runs(tenant) and serves(ada), _SECONDS)
        with container(tenant) as found:
            SHOCKS[shock](found)
        seconds = _LOOK_SECONDS if shock == "docker restart" else _SECONDS
        assert until(lambda: repairs(tenant.site) > 0, seconds), told(tenant.site)
        assert until(lambda: serves(ada), _SECONDS), told(tenant.site)
        assert b"kept" == ada.get("files", "kept")


def test_a_server_that_keeps_ending_is_brought_back_ever_later(tenant: Tenant) -> None:
    """At once, then after 1, 2 and 4 seconds, so that it does not keep the host busy."""
    with watching(tenant.site):
        waits = [seconds_down(tenant) for _ in range(4)]
    assert [True] * 4 == [waited >= least for waited, least in zip(waits, (0, 1, 2, 4), strict=True)], waits


def test_it_brings_back_what_was_down_at_its_start_and_leaves_what_was_stopped(
    tenant: Tenant, ada: SmbClient
) -> None:
    """Like at a boot."""
    site = tenant.site
    site.host.servers.create("resting")
    site.host.servers.stop("resting")
    try:
        with container(tenant) as found:
            found.kill()
        with watching(site):
            assert until(lambda: serves(ada), _SECONDS), told(site)
        assert RunState.STOPPED is site.host.servers.show("resting").state
        assert "resting" not in told(site)  # it has ended orderly: nothing is under way any more
    finally:
        site.host.servers.delete("resting")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnDocker]:
    with own_docker(tmp_path_factory.mktemp("docker"), "shares-core-samba") as made:
        yield made


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_servers_come_back_after_a_restart_of_docker(own: OwnDocker, how: str) -> None:
    """Whether it ended orderly or not."""
    with opened_site(docker=DockerSettings(url=own.url)) as site:
        interface = site.host.servers.create("tenant").server.interfaces[0]
        site.host.shares.create("tenant", "files", Capacity.parse("16MiB"))
        password = site.allow("tenant", "files", "ada")
        site.namespaces.append(namespace := ClientNamespace.beside(interface))
        ada = site.smb(namespace, str(interface.addresses[0].ip), "ada", password)
        assert ada.put("files", "kept", b"then").status == OK
        snapshot = site.host.snapshots.create("tenant", "files", copy=True).snapshot
        assert ada.put("files", "kept", b"kept").status == OK
        with watching(site):
            getattr(own, how)()
            assert until(lambda: "cannot watch" in told(site), _SECONDS), told(site)
            own.start()
            assert until(lambda: site.host.fleet.reconcile(dry_run=True).is_empty, _SECONDS), told(site)
            assert until(lambda: serves(ada), _SECONDS), told(site)
            assert b"kept" == ada.get("files", "kept")
            assert until(lambda: b"then" == version(ada, snapshot, "kept"), _SECONDS)
        site.host.servers.delete("tenant", with_shares=True)
