"""Servers stop, die, lose their host's objects or their disks, and come back with the same data."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest
from attrs import frozen

from shares_core import Capacity, FileSystemKind, NotEmpty, NotFound, ShareFailed, bootstrap
from shares_core.domain.server import DesiredState
from shares_core.domain.share import ShareStatus
from shares_core.domain.views import RunState
from tests.integration.conftest import Tenant
from tests.integration.support.wire import ip, link, namespace_of, port
from tests.settings import folder_of
from tests.testkit.clients import ClientNamespace, SmbClient
from tests.testkit.footprint import (
    containers_of,
    devices,
    footprint,
    image_of,
    loops_below,
    mounts_below,
    tables,
)
from tests.testkit.probes import until
from tests.testkit.site import Site, opened_site

OK = "NT_STATUS_OK"
NO_SHARE = "NT_STATUS_BAD_NETWORK_NAME"
CONTENT = b"what is kept" * 1000


@pytest.fixture
def ada(tenant: Tenant) -> SmbClient:
    """A user who has written ``kept.txt``."""
    user = tenant.user("ada")
    assert user.put("files", "kept.txt", CONTENT).status == OK
    return user


def installation(site: Site) -> str:
    return str(json.loads((site.config.state_dir / "installation.json").read_bytes())["id"])


def behind_its_back(site: Site, action: str, server: str, **options: object) -> None:
    """Change a server's container through Docker, without the library."""
    server_id = site.host.servers.show(server).server.id
    client = docker.from_env()
    try:
        getattr(client.containers.get(f"shares-{server_id}"), action)(**options)
    finally:
        client.close()


def reconciled(site: Site, server: str) -> str:
    """Reconcile. Returns the server's view."""
    views = site.host.fleet.reconcile().servers
    return next((view.problem for view in views if view.name == server), "")


# -- stop, start, kill


def test_a_stopped_server_serves_nobody_and_the_same_data_after_a_start(
    tenant: Tenant, ada: SmbClient
) -> None:
    """A stop ends serving and unmounts; reconcile leaves it stopped; a start serves the same data."""
    site = tenant.site
    view = site.host.servers.stop(tenant.server)
    assert (view.state, view.problem, view.server.desired) == (RunState.STOPPED, "", DesiredState.STOPPED)
    assert not tenant.namespace.reaches(tenant.address, seconds=1)
    server = view.server
    assert [mount for mount in mounts_below(site.config.state_dir) if f"{server.id}/" in mount] == []
    assert str(image_of(site.config, server, "files")) not in loops_below(folder_of(site.config))
    assert reconciled(site, tenant.server) == ""
    assert not tenant.namespace.reaches(tenant.address, seconds=1)
    assert site.host.servers.stop(tenant.server).problem == ""  # once more changes nothing
    started = site.host.servers.start(tenant.server)
    assert (started.state, started.problem) == (RunState.RUNNING, "")
    assert ada.get("files", "kept.txt") == CONTENT
    assert site.host.servers.start(tenant.server).server == started.server
    assert ada.get("files", "kept.txt") == CONTENT


def test_work_on_a_stopped_server_is_served_after_its_start(tenant: Tenant, ada: SmbClient) -> None:
    """Shares, rules and sizes of a stopped server change in its record, and take effect when it starts."""
    site = tenant.site
    site.host.servers.stop(tenant.server)
    site.host.shares.create(tenant.server, "more", Capacity.parse("16MiB"))
    bob = tenant.smb("bob", site.allow(tenant.server, "more", "bob"))
    site.host.access.deny(tenant.server, "files", "ada")
    site.host.access.allow(tenant.server, "more", "ada")
    site.host.shares.extend(tenant.server, "files", Capacity.parse("96MiB"))
    assert loops_below(folder_of(site.config)) == []
    site.host.servers.start(tenant.server)
    assert bob.put("more", "x.txt", b"x").status == OK
    assert ada.get("more", "x.txt") == b"x"
    assert ada.do("files", "ls").status == NO_SHARE  # no rule, no section
    site.host.access.allow(tenant.server, "files", "ada")
    assert ada.get("files", "kept.txt") == CONTENT
    usage = site.host.shares.show(tenant.server, "files").usage
    assert usage is not None
    assert usage.total > Capacity.parse("80MiB").bytes


