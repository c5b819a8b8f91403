"""Hosts that take away what servers need: a named error each time, or mended; nobody else is touched."""

from __future__ import annotations

import gc
import os
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from attrs import evolve, frozen

import shares_core
from shares_core import BackendFailure, Busy, Capacity, HostNotReady, NoCapacity, SharesError, bootstrap
from shares_core.adapters.docker import client as docker_client
from shares_core.adapters.memory import Call, intercept
from shares_core.adapters.system import SystemClock
from shares_core.domain.share import ShareStatus
from shares_core.domain.views import ReconcileOutcome
from tests.integration.conftest import Site, Tenant, opened_site
from tests.integration.support.clients import SmbClient
from tests.integration.support.footprint import everything, footprint, image_of
from tests.integration.support.own_docker import OwnDocker, Slow, own_docker
from tests.reliability.scene import as_it_is, as_recorded, mount_point

OK = "NT_STATUS_OK"
KEPT = b"kept by all means"
MIB32 = Capacity.parse("32MiB")


@frozen
class Served:
    """A tenant's share with something on it, and a user who reads it."""

    tenant: Tenant
    ada: SmbClient

    def is_served(self) -> bool:
        return self.ada.get("files", "kept") == KEPT

    def is_mended(self, told: str) -> None:
        """One reconcile tells what it was, mends it, and then there is nothing to tell."""
        fleet, config = self.tenant.site.host.fleet, self.tenant.site.config
        views = [view for view in fleet.reconcile().servers if view.name == self.tenant.server]
        assert [True] == [any(told in found for found in view.found) for view in views], views
        assert fleet.reconcile().is_empty
        assert as_recorded(config) == as_it_is(config)
        assert self.is_served()


@pytest.fixture
def served(tenant: Tenant) -> Served:
    made = Served(tenant, tenant.user("ada"))
    assert made.ada.put("files", "kept", KEPT).status == OK
    return made


@pytest.fixture
def neighbour() -> Iterator[Callable[[], None]]:
    """Another installation on the same host; gives what shows that nothing of it was touched."""
    with opened_site() as other:
        other.host.servers.create("neighbour")
        other.host.shares.create("neighbour", "files", MIB32)
        before = everything(other.config)

        def untouched() -> None:
            assert before == everything(other.config)
            assert other.host.fleet.reconcile(dry_run=True).is_empty

        yield untouched
        untouched()
        other.host.servers.delete("neighbour", with_shares=True)


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


# -- by hand


def test_a_bridge_that_was_deleted_by_hand_is_back(served: Served, neighbour: Callable[[], None]) -> None:
    """With its ports, but for the client's, which was somebody else's."""
    site, tenant = served.tenant.site, served.tenant
    bridge = str(site.host.servers.show(tenant.server).server.interfaces[0].bridge)
    run("ip", "link", "delete", bridge)
    assert "is not plugged" in str(site.host.fleet.reconcile(dry_run=True).servers)
    site.host.fleet.reconcile()
    assert site.host.fleet.reconcile().is_empty
    client = site.client_on(bridge, "10.213.0.201/24")
    ada = SmbClient(client, tenant.address, "ada", served.ada.password, site.folder)
    assert KEPT == ada.get("files", "kept")


def test_a_volume_that_was_unmounted_by_hand_is_mounted(
    served: Served, neighbour: Callable[[], None]
) -> None:
    """Meanwhile the share is away, and an empty folder is not served in its place."""
    site = served.tenant.site
    server = site.host.servers.show(served.tenant.server).server
    run("umount", "--lazy", str(mount_point(site.config, server, server.share("files"))))
    assert served.ada.do("files", "ls").status != OK
    served.is_mended("share files is not mounted")


def test_a_container_that_was_removed_by_hand_is_made(served: Served, neighbour: Callable[[], None]) -> None:
    """With the interface that went with it."""
    run("docker", "rm", "--force", f"shares-{served.tenant.server_id}")
    served.is_mended("the container is absent")


