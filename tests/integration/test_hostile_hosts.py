"""Hosts that take away what servers need: an error names it, or it is repaired; nobody else is affected."""

from __future__ import annotations

import gc
import os
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from attrs import evolve, frozen

import shares_core
from shares_core import (
    BackendFailure,
    Busy,
    Capacity,
    DockerSettings,
    FilePool,
    HostNotReady,
    NoCapacity,
    SharesError,
    bootstrap,
)
from shares_core.adapters.containers import client as docker_client
from shares_core.adapters.linux.system import SystemClock
from shares_core.domain.share import FileSystemKind, ShareStatus
from shares_core.domain.views import ReconcileOutcome
from shares_core.testing import Call, intercept
from tests.integration.conftest import Tenant
from tests.integration.support.own_docker import OwnDocker, Slow, own_docker
from tests.reliability.scene import as_it_is, as_recorded, mount_point
from tests.reliability.watched import watching
from tests.settings import with_docker
from tests.testkit.clients import SmbClient
from tests.testkit.footprint import RUN_BRIDGES, everything, footprint, image_of
from tests.testkit.probes import until
from tests.testkit.site import Site, opened_site

OK = "NT_STATUS_OK"
KEPT = b"kept by all means"
MIB32, MIB64 = Capacity.parse("32MiB"), Capacity.parse("64MiB")


@frozen
class Served:
    """A tenant's share with a file, and a user who reads it."""

    tenant: Tenant
    ada: SmbClient

    def is_served(self) -> bool:
        return self.ada.get("files", "kept") == KEPT

    def is_mended(self, told: str) -> None:
        """Check that one reconcile reports and repairs it, and the next has nothing to report."""
        fleet, config = self.tenant.site.host.fleet, self.tenant.site.config
        views = [view for view in fleet.reconcile().servers if view.name == self.tenant.server]
        assert [True] == [any(told in str(found) for found in view.found) for view in views], views
        assert fleet.reconcile().is_empty
        assert as_recorded(config) == as_it_is(config)
        assert self.is_served()


@pytest.fixture
def served(tenant: Tenant) -> Served:
    made = Served(tenant, tenant.user("ada"))
    assert made.ada.put("files", "kept", KEPT).status == OK
    return made


@pytest.fixture(scope="module")
def neighbour() -> Iterator[Site]:
    """Another installation on the same host."""
    with opened_site() as other:
        other.host.servers.create("neighbour")
        other.host.shares.create("neighbour", "files", MIB32)
        yield other
        other.host.servers.delete("neighbour", with_shares=True)


def all_of(neighbour: Site) -> object:
    """The footprint without the filters of other tests' bridges."""
    seen, files = everything(neighbour.config)
    assert isinstance(seen, dict)
    own = {f"shares-{name}" for name in seen["devices"]}
    return {**seen, "filters": [name for name in seen["filters"] if name.split()[1] in own]}, files


@pytest.fixture(autouse=True)
def untouched(neighbour: Site) -> Iterator[None]:
    """Check that nothing of another installation changes."""
    before = all_of(neighbour)
    yield
    assert before == all_of(neighbour)
    assert neighbour.host.fleet.reconcile(dry_run=True).is_empty


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


# -- by hand


def test_a_manually_deleted_bridge_is_restored(served: Served) -> None:
    """With its ports, except the client's, which is not ours."""
    site, tenant = served.tenant.site, served.tenant
    bridge = str(site.host.servers.show(tenant.server).server.interfaces[0].attachment.device)
    run("ip", "link", "delete", bridge)
    (view,) = site.host.fleet.reconcile(dry_run=True).servers
    assert "is not attached" in "; ".join(map(str, view.found))
    site.host.fleet.reconcile()
    assert site.host.fleet.reconcile().is_empty
    client = site.client_on(bridge, "10.213.0.201/24")
    ada = SmbClient(client, tenant.address, "ada", served.ada.password, site.folder)
    assert KEPT == ada.get("files", "kept")