def test_a_killed_container_is_noticed_and_comes_back(tenant: Tenant, ada: SmbClient) -> None:
    """After a ``docker kill`` show says that the server does not run, and reconcile serves the same data."""
    site = tenant.site
    assert ada.get("files", "kept.txt") == CONTENT
    behind_its_back(site, "kill", tenant.server)
    assert until(lambda: site.host.servers.show(tenant.server).state is RunState.STOPPED)
    assert "it should run but does not" in site.host.servers.show(tenant.server).problem
    assert not tenant.namespace.reaches(tenant.address, seconds=1)
    assert reconciled(site, tenant.server) == ""
    view = site.host.servers.show(tenant.server)
    assert (view.state, view.problem) == (RunState.RUNNING, "")
    assert ada.get("files", "kept.txt") == CONTENT
    assert ada.put("files", "more.txt", b"more").status == OK


def test_a_container_that_docker_is_already_removing_or_making_is_awaited(
    tenant: Tenant, ada: SmbClient
) -> None:
    """A killed caller had asked for it: Docker says that it is in progress, or that the name is taken."""
    site = tenant.site
    server_id = site.host.servers.show(tenant.server).server.id
    uid = site.host.servers.show(tenant.server).server.uid
    runtimes = [bootstrap.ports(site.config).runtime for _ in range(6)]
    with ThreadPoolExecutor(len(runtimes)) as at_once:
        for _ in range(3):
            list(at_once.map(lambda runtime: runtime.remove(server_id), runtimes))
            assert containers_of(installation(site)) == []
            list(at_once.map(lambda runtime: runtime.ensure(server_id, uid), runtimes))
            assert len(containers_of(installation(site))) == 1
    assert reconciled(site, tenant.server) == ""
    assert ada.get("files", "kept.txt") == CONTENT


def test_a_container_restarted_by_docker_gets_its_interface_back(tenant: Tenant, ada: SmbClient) -> None:
    """A restart by Docker loses the interface; show says so, and reconcile plugs it again."""
    site = tenant.site
    behind_its_back(site, "restart", tenant.server, timeout=5)
    # The kernel removes what was in the former network namespace only later.
    assert until(lambda: "an interface is not attached" in site.host.servers.show(tenant.server).problem)
    assert not tenant.namespace.reaches(tenant.address, seconds=1)
    assert reconciled(site, tenant.server) == ""
    assert site.host.servers.show(tenant.server).problem == ""
    assert ada.get("files", "kept.txt") == CONTENT


def test_a_removed_interface_is_plugged_in_again(tenant: Tenant, ada: SmbClient) -> None:
    """Show reports a deleted port, and reconcile restores it without a restart."""
    site = tenant.site
    server = site.host.servers.show(tenant.server).server
    inspected = containers_of(installation(site))
    subprocess.run(["ip", "link", "delete", port(server)], check=True)
    assert "an interface is not attached" in site.host.servers.show(tenant.server).problem
    assert reconciled(site, tenant.server) == ""
    assert ada.get("files", "kept.txt") == CONTENT
    assert containers_of(installation(site)) == inspected


# -- a reboot