def test_the_packet_filters_that_a_firewall_flushed_are_back(served: Served) -> None:
    """Nobody told, and the server has been open since."""
    device = served.tenant.site.host.servers.show(served.tenant.server).server.interfaces[0].host_device
    run("nft", "delete", "table", "netdev", f"shares-{device}")
    served.is_mended(f"interface {device} is not plugged")


def test_swapped_volumes_are_served_to_nobody(served: Served) -> None:
    """Each would show one tenant's share the other's files. Swapped back, both are what they were."""
    site, server = served.tenant.site, served.tenant.server
    site.host.shares.create(server, "other", Capacity.parse("64MiB"))
    site.host.access.allow(server, "other", "ada")
    assert served.ada.put("other", "kept", b"another").status == OK
    record = site.host.servers.stop(server).server
    first, second = (image_of(site.config, record, share) for share in ("files", "other"))

    def swap() -> None:
        aside = first.with_suffix(".aside")
        first.rename(aside)
        second.rename(first)
        aside.rename(second)

    swap()
    site.host.servers.start(server)
    shown = [site.host.shares.show(server, share).share for share in ("files", "other")]
    assert [(ShareStatus.FAILED, True)] * 2 == [
        (share.status, "does not hold this share's file system" in share.reason) for share in shown
    ]
    assert OK not in (served.ada.do("files", "ls").status, served.ada.do("other", "ls").status)
    swap()
    site.host.fleet.reconcile()
    assert (KEPT, b"another") == (served.ada.get("files", "kept"), served.ada.get("other", "kept"))