def test_a_manually_unmounted_volume_is_mounted(served: Served) -> None:
    """Meanwhile the share is unavailable, and no empty folder is served in its place."""
    site = served.tenant.site
    server = site.host.servers.show(served.tenant.server).server
    run("umount", "--lazy", str(mount_point(site.config, server, server.share("files"))))
    assert served.ada.do("files", "ls").status != OK
    served.is_mended("share files is not mounted")


def test_a_manually_removed_container_is_made_again(served: Served) -> None:
    """With the interface that went with it."""
    run("docker", "rm", "--force", f"shares-{served.tenant.server_id}")
    served.is_mended("the container is absent")


def test_an_interface_on_the_wrong_bridge_is_moved_back(served: Served, other_bridge: str) -> None:
    """Machines on the wrong bridge can no longer reach the server."""
    site, tenant = served.tenant.site, served.tenant
    device = site.host.servers.show(tenant.server).server.interfaces[0].host_device
    run("ip", "link", "set", device, "master", other_bridge)
    served.is_mended(f"interface {device} is not attached")
    assert (
        ""
        == subprocess.run(
            ("ip", "-oneline", "link", "show", "master", other_bridge),
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )


@pytest.fixture
def other_bridge() -> Iterator[str]:
    name = f"{RUN_BRIDGES}x"
    run("ip", "link", "add", name, "up", "type", "bridge")
    yield name
    run("ip", "link", "delete", name)


def test_ports_are_isolated_again(served: Served) -> None:
    """On the shared bridge, no server reaches another."""
    device = served.tenant.site.host.servers.show(served.tenant.server).server.interfaces[0].host_device
    run("bridge", "link", "set", "dev", device, "isolated", "off")
    served.is_mended(f"interface {device} is not attached")


@pytest.mark.parametrize("name", ["smb.conf", "passwd", "group"])
def test_a_manually_edited_configuration_is_restored(served: Served, name: str) -> None:
    """Nobody is served more than the record says."""
    site = served.tenant.site
    path = site.config.state_dir / "servers" / served.tenant.server_id / "config" / name
    before = path.read_bytes()
    with path.open("ab") as file:
        file.write(b"\n# by hand\n")
    served.is_mended("Samba's configuration differs")
    assert before == path.read_bytes()


def test_a_server_with_unmounted_folders_gets_new_ones(served: Served) -> None:
    """Its container would go on seeing the former ones."""
    site = served.tenant.site
    run("umount", "--recursive", "--lazy", str(site.config.state_dir / "servers" / served.tenant.server_id))
    served.is_mended("its folders are missing")


def test_a_deny_on_a_server_that_lost_its_folders_takes_effect(served: Served) -> None:
    """Its smbd would not see it, so the server is down until it comes up with the new configuration."""
    site, tenant = served.tenant.site, served.tenant
    run("umount", "--recursive", "--lazy", str(site.config.state_dir / "servers" / tenant.server_id))
    site.host.access.deny(tenant.server, "files", "ada")
    assert OK != served.ada.do("files", "ls").status
    site.host.fleet.reconcile()
    assert served.ada.do("files", "ls").status in ("NT_STATUS_ACCESS_DENIED", "NT_STATUS_BAD_NETWORK_NAME")
    assert site.host.fleet.reconcile().is_empty


def test_a_share_made_on_a_server_that_lost_its_folders_is_served(served: Served) -> None:
    """Its container cannot see new folders, and everything would look well from outside."""
    site, tenant = served.tenant.site, served.tenant
    run("umount", "--recursive", "--lazy", str(site.config.state_dir / "servers" / tenant.server_id))
    site.host.shares.create(tenant.server, "new", Capacity.parse("16MiB"))
    site.host.access.allow(tenant.server, "new", "ada")
    site.host.fleet.reconcile()
    assert served.ada.put("new", "file", b"new").status == OK
    assert KEPT == served.ada.get("files", "kept")
    assert site.host.fleet.reconcile().is_empty
    site.host.shares.delete(tenant.server, "new")


def test_flushed_packet_filters_are_restored(served: Served) -> None:
    """Nobody announced it, and the server was open meanwhile."""
    device = served.tenant.site.host.servers.show(served.tenant.server).server.interfaces[0].host_device
    run("nft", "delete", "table", "netdev", f"shares-{device}")
    served.is_mended(f"interface {device} is not attached")


def swap(first: Path, second: Path) -> None:
    aside = first.with_suffix(".aside")
    for source, target in ((first, aside), (second, first), (aside, second)):
        source.rename(target)


def test_swapped_volumes_are_served_to_nobody(served: Served) -> None:
    """Each would show one share's files in the other. Swapped back, both are what they were."""
    site, server = served.tenant.site, served.tenant.server
    site.host.shares.create(server, "other", Capacity.parse("64MiB"))
    site.host.access.allow(server, "other", "ada")
    assert served.ada.put("other", "kept", b"another").status == OK
    record = site.host.servers.stop(server).server
    first, second = (image_of(site.config, record, share) for share in ("files", "other"))

    swap(first, second)
    site.host.servers.start(server)
    shown = [site.host.shares.show(server, share).share for share in ("files", "other")]
    assert [(ShareStatus.FAILED, True)] * 2 == [
        (share.status, "does not hold this share's file system" in share.reason) for share in shown
    ]
    assert OK not in (served.ada.do("files", "ls").status, served.ada.do("other", "ls").status)
    swap(first, second)
    site.host.fleet.reconcile()
    assert (KEPT, b"another") == (served.ada.get("files", "kept"), served.ada.get("other", "kept"))


def test_volumes_that_were_swapped_between_two_servers_are_served_to_nobody(served: Served) -> None:
    """Each would show one tenant the other's files when their servers come back."""
    site, host = served.tenant.site, served.tenant.site.host
    host.servers.create("other")
    try:
        host.shares.create("other", "files", MIB64)
        records = [host.servers.show(name).server for name in (served.tenant.server, "other")]
        for record in records:
            host.servers.stop(str(record.name))
        first, second = (image_of(site.config, record, "files") for record in records)
        swap(first, second)
        for record in records:
            host.servers.start(str(record.name))
        host.fleet.reconcile()
        assert [ShareStatus.FAILED] * 2 == [
            host.shares.show(str(record.name), "files").share.status for record in records
        ]
        assert "NT_STATUS_BAD_NETWORK_NAME" == served.ada.do("files", "ls").status
        swap(first, second)
        host.fleet.reconcile()
        assert host.fleet.reconcile().is_empty
        assert served.is_served()
    finally:
        host.servers.delete("other", with_shares=True)


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
    """It raises NoCapacity, and existing shares go on."""
    with small_disk(tmp_path / "disk"), opened_site(pools=(FilePool(dir=tmp_path / "disk/pool"),)) as site:
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


def test_a_missing_pool_at_a_reconcile_fails_only_its_shares(tmp_path: Path) -> None:
    """After a reboot: nothing is made in the bare folder; once the pool is back, so are they."""
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    away = tmp_path / "away"
    with opened_site(pools=(FilePool(dir=disk / "pool"),)) as site:
        fleet, names = site.host.fleet, ("tenant", "without")
        for name in names:
            site.host.servers.create(name)
        site.host.shares.create("tenant", "files", MIB32)
        server = site.host.servers.show("tenant").server
        run("docker", "kill", *(f"shares-{site.host.servers.show(name).server.id}" for name in names))
        run("umount", str(mount_point(site.config, server, server.share("files"))))
        run("losetup", "--detach", *_loops(disk))
        disk.rename(away)
        disk.mkdir(mode=0o700)
        views = {view.name: view for view in fleet.reconcile().servers}
        assert (ReconcileOutcome.FAILED, ("files",)) == (
            views["tenant"].outcome,
            views["tenant"].failed_shares,
        )
        assert (ReconcileOutcome.OK, ()) == (views["without"].outcome, views["without"].failed_shares)
        assert "pool" in site.host.shares.show("tenant", "files").share.reason
        assert [] == list(disk.iterdir())
        assert ["tenant"] == [view.name for view in fleet.reconcile().servers]
        disk.rmdir()
        away.rename(disk)
        fleet.reconcile()
        assert fleet.reconcile().is_empty
        for name in names:
            site.host.servers.delete(name, with_shares=True)


def _loops(folder: Path) -> list[str]:
    listed = subprocess.run(
        ("losetup", "--noheadings", "--output", "NAME,BACK-FILE"), check=True, capture_output=True, text=True
    )
    rows = [line.split(maxsplit=1) for line in listed.stdout.splitlines()]
    return [row[0] for row in rows if row[1].startswith(f"{folder}/")]


def test_a_pool_unmounted_under_its_servers_is_reported(tmp_path: Path) -> None:
    """Open files stay open; nothing is made in its place, and after its return all is as before."""
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    away = tmp_path / "away"
    with opened_site(pools=(FilePool(dir=disk / "pool"),)) as site:
        site.host.servers.create("tenant")
        site.host.shares.create("tenant", "files", MIB32)
        disk.rename(away)
        disk.mkdir(mode=0o700)
        (view,) = site.host.fleet.reconcile().servers
        assert (ReconcileOutcome.FAILED, ("files",)) == (view.outcome, view.failed_shares)
        assert [] == list(disk.iterdir())
        disk.rmdir()
        away.rename(disk)
        site.host.fleet.reconcile()
        assert site.host.fleet.reconcile().is_empty
        site.host.servers.delete("tenant", with_shares=True)


def test_a_host_without_a_free_loop_device_makes_no_share(served: Served) -> None:
    """The error says so; nothing is left, and with a free device it works."""
    site, server = served.tenant.site, served.tenant.server
    before = footprint(site.config)
    run("mount", "--bind", "/dev/null", "/dev/loop-control")
    hidden = [path for path in Path("/dev").glob("loop[0-9]*") if not _attached(path.name)]
    modes = {path: path.stat() for path in hidden}
    try:
        for path in hidden:
            path.unlink()
        with pytest.raises((BackendFailure, HostNotReady), match="loop"):
            site.host.shares.create(server, "more", MIB32)
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


@pytest.mark.parametrize(
    "names",
    [("records", "secrets", "locks"), ("records", "secrets", "pool", "installation.json")],
    ids=["with its locks", "but for its locks"],
)
def test_a_read_only_state_folder_changes_nothing(served: Served, names: tuple[str, ...]) -> None:
    """Every change is refused before anything has changed; shares are still served."""
    site, server = served.tenant.site, served.tenant.server
    before = everything(site.config)
    parts = [str(site.config.state_dir / name) for name in names]
    for part in parts:
        run("mount", "--bind", part, part)
        run("mount", "-o", "remount,bind,ro", part)
    try:
        for change in (
            lambda: site.host.servers.create("late"),
            lambda: site.host.servers.stop(server),
            lambda: site.host.servers.delete(server, with_shares=True),
            lambda: site.host.shares.create(server, "late", MIB32),
            lambda: site.host.shares.extend(server, "files", Capacity.parse("96MiB")),
            lambda: site.host.shares.check(server, "files"),
            lambda: site.host.shares.delete(server, "files"),
            lambda: site.host.access.allow(server, "files", "bob"),
            lambda: site.host.access.deny(server, "files", "ada"),
            lambda: site.host.users.set_password(server, "ada"),
            lambda: site.host.users.remove(server, "ada"),
            lambda: shares_core.open_host(site.config).shares.delete(server, "files"),
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


def test_a_record_with_a_flipped_bit_is_not_believed(served: Served) -> None:
    """For any bit: it is named and left as it is, its server goes on, and nothing of it is an orphan."""
    site = served.tenant.site
    path = site.config.state_dir / "records" / f"{served.tenant.server_id}.json"
    whole = path.read_bytes()
    recorded = site.host.servers.show(served.tenant.server).server
    random = Random(20261127)
    for _ in range(40):
        spoilt = bytearray(whole)
        position = random.randrange(len(spoilt))
        spoilt[position] ^= 1 << random.randrange(8)
        path.write_bytes(spoilt)
        report = site.host.fleet.reconcile()
        outcomes = [view.outcome for view in report.servers if str(path) in view.name]
        same = not outcomes and site.host.servers.show(served.tenant.server).server == recorded
        assert same or [ReconcileOutcome.UNREADABLE] == outcomes, position
        assert () == report.orphans
        assert bytes(spoilt) == path.read_bytes()
    path.write_bytes(whole)
    assert served.is_served()
    assert site.host.fleet.reconcile().is_empty


@pytest.mark.parametrize("kind", FileSystemKind)
def test_a_record_from_the_middle_of_a_create_costs_no_files(served: Served, kind: FileSystemKind) -> None:
    """Copied while a share was being made, and restored when it was in use: it is kept, without access."""
    site, tenant = served.tenant.site, served.tenant
    record = site.config.state_dir / "records" / f"{tenant.server_id}.json"
    copies: list[bytes] = []

    def copying(call: Call, proceed: Callable[[], object]) -> object:
        if str(call) == "filesystems.make":
            copies.append(record.read_bytes())
        return proceed()

    ports = intercept(bootstrap.ports(site.config), copying)
    bootstrap.host(ports, site.config.network).shares.create(
        tenant.server, "late", Capacity.parse("512MiB"), kind
    )
    site.host.access.allow(tenant.server, "late", "ada")
    assert served.ada.put("late", "kept", KEPT).status == OK
    (copy,) = copies
    record.write_bytes(copy)
    site.host.fleet.reconcile()
    assert site.host.fleet.reconcile().is_empty
    assert as_recorded(site.config) == as_it_is(site.config)
    assert () == site.host.access.list(tenant.server, "late")
    assert served.ada.get("late", "kept") != KEPT
    site.host.access.allow(tenant.server, "late", "ada")
    assert (KEPT, True) == (served.ada.get("late", "kept"), served.is_served())


def test_a_second_state_folder_on_the_host_is_another_installation(served: Served) -> None:
    """Nothing of it is an orphan here, whatever is removed."""
    site = served.tenant.site
    assert () == site.host.fleet.reconcile().orphans
    site.host.servers.stop(served.tenant.server)
    site.host.servers.start(served.tenant.server)


def test_what_a_lost_record_leaves_is_an_orphan(served: Served) -> None:
    """It is reported, then removed by name; but never if no record is left at all."""
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


def test_a_clock_set_back_changes_no_access(served: Served) -> None:
    """A password set then is valid, and the former one is not."""
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


@frozen
class Change:
    """An operation that is in the middle of a verb when Docker ends."""

    verb: str
    work: Callable[[shares_core.Host], object]
    is_told: bool = True


@pytest.mark.parametrize(
    "change",
    [
        Change("runtime.ensure", lambda host: host.servers.create("new")),
        Change("runtime.start", lambda host: host.servers.create("new")),
        Change("network.plug", lambda host: host.servers.create("new")),
        Change("smb_config.apply", lambda host: host.access.allow("tenant", "files", "bob"), is_told=False),
        Change("records.save", lambda host: host.access.deny("tenant", "files", "ada")),
        Change("storage.attach", lambda host: host.shares.create("tenant", "more", MIB32)),
        Change("storage.grow_volume", lambda host: host.shares.extend("tenant", "files", MIB64)),
        Change("records.save", lambda host: host.shares.delete("tenant", "files")),
    ],
    ids=lambda change: change.verb,
)
def test_nothing_stays_half_done_if_docker_ends_in_the_middle(own: OwnDocker, change: Change) -> None:
    """Callers that need it get an error; when it is back, one reconcile finishes or undoes their work."""
    with opened_site(docker=DockerSettings(url=own.url)) as site, unclosed_sockets_are_dockers():
        site.host.servers.create("tenant")
        site.host.shares.create("tenant", "files", MIB32)
        site.host.access.allow("tenant", "files", "ada")
        ended: list[str] = []

        def ending(call: Call, proceed: Callable[[], object]) -> object:
            answer = proceed()
            if str(call) == change.verb and not ended:
                ended.append(change.verb)
                own.stop()
            return answer

        ports = intercept(bootstrap.ports(site.config), ending)
        told = tells(change, bootstrap.host(ports, site.config.network))
        own.start()
        assert (change.is_told, [change.verb]) == (told, ended)
        site.host.fleet.reconcile()
        assert site.host.fleet.reconcile().is_empty
        assert as_recorded(site.config) == as_it_is_in(own, site)
        site.host.servers.delete("tenant", with_shares=True)


def tells(change: Change, host: shares_core.Host) -> bool:
    """Whether it ends in an error, which is not kept, because its frames keep all the sockets."""
    try:
        change.work(host)
    except (HostNotReady, BackendFailure):
        return True
    return False


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


def test_a_docker_that_answers_after_half_a_minute_is_fine(tenant: Tenant, tmp_path: Path) -> None:
    """Callers meanwhile get Busy, or go on after it."""
    site = tenant.site
    hasty = site.hasty
    slow = Slow(tmp_path / "slow.sock", "/run/docker.sock")
    asked: list[float] = []

    def once(call: Call, proceed: Callable[[], object]) -> object:
        if str(call) != "runtime.inspect":
            return proceed()
        began = time.monotonic()
        with pytest.raises(Busy):
            hasty.access.deny(tenant.server, "files", "ada")
        answer = proceed()
        asked.append(time.monotonic() - began)
        slow.delay = 0.0
        return answer

    with slow.listening(), unclosed_sockets_are_dockers():
        ports = bootstrap.ports(with_docker(site.config, slow.url))
        ports.runtime.check()  # connected, while it is quick
        slow.delay = 30.0
        host = bootstrap.host(intercept(ports, once), site.config.network)
        assert host.access.allow(tenant.server, "files", "bob").password is not None
    assert asked[0] >= 30
    assert site.host.access.deny(tenant.server, "files", "bob")
    assert site.host.fleet.reconcile().is_empty


def test_the_service_repairs_even_with_a_slow_docker(served: Served, tmp_path: Path) -> None:
    """Each of its answers takes longer than a round of the service."""
    site = served.tenant.site
    slow = Slow(tmp_path / "slow.sock", "/run/docker.sock")
    with slow.listening(), watching(evolve(site, config=with_docker(site.config, slow.url))):
        slow.delay = 1.2
        run("docker", "kill", f"shares-{served.tenant.server_id}")
        assert until(served.is_served, 120), (site.folder / "watch.log").read_text()
        slow.delay = 0.0


def test_a_docker_that_answers_too_late_is_given_up_and_the_server_is_free(
    tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers meanwhile get Busy; later ones go on."""
    site = tenant.site
    site.host.access.allow(tenant.server, "files", "ada")
    hasty = site.hasty
    slow = Slow(tmp_path / "slow.sock", "/run/docker.sock")
    monkeypatch.setattr(docker_client, "_SECONDS", 1)

    def meanwhile(call: Call, proceed: Callable[[], object]) -> object:
        if str(call) == "runtime.inspect":
            with pytest.raises(Busy):
                hasty.access.deny(tenant.server, "files", "ada")
        return proceed()

    with slow.listening(), unclosed_sockets_are_dockers():
        ports = bootstrap.ports(with_docker(site.config, slow.url))
        ports.runtime.check()  # connected, while it is quick
        slow.delay = 3.0
        patient = bootstrap.host(intercept(ports, meanwhile), site.config.network)
        with pytest.raises(BackendFailure, match="did not answer in time"):
            patient.access.allow(tenant.server, "files", "bob")
    assert site.host.access.deny(tenant.server, "files", "ada")
    assert site.host.fleet.reconcile().is_empty