def reboot(site: Site) -> None:
    """Remove all that a reboot removes: containers, mounts, loop devices, devices, filters."""
    mark = installation(site)
    there = devices(mark)
    client = docker.from_env()
    try:
        for container in containers_of(mark):
            client.api.remove_container(container, force=True, v=True)
    finally:
        client.close()
    for target in sorted(mounts_below(site.config.state_dir), key=len, reverse=True):
        assert until(lambda target=target: subprocess.run(["umount", target], check=False).returncode == 0)  # type: ignore[misc]
    for image in loops_below(site.config.state_dir):
        device = subprocess.run(
            ["losetup", "--noheadings", "--output", "NAME", "--associated", image],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        subprocess.run(["losetup", "--detach", device], check=True)
    assert until(lambda: loops_below(site.config.state_dir) == [])
    for device in there:  # ports have gone with their containers
        subprocess.run(["ip", "link", "delete", device], check=False, capture_output=True)
        subprocess.run(["nft", "delete", "table", "netdev", f"shares-{device}"], check=True)
    assert devices(mark) == []


@frozen
class Fleet:
    """Three servers of a site, two that run and one that is stopped, each with a user and data."""

    site: Site
    addresses: dict[str, str]
    passwords: dict[str, str]

    @classmethod
    def opened(cls, site: Site) -> Fleet:
        """Make the servers and the shares, without a client yet."""
        made = cls(site, {}, {})
        for name, kind, size in (
            ("first", FileSystemKind.EXT4, "32MiB"),
            ("second", FileSystemKind.XFS, "320MiB"),
            ("asleep", FileSystemKind.EXT4, "32MiB"),
        ):
            server = site.host.servers.create(name).server
            site.host.shares.create(name, "files", Capacity.parse(size), kind)
            made.addresses[name] = str(server.interfaces[0].addresses[0].ip)
            made.passwords[name] = site.allow(name, "files", f"user-{name}")
        return made

    def client(self) -> ClientNamespace:
        network = self.site.config.network
        return self.site.client_on(str(network.bridge), f"{network.subnet[200]}/24")

    def user(self, client: ClientNamespace, name: str) -> SmbClient:
        return self.site.smb(client, self.addresses[name], f"user-{name}", self.passwords[name])

    def macs(self) -> dict[str, str]:
        """The MACs of running servers' interfaces, as the servers see them."""
        spaces = {name: namespace_of(self.site, name) for name in ("first", "second")}
        return {
            name: ip("link", "show", "eth0", namespace=space)[0]["address"] for name, space in spaces.items()
        }

    def is_gone(self) -> None:
        """Check that running servers are absent and have a problem, and stopped ones have none."""
        shown = {name: self.site.host.servers.show(name) for name in self.addresses}
        assert {name: view.state for name, view in shown.items()} == {
            "first": RunState.ABSENT,
            "second": RunState.ABSENT,
            "asleep": RunState.STOPPED,
        }
        assert {name for name, view in shown.items() if view.problem} == {"first", "second"}

    def serves_again(self) -> None:
        """Check that running servers serve their data and accept more, and stopped ones do once started."""
        client = self.client()
        for name in ("first", "second"):
            user = self.user(client, name)
            assert user.get("files", "kept.txt") == name.encode() + CONTENT
            assert user.put("files", "more.txt", b"more").status == OK
        assert not client.reaches(self.addresses["asleep"], seconds=1)
        self.site.host.servers.start("asleep")
        assert self.user(client, "asleep").get("files", "kept.txt") == b"asleep" + CONTENT


def test_reconcile_brings_everything_back_after_a_reboot() -> None:
    """After a reboot every server that ran serves its data again, filters too; a stopped one stays so."""
    with opened_site() as site:
        fleet = Fleet.opened(site)
        client = fleet.client()
        for name in fleet.addresses:
            assert fleet.user(client, name).put("files", "kept.txt", name.encode() + CONTENT).status == OK
        site.host.servers.stop("asleep")
        before, filters, macs = footprint(site.config), tables(), fleet.macs()

        reboot(site)
        fleet.is_gone()
        site.namespaces.remove(client)
        client.remove()
        assert [(view.name, view.problem) for view in site.host.fleet.reconcile().servers] == [
            (name, "") for name in sorted(fleet.addresses) if name != "asleep"
        ]
        after = footprint(site.config)
        assert {k: v for k, v in after.items() if k != "containers"} == {
            k: v for k, v in before.items() if k != "containers"
        }
        assert len(after["containers"]) == len(before["containers"])
        assert (tables(), fleet.macs()) == (filters, macs)

        fleet.serves_again()
        again = footprint(site.config)
        site.host.fleet.reconcile()
        assert footprint(site.config) == again  # twice is once


# -- volumes that are not what they should be


@frozen
class TwoShares:
    """A stopped server with two shares, both with data, and the file of the first one's volume."""

    tenant: Tenant
    ada: SmbClient
    image: Path
    aside: Path

    def start(self) -> None:
        self.tenant.site.host.servers.start(self.tenant.server)

    def is_failed(self) -> None:
        """Check that the first share has failed and is not served, and the second one is."""
        host, server = self.tenant.site.host, self.tenant.server
        view = host.servers.show(server)
        share = view.server.share("files")
        assert (share.status, bool(share.reason)) == (ShareStatus.FAILED, True)
        assert "files" in view.problem
        reconciled = next(each for each in host.fleet.reconcile().servers if each.name == server)
        assert (reconciled.problem, reconciled.failed_shares) == ("", ("files",))
        assert self.ada.do("files", "ls").status == NO_SHARE
        assert self.ada.get("other", "kept.txt") == CONTENT
        for refused in (
            lambda: host.shares.extend(server, "files", Capacity.parse("96MiB")),
            lambda: host.access.allow(server, "files", "bob"),
        ):
            with pytest.raises(ShareFailed, match="share 'files' is failed"):
                refused()

    def is_well(self) -> None:
        """Check that reconcile serves both again, with their data."""
        views = self.tenant.site.host.fleet.reconcile().servers
        mended = [each for each in views if each.name == self.tenant.server]  # none if it was started
        assert not [each for each in mended if each.problem or each.failed_shares]
        assert self.tenant.site.host.servers.show(self.tenant.server).problem == ""
        for share in ("files", "other"):
            assert self.ada.get(share, "kept.txt") == CONTENT


@pytest.fixture
def two(tenant: Tenant, ada: SmbClient) -> Iterator[TwoShares]:
    site = tenant.site
    site.host.shares.create(tenant.server, "other", Capacity.parse("32MiB"))
    site.host.access.allow(tenant.server, "other", "ada")
    assert ada.put("other", "kept.txt", CONTENT).status == OK
    server = site.host.servers.stop(tenant.server).server
    image = image_of(site.config, server, "files")
    aside = site.folder / f"aside-{uuid.uuid4().hex[:8]}"
    image.rename(aside)
    yield TwoShares(tenant, ada, image, aside)
    aside.unlink(missing_ok=True)


def test_a_share_with_a_missing_volume_fails_and_is_never_made_again(two: TwoShares) -> None:
    """A missing volume fails only its own share; once restored, it is served again."""
    two.start()
    two.is_failed()
    assert not two.image.exists()
    two.aside.rename(two.image)
    two.is_well()


@pytest.mark.parametrize("what", ["another ext4", "an empty file", "a clone of a neighbour"])
def test_another_volume_in_its_place_is_not_served_and_not_touched(two: TwoShares, what: str) -> None:
    """Anything but exactly this share's file system is not served, formatted or repaired."""
    subprocess.run(["truncate", "--size=64M", two.image], check=True)
    if what == "another ext4":
        subprocess.run(["mkfs.ext4", "-q", two.image], check=True)
    elif what == "a clone of a neighbour":
        server = two.tenant.site.host.servers.show(two.tenant.server).server
        shutil.copyfile(image_of(two.tenant.site.config, server, "other"), two.image)
    before = hashlib.sha256(two.image.read_bytes()).hexdigest()
    two.start()
    two.is_failed()
    assert hashlib.sha256(two.image.read_bytes()).hexdigest() == before
    two.tenant.site.host.servers.stop(two.tenant.server)
    two.image.unlink()
    two.aside.rename(two.image)
    two.start()
    two.is_well()


def test_a_failed_share_can_be_deleted(two: TwoShares) -> None:
    """A share whose volume is lost for good can be deleted; the others are not touched."""
    two.start()
    two.is_failed()
    two.tenant.site.host.shares.delete(two.tenant.server, "files")
    assert two.ada.get("other", "kept.txt") == CONTENT
    two.tenant.site.host.shares.create(two.tenant.server, "files", Capacity.parse("32MiB"))
    two.tenant.site.host.access.allow(two.tenant.server, "files", "ada")
    assert two.ada.do("files", "get kept.txt /dev/null").status == "NT_STATUS_OBJECT_NAME_NOT_FOUND"


# -- delete


def test_deleting_a_server_with_shares_needs_an_explicit_request(tenant: Tenant, ada: SmbClient) -> None:
    """A server with shares is not deleted unless told to; then it goes with all that it has."""
    site = tenant.site
    with pytest.raises(NotEmpty, match=r"still has 1 share\(s\)"):
        site.host.servers.delete(tenant.server)
    assert ada.get("files", "kept.txt") == CONTENT
    server = site.host.servers.show(tenant.server).server
    image = image_of(site.config, server, "files")
    site.host.servers.delete(tenant.server, with_shares=True)
    assert not image.exists()
    assert link(port(server)) is None
    assert not any(server.id in str(path) for path in site.config.state_dir.rglob("*"))
    with pytest.raises(NotFound):
        site.host.servers.show(tenant.server)
    site.host.servers.create(tenant.server)  # the fixture deletes it