# -- disks


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 48 MiB."""
    folder.mkdir(mode=0o700, parents=True)
    run("mount", "-t", "tmpfs", "-o", "size=48m,mode=0700", "tmpfs", str(folder))
    try:
        yield
    finally:
        run("umount", "--lazy", str(folder))


def test_a_pool_on_a_full_disk_makes_nothing(tmp_path: Path) -> None:
    """It is told as no capacity, and what is there goes on."""
    with small_disk(tmp_path / "disk"), opened_site(pool_dir=tmp_path / "disk/pool") as site:
        site.host.servers.create("tenant")
        site.host.shares.create("tenant", "files", Capacity.parse("20MiB"))
        (tmp_path / "disk/filler").write_bytes(bytes(27 << 20))
        before = footprint(site.config)
        with pytest.raises(NoCapacity):
            site.host.shares.create("tenant", "more", Capacity.parse("16MiB"))
        with pytest.raises(NoCapacity):
            site.host.shares.extend("tenant", "files", Capacity.parse("40MiB"))
        assert before == footprint(site.config)
        assert site.host.fleet.reconcile().is_empty
        site.host.servers.delete("tenant", with_shares=True)


def test_a_pool_that_is_away_at_a_reconcile_fails_its_shares_alone(
    tmp_path: Path, neighbour: Callable[[], None]
) -> None:
    """Nothing is made in the bare folder; once it is back, so are they."""
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    away = tmp_path / "away"
    with opened_site(pool_dir=disk / "pool") as site:
        site.host.servers.create("tenant")
        site.host.shares.create("tenant", "files", MIB32)
        site.host.servers.create("without")
        for name in ("tenant", "without"):
            site.host.servers.stop(name)
        disk.rename(away)
        disk.mkdir(mode=0o700)
        for name in ("tenant", "without"):
            site.host.servers.start(name)
        (view,) = site.host.fleet.reconcile().servers
        assert (ReconcileOutcome.FAILED, "tenant", ("files",)) == (
            view.outcome,
            view.name,
            view.failed_shares,
        )
        assert [] == list(disk.iterdir())
        disk.rmdir()
        away.rename(disk)
        site.host.fleet.reconcile()
        assert site.host.fleet.reconcile().is_empty
        for name in ("tenant", "without"):
            site.host.servers.delete(name, with_shares=True)


def test_a_host_without_a_free_loop_device_makes_no_share(served: Served) -> None:
    """An error that says so; nothing is left, and with one free it works."""
    site, server = served.tenant.site, served.tenant.server
    before = footprint(site.config)
    run("mount", "--bind", "/dev/null", "/dev/loop-control")
    hidden = [path for path in Path("/dev").glob("loop[0-9]*") if not _attached(path.name)]
    modes = {path: path.stat() for path in hidden}
    try:
        for path in hidden:
            path.unlink()
        with pytest.raises(SharesError) as raised:
            site.host.shares.create(server, "more", MIB32)
        assert isinstance(raised.value, BackendFailure | HostNotReady)
        assert before == footprint(site.config)
    finally:
        run("umount", "/dev/loop-control")
        for path, stat in modes.items():
            if not path.exists():
                os.mknod(path, stat.st_mode, stat.st_rdev)
    site.host.shares.create(server, "more", MIB32)
    assert served.is_served()


def _attached(name: str) -> bool:
    return Path("/sys/block", name, "loop/backing_file").exists()


def test_a_read_only_state_folder_changes_nothing(served: Served) -> None:
    """Every change is refused before anything has changed; what is served is served."""
    site, server = served.tenant.site, served.tenant.server
    before = everything(site.config)
    parts = [str(site.config.state_dir / part) for part in ("records", "secrets", "locks")]
    for part in parts:
        run("mount", "--bind", part, part)
        run("mount", "-o", "remount,bind,ro", part)
    try:
        for change in (
            lambda: site.host.servers.create("late"),
            lambda: site.host.shares.create(server, "late", MIB32),
            lambda: site.host.access.allow(server, "files", "bob"),
            lambda: site.host.access.deny(server, "files", "ada"),
            lambda: site.host.shares.delete(server, "files"),
        ):
            with pytest.raises(SharesError) as raised:
                change()
            assert "read-only" in str(raised.value).lower(), raised.value
        assert served.is_served()
        assert site.host.fleet.reconcile().is_empty
    finally:
        for part in parts:
            run("umount", part)
    assert before == everything(site.config)


# -- records


def test_a_record_with_one_flipped_bit_is_not_believed(served: Served, neighbour: Callable[[], None]) -> None:
    """Whichever bit: it is named and left as it is, its server goes on, and nothing of it is an orphan."""
    site = served.tenant.site
    path = site.config.state_dir / "records" / f"{served.tenant.server_id}.json"
    whole = path.read_bytes()
    random = Random(20261127)
    for _ in range(40):
        spoilt = bytearray(whole)
        position = random.randrange(len(spoilt))
        spoilt[position] ^= 1 << random.randrange(8)
        path.write_bytes(spoilt)
        report = site.host.fleet.reconcile()
        outcomes = [view.outcome for view in report.servers if str(path) in view.name]
        same = not outcomes and site.host.servers.show(served.tenant.server).server.id in path.stem
        assert same or [ReconcileOutcome.UNREADABLE] == outcomes, position
        assert () == report.orphans
        assert bytes(spoilt) == path.read_bytes()
    path.write_bytes(whole)
    assert served.is_served()
    assert site.host.fleet.reconcile().is_empty


def test_a_second_state_folder_on_the_host_is_another_installation(
    served: Served, neighbour: Callable[[], None]
) -> None:
    """Nothing of it is an orphan here, whatever is removed."""
    site = served.tenant.site
    assert () == site.host.fleet.reconcile().orphans
    site.host.servers.stop(served.tenant.server)
    site.host.servers.start(served.tenant.server)
    neighbour()


def test_what_a_lost_record_leaves_is_an_orphan(served: Served, neighbour: Callable[[], None]) -> None:
    """Told, then removed by name; where no record is left at all, never."""
    site, host = served.tenant.site, served.tenant.site.host
    path = site.config.state_dir / "records" / f"{served.tenant.server_id}.json"
    whole = path.read_bytes()
    path.unlink()
    named = host.fleet.reconcile(dry_run=True).orphans
    kinds = {str(orphan.kind) for orphan in host.fleet.reconcile(remove_orphans=named).orphans}
    assert {"container", "device", "folder", "mount", "volume"} == kinds
    path.write_bytes(whole)
    assert served.is_served()  # nothing was removed: there were no records
    host.servers.create("other")
    try:
        path.unlink()
        named = host.fleet.reconcile(dry_run=True).orphans
        removed = host.fleet.reconcile(remove_orphans=named).orphans
        assert all(orphan.removed for orphan in removed), removed
        assert host.fleet.reconcile().is_empty
        assert as_recorded(site.config) == as_it_is(site.config)
        host.servers.create(served.tenant.server)  # for the fixture to delete
    finally:
        host.servers.delete("other")


def test_a_clock_that_was_set_back_lets_nobody_in_or_out(served: Served) -> None:
    """A password that is set then counts, and the former one does not."""
    site, tenant = served.tenant.site, served.tenant

    class Yesterday(SystemClock):
        def now(self) -> int:
            return super().now() - 86_400

    ports = evolve(bootstrap.ports(site.config), clock=Yesterday())
    host = bootstrap.host(ports, site.config.network)
    changed = host.users.set_password(tenant.server, "ada")
    assert changed.password is not None
    assert "NT_STATUS_LOGON_FAILURE" == served.ada.do("files", "ls").status
    assert KEPT == tenant.smb("ada", changed.password.reveal()).get("files", "kept")
    assert host.fleet.reconcile().is_empty


# -- Docker


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnDocker]:
    with own_docker(tmp_path_factory.mktemp("docker"), "shares-core-samba") as made:
        yield made


@pytest.mark.parametrize("verb", ["runtime.ensure", "runtime.start", "network.plug"])
def test_a_docker_that_ends_in_the_middle_leaves_nothing(own: OwnDocker, verb: str) -> None:
    """It is told; when Docker is back one reconcile removes the server that was not made."""
    with opened_site(docker_url=own.url) as site, unclosed_sockets_are_dockers():

        def ending(call: Call, proceed: Callable[[], object]) -> object:
            answer = proceed()
            if str(call) == verb:
                own.stop()
            return answer

        ports = intercept(bootstrap.ports(site.config), ending)
        with pytest.raises((HostNotReady, BackendFailure)):
            bootstrap.host(ports, site.config.network).servers.create("tenant")
        own.start()
        site.host.fleet.reconcile()
        assert site.host.fleet.reconcile().is_empty
        assert as_recorded(site.config) == as_it_is_in(own, site)


@contextmanager
def unclosed_sockets_are_dockers() -> Iterator[None]:
    """docker-py leaves sockets open that did not connect."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


