"""A host that lacks Docker, the image or the pool's disk says so and changes nothing."""

from __future__ import annotations

import gc
import io
import subprocess
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

import shares_core
from shares_core import Capacity, HostNotReady
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.domain.share import ShareStatus
from tests.integration.conftest import Tenant
from tests.settings import with_docker, with_image, with_pool
from tests.testkit.footprint import everything
from tests.testkit.site import Site, opened_site

OK = "NT_STATUS_OK"
MIB64 = Capacity.parse("64MiB")


# -- Docker and the image


def test_without_docker_every_change_is_refused(tenant: Tenant) -> None:
    """With HostNotReady, before anything has changed."""
    site = tenant.site
    ada = tenant.user("ada")
    host = shares_core.open_host(with_docker(site.config, "unix:///nonexistent/docker.sock"))
    before = everything(site.config)
    changes: dict[str, Callable[[], object]] = {
        "create server": lambda: host.servers.create("late"),
        "start": lambda: host.servers.start(tenant.server),
        "stop": lambda: host.servers.stop(tenant.server),
        "delete": lambda: host.servers.delete(tenant.server, with_shares=True),
        "reconcile": host.fleet.reconcile,
        "upgrade": lambda: host.servers.upgrade(tenant.server),
        "check": lambda: host.shares.check(tenant.server, "files"),
        "create share": lambda: host.shares.create(tenant.server, "late", MIB64),
        "extend": lambda: host.shares.extend(tenant.server, "files", Capacity.parse("80MiB")),
        "delete share": lambda: host.shares.delete(tenant.server, "files"),
        "allow": lambda: host.access.allow(tenant.server, "files", "bob"),
        "deny": lambda: host.access.deny(tenant.server, "files", "ada"),
        "replace": lambda: host.access.replace(tenant.server, "files", []),
        "set password": lambda: host.users.set_password(tenant.server, "ada"),
        "remove user": lambda: host.users.remove(tenant.server, "ada"),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # docker-py leaves sockets that did not connect
        for name, change in changes.items():
            with pytest.raises(HostNotReady, match="Docker does not answer") as raised:
                change()
            assert "correct [docker] url" in raised.value.hint, name
            assert everything(site.config) == before, name
            del raised  # its traceback holds a socket
        view = host.servers.show(tenant.server)
        gc.collect()
    assert (str(view.state), "Docker does not answer" in view.problem) == ("unknown", True)
    assert ada.put("files", "after.txt", b"after").status == OK


def test_a_missing_image_is_named_with_the_command_that_builds_it(
    site: Site, remove_after: Callable[[str], str]
) -> None:
    """Without the image nothing is made, and the error says to build it."""
    site.host.servers.create(remove_after("before"))
    host = shares_core.open_host(with_image(site.config, "shares-core-none"))
    before = everything(site.config)
    with pytest.raises(HostNotReady, match="the image shares-core-none is missing") as raised:
        host.servers.create("late")
    assert raised.value.remedy == Remedy.of(Call(UseCase.BUILD_IMAGE))
    assert everything(site.config) == before
    site.host.servers.create(remove_after("after"))


@pytest.fixture
def stale_image() -> Iterator[str]:
    """An image whose label names another recipe."""
    name = f"sctest-stale-{uuid.uuid4().hex[:8]}"
    recipe = b"FROM shares-core-samba\nLABEL shares-core.recipe=000000000000\n"
    client = docker.from_env()
    try:
        client.images.build(fileobj=io.BytesIO(recipe), tag=name, rm=True)
        yield name
    finally:
        client.images.remove(name, force=True)
        client.close()


def test_a_stale_image_makes_no_new_server_and_still_starts_old_ones(
    site: Site, stale_image: str, remove_after: Callable[[str], str]
) -> None:
    """A stale image is named; no new server is made from it, but existing ones come up again."""
    site.host.servers.create(remove_after("old"))
    host = shares_core.open_host(with_image(site.config, stale_image))
    before = everything(site.config)
    with pytest.raises(HostNotReady, match=f"{stale_image} was built from recipe 000000000000") as raised:
        host.servers.create("late")
    assert raised.value.remedy == Remedy.of(Call(UseCase.BUILD_IMAGE))
    assert everything(site.config) == before
    host.servers.stop("old")
    assert str(host.servers.start("old").state) == "running"
    site.host.servers.stop("old")  # so that it is made again from the current image
    assert str(site.host.servers.start("old").state) == "running"
    site.host.servers.create(remove_after("new"))


# -- a missing pool


def test_an_unmounted_pool_is_reported_and_its_bare_folder_stays_empty() -> None:
    """A pool with an unmounted disk is not an empty pool: nothing is made in its folder, nothing is lost."""
    with opened_site() as outer:
        disk, pool = outer.folder / "disk", outer.folder / "pool"
        disk.mkdir()
        pool.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", disk], check=True)
        subprocess.run(["mount", "--bind", disk, pool], check=True)
        site = evolve_site(outer, pool)
        site.host.servers.create("kept")
        site.host.shares.create("kept", "files", MIB64)
        address = str(site.host.servers.show("kept").server.interfaces[0].addresses[0].ip)
        password = site.allow("kept", "files", "ada")
        client = outer.client_on(str(site.config.network.bridge), f"{site.config.network.subnet[200]}/24")
        ada = site.smb(client, address, "ada", password)
        assert ada.put("files", "kept.txt", b"kept").status == OK
        site.host.servers.stop("kept")
        subprocess.run(["umount", pool], check=True)

        for refused in (
            lambda: site.host.shares.create("kept", "late", MIB64),
            lambda: site.host.shares.delete("kept", "files"),
            lambda: site.host.servers.delete("kept", with_shares=True),
            site.host.pool.show,
        ):
            with pytest.raises(
                HostNotReady, match=f"{pool} is not the pool default of this installation"
            ) as raised:
                refused()
            assert raised.value.hint
            assert list(pool.iterdir()) == []
        site.host.servers.start("kept")
        assert ada.do("files", "ls").status == "NT_STATUS_BAD_NETWORK_NAME"
        assert site.host.servers.show("kept").server.share("files").status is ShareStatus.FAILED
        assert "files" in site.host.servers.show("kept").problem
        assert list(pool.iterdir()) == []

        subprocess.run(["mount", "--bind", disk, pool], check=True)
        assert all(view.problem == "" for view in site.host.fleet.reconcile().servers)
        assert ada.get("files", "kept.txt") == b"kept"
        site.host.servers.delete("kept", with_shares=True)


def evolve_site(outer: Site, pool: Path) -> Site:
    """The same site with another place for its pool."""
    config = with_pool(outer.config, dir=pool, size=Capacity.parse("256MiB"))
    return Site(shares_core.open_host(config), config, outer.folder)