def as_it_is_in(own: OwnDocker, site: Site) -> object:
    """Seen by that daemon."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DOCKER_HOST", own.url)
        return as_it_is(site.config)


def test_a_docker_that_answers_too_late_is_given_up_and_the_server_is_free(
    tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes meanwhile is told that another is at it; who comes after goes on."""
    site = tenant.site
    site.host.access.allow(tenant.server, "files", "ada")
    hasty = shares_core.open_host(evolve(site.config, lock_timeout=0))
    slow = Slow(tmp_path / "slow.sock", "/run/docker.sock")
    monkeypatch.setattr(docker_client, "_SECONDS", 1)

    def meanwhile(call: Call, proceed: Callable[[], object]) -> object:
        if str(call) == "runtime.inspect":
            with pytest.raises(Busy):
                hasty.access.deny(tenant.server, "files", "ada")
        return proceed()

    with slow.listening(), unclosed_sockets_are_dockers():
        ports = bootstrap.ports(evolve(site.config, docker_url=slow.url))
        ports.runtime.check()  # connected, while it is quick
        slow.delay = 3.0
        patient = bootstrap.host(intercept(ports, meanwhile), site.config.network)
        with pytest.raises(BackendFailure, match="did not answer in time"):
            patient.access.allow(tenant.server, "files", "bob")
    assert site.host.access.deny(tenant.server, "files", "ada")
    assert site.host.fleet.reconcile().is_empty
