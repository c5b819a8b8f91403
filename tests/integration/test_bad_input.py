"""What goes wrong on a real host gets a clear error, changes nothing and leaves nothing behind."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import subprocess
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from attrs import evolve

import shares_core
from shares_core import (
    AddressTaken,
    AlreadyExists,
    Capacity,
    Conflict,
    FileSystemKind,
    HostNotReady,
    InterfaceSpec,
    InvalidInput,
    NoCapacity,
    NotFound,
    RecordUnreadable,
    SharesError,
)
from shares_core.domain.share import ShareStatus
from tests.integration.conftest import Site, Tenant, opened_site
from tests.integration.support.footprint import footprint, image_of
from tests.integration.support.worker import Worker

OK = "NT_STATUS_OK"
MIB64 = Capacity.parse("64MiB")


def contents(site: Site) -> dict[str, str]:
    """The checksums of the records and the secrets."""
    found = {}
    for folder in ("records", "secrets"):
        for path in sorted((site.config.state_dir / folder).glob("*")):
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def everything(site: Site) -> list[object]:
    return [footprint(site.config), contents(site)]


# -- requests that are wrong


def _specs(**interface: object) -> list[InterfaceSpec]:
    return [InterfaceSpec.parse(**interface)]  # type: ignore[arg-type]


WRONG: dict[str, tuple[type[SharesError], Callable[[Tenant], object]]] = {
    "server unknown": (NotFound, lambda t: t.site.host.shares.create("nobody", "x", MIB64)),
    "share unknown": (NotFound, lambda t: t.site.host.shares.extend(t.server, "none", MIB64)),
    "share unknown to allow": (NotFound, lambda t: t.site.host.access.allow(t.server, "none", "eve")),
    "user unknown to deny": (NotFound, lambda t: t.site.host.access.deny(t.server, "files", "eve")),
    "user unknown to remove": (NotFound, lambda t: t.site.host.users.remove(t.server, "eve")),
    "server name with a path": (InvalidInput, lambda t: t.site.host.servers.create("../x")),
    "server name of an option": (InvalidInput, lambda t: t.site.host.servers.create("-rf")),
    "server name in other case": (AlreadyExists, lambda t: t.site.host.servers.create(t.server.upper())),
    "share name reserved": (InvalidInput, lambda t: t.site.host.shares.create(t.server, "IPC$", MIB64)),
    "share name global": (InvalidInput, lambda t: t.site.host.shares.create(t.server, "global", MIB64)),
    "share name with a macro": (InvalidInput, lambda t: t.site.host.shares.create(t.server, "%U", MIB64)),
    "share name with a line": (InvalidInput, lambda t: t.site.host.shares.create(t.server, "a\nb", MIB64)),
    "share name in other case": (
        AlreadyExists,
        lambda t: t.site.host.shares.create(t.server, "FILES", MIB64),
    ),
    "user name with a group": (InvalidInput, lambda t: t.site.host.access.allow(t.server, "files", "@games")),
    "user name root": (InvalidInput, lambda t: t.site.host.access.allow(t.server, "files", "root")),
    "user name in other case": (AlreadyExists, lambda t: t.site.host.access.allow(t.server, "files", "ADA")),
    "size below the smallest": (
        InvalidInput,
        lambda t: t.site.host.shares.create(t.server, "small", Capacity.parse("1MiB")),
    ),
    "size below xfs's smallest": (
        InvalidInput,
        lambda t: t.site.host.shares.create(t.server, "small", MIB64, FileSystemKind.XFS),
    ),
    "size smaller than now": (
        InvalidInput,
        lambda t: t.site.host.shares.extend(t.server, "files", Capacity.parse("32MiB")),
    ),
    "size of another": (
        AlreadyExists,
        lambda t: t.site.host.shares.create(t.server, "files", Capacity.parse("65MiB")),
    ),
    "larger than the pool": (
        NoCapacity,
        lambda t: t.site.host.shares.create(t.server, "huge", Capacity.parse("21GiB")),
    ),
    "extended beyond the pool": (
        NoCapacity,
        lambda t: t.site.host.shares.extend(t.server, "files", Capacity.parse("21GiB")),
    ),
    "address outside its prefix's use": (
        InvalidInput,
        lambda t: t.site.host.servers.create("wrong", _specs(addresses=["10.213.0.0/24"])),
    ),
    "address outside of the network": (
        InvalidInput,
        lambda t: t.site.host.servers.create("wrong", _specs(addresses=["10.99.0.7/24"])),
    ),
    "address taken": (
        AddressTaken,
        lambda t: t.site.host.servers.create("wrong", _specs(addresses=[f"{t.address}/24"])),
    ),
    "address of the host": (
        AddressTaken,
        lambda t: t.site.host.servers.create("wrong", _specs(addresses=["10.213.0.1/24"])),
    ),
    "MAC taken": (
        AddressTaken,
        lambda t: t.site.host.servers.create(
            "wrong",
            _specs(mac=str(t.site.host.servers.show(t.server).server.interfaces[0].mac)),
        ),
    ),
    "MAC of many": (
        InvalidInput,
        lambda t: t.site.host.servers.create("wrong", _specs(mac="01:00:5e:00:00:01")),
    ),
}


def test_wrong_requests_change_nothing(tenant: Tenant) -> None:
    """Each wrong request gets its own kind of error with a message, and changes nothing."""
    ada = tenant.user("ada")
    before = everything(tenant.site)
    for name, (error, request) in WRONG.items():
        with pytest.raises(error) as raised:
            request(tenant)
        assert raised.value.message, name
        assert "\n" not in str(raised.value), name
        assert everything(tenant.site) == before, name
    assert ada.put("files", "after.txt", b"after").status == OK


# -- a host that is not ready


def test_docker_that_does_not_run_is_told_and_nothing_changes(tenant: Tenant) -> None:
    """Without Docker every change is refused as HostNotReady before anything has been changed."""
    site = tenant.site
    ada = tenant.user("ada")
    host = shares_core.open_host(evolve(site.config, docker_url="unix:///nonexistent/docker.sock"))
    before = everything(site)
    changes: dict[str, Callable[[], object]] = {
        "create server": lambda: host.servers.create("late"),
        "start": lambda: host.servers.start(tenant.server),
        "stop": lambda: host.servers.stop(tenant.server),
        "delete": lambda: host.servers.delete(tenant.server, with_shares=True),
        "reconcile": host.servers.reconcile,
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
            assert "apt-get install docker.io" in raised.value.hint, name
            assert everything(site) == before, name
            del raised  # its traceback holds a socket
        view = host.servers.show(tenant.server)
        gc.collect()
    assert (str(view.state), "Docker does not answer" in view.problem) == ("unknown", True)
    assert ada.put("files", "after.txt", b"after").status == OK


def test_a_missing_image_is_named_with_the_command_that_builds_it(
    site: Site, remove_after: Callable[[str], str]
) -> None:
    """Without the image nothing is made, and the error says ``shares-core image build``."""
    site.host.servers.create(remove_after("before"))
    host = shares_core.open_host(evolve(site.config, image="shares-core-none"))
    before = everything(site)
    with pytest.raises(HostNotReady, match="the image shares-core-none is missing") as raised:
        host.servers.create("late")
    assert raised.value.hint == "shares-core image build"
    assert everything(site) == before
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
    """A stale image is named; nothing new is made from it, but what there is comes up again."""
    site.host.servers.create(remove_after("old"))
    host = shares_core.open_host(evolve(site.config, image=stale_image))
    before = everything(site)
    with pytest.raises(HostNotReady, match=f"{stale_image} was built from recipe 000000000000") as raised:
        host.servers.create("late")
    assert raised.value.hint == "shares-core image build"
    assert everything(site) == before
    host.servers.stop("old")
    assert str(host.servers.start("old").state) == "running"
    site.host.servers.stop("old")  # so that it is made again from the current image
    assert str(site.host.servers.start("old").state) == "running"
    site.host.servers.create(remove_after("new"))


# -- records that cannot be read


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def newer(content: bytes) -> bytes:
    return json.dumps(json.loads(content) | {"schema": 99}).encode()


def tampered(content: bytes) -> bytes:
    return content.replace(b'"damaged"', b'"another"')


@pytest.mark.parametrize("damage", [truncated, newer, tampered])
def test_an_unreadable_record_is_named_never_overwritten_and_hurts_nobody_else(
    damage: Callable[[bytes], bytes],
) -> None:
    """Its server is refused by name, others work, nothing new is made, and its bytes stay as they are."""
    with opened_site() as site:
        for name in ("damaged", "healthy"):
            site.host.servers.create(name)
            site.host.shares.create(name, "files", Capacity.parse("16MiB"))
        server = site.host.servers.show("damaged").server
        path = site.config.state_dir / "records" / f"{server.id}.json"
        whole = path.read_bytes()
        path.write_bytes(damage(whole))
        bad, before = path.read_bytes(), footprint(site.config)
        assert bad != whole

        for refused in (
            lambda: site.host.servers.show("damaged"),
            lambda: site.host.servers.delete("damaged", with_shares=True),
            lambda: site.host.shares.create("damaged", "more", MIB64),
            lambda: site.host.servers.create("damaged"),
            lambda: site.host.servers.create("fresh"),
        ):
            with pytest.raises(RecordUnreadable) as raised:
                refused()
            assert raised.value.path == str(path)
            assert str(path) in str(raised.value)
            assert raised.value.hint
        listed = site.host.servers.list()
        assert [str(one.path) for one in listed if isinstance(one, RecordUnreadable)] == [str(path)]
        problems = {view.name: view.problem for view in site.host.servers.reconcile()}
        assert problems.pop("healthy") == ""
        assert str(path) in "".join(problems.values())
        assert footprint(site.config) == before

        network = site.client_on(str(site.config.network.bridge), f"{site.config.network.subnet[200]}/24")
        healthy = site.host.servers.show("healthy").server
        address = str(healthy.interfaces[0].addresses[0].ip)
        ada = site.smb(network, address, "ada", site.allow("healthy", "files", "ada"))
        assert ada.put("files", "x.txt", b"x").status == OK
        site.host.shares.delete("healthy", "files")
        site.host.servers.stop("healthy")
        site.host.servers.start("healthy")
        site.host.servers.delete("healthy")
        assert path.read_bytes() == bad

        path.write_bytes(whole)
        assert site.host.servers.show("damaged").problem == ""
        bob = site.smb(
            network,
            str(server.interfaces[0].addresses[0].ip),
            "bob",
            site.allow("damaged", "files", "bob"),
        )
        assert bob.put("files", "x.txt", b"x").status == OK
        site.host.servers.delete("damaged", with_shares=True)


# -- a pool that is not there


def test_an_unmounted_pool_is_told_and_its_bare_folder_stays_empty() -> None:
    """A pool whose disk is not mounted is no empty pool: nothing is made in its folder, nothing is lost."""
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
            with pytest.raises(HostNotReady, match=f"{pool} is not the pool of this installation") as raised:
                refused()
            assert raised.value.hint
            assert list(pool.iterdir()) == []
        site.host.servers.start("kept")
        assert ada.do("files", "ls").status == "NT_STATUS_BAD_NETWORK_NAME"
        assert site.host.servers.show("kept").server.share("files").status is ShareStatus.FAILED
        assert "files" in site.host.servers.show("kept").problem
        assert list(pool.iterdir()) == []

        subprocess.run(["mount", "--bind", disk, pool], check=True)
        assert all(view.problem == "" for view in site.host.servers.reconcile())
        assert ada.get("files", "kept.txt") == b"kept"
        site.host.servers.delete("kept", with_shares=True)


def evolve_site(outer: Site, pool: Path) -> Site:
    """The same site with its pool elsewhere."""
    config = evolve(outer.config, pool_dir=pool, pool_size=Capacity.parse("256MiB"))
    return Site(shares_core.open_host(config), config, outer.folder)


# -- several callers at once


def at_once(*works: Callable[[], object]) -> list[object]:
    """What the works give, or raise, when threads begin them together."""
    barrier = threading.Barrier(len(works))
    results: list[object] = [None] * len(works)

    def run(index: int) -> None:
        barrier.wait()
        try:
            results[index] = works[index]()
        except SharesError as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(works))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # a thread's connection to Docker ends with it
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        gc.collect()
    return results


def processes_at_once(site: Site, *jobs: tuple[str, ...]) -> list[dict[str, object]]:
    workers = [Worker(site.config, *job) for job in jobs]
    for worker in workers:
        worker.go()
    return [worker.result() for worker in workers]


def test_threads_that_create_the_same_get_the_same(site: Site, remove_after: Callable[[str], str]) -> None:
    """Callers who create one server, and one share, at the same time all get that one."""
    before = footprint(site.config)
    name = remove_after("same")
    servers = at_once(*[lambda: site.host.servers.create(name).server.id] * 3)
    assert len(set(map(str, servers))) == 1, servers
    shares = at_once(*[lambda: site.host.shares.create(name, "files", MIB64).share.id] * 3)
    assert len(set(map(str, shares))) == 1, shares
    after = footprint(site.config)
    assert [len(after[what]) - len(before[what]) for what in ("containers", "mounts", "loops")] == [1, 1, 1]
    sizes = at_once(
        lambda: site.host.shares.create(name, "other", MIB64).share.id,
        lambda: site.host.shares.create(name, "other", Capacity.parse("32MiB")).share.id,
    )
    assert sorted(type(size).__name__ for size in sizes) == ["AlreadyExists", "str"]
    site.host.servers.delete(name, with_shares=True)
    assert footprint(site.config) == before


def test_processes_that_create_the_same_get_the_same(site: Site, remove_after: Callable[[str], str]) -> None:
    """What holds for threads holds for processes."""
    name = remove_after("shared")
    servers = processes_at_once(site, *[("create server", name)] * 3)
    ids = {str(each.get("id")) for each in servers}
    assert ids == {site.host.servers.show(name).server.id}, servers
    shares = processes_at_once(site, *[("create share", name, "files", "64MiB")] * 3)
    found = site.host.shares.show(name, "files")
    assert {str(each.get("id")) for each in shares} == {found.share.id}, shares
    assert len(site.host.shares.list(name)) == 1


def test_servers_created_at_once_get_addresses_of_their_own(
    site: Site, remove_after: Callable[[str], str]
) -> None:
    """Processes and threads that create different servers at once get different addresses and user ids."""
    names = [remove_after(f"crowd-{number}") for number in range(4)]
    results = processes_at_once(site, *[("create server", name) for name in names[:2]])
    assert all("id" in result for result in results), results
    at_once(*[lambda name=name: site.host.servers.create(name) for name in names[2:]])
    servers = [site.host.servers.show(name).server for name in names]
    assert len({str(server.interfaces[0].addresses[0]) for server in servers}) == 4
    assert len({str(server.interfaces[0].mac) for server in servers}) == 4
    assert len({server.uid for server in servers}) == 4
    client = site.client_on(str(site.config.network.bridge), "10.213.0.201/24")
    assert all(client.reaches(str(server.interfaces[0].addresses[0].ip)) for server in servers)


# -- crashes


def killed(site: Site, where: str, *job: str) -> None:
    """Do the job in a process that is killed at that point."""
    worker = Worker(site.config, *job, kill_at=where)
    worker.go()
    assert worker.result() == {}, f"it was not killed at {where}"


@pytest.mark.parametrize(
    "where",
    [
        "after:records.save",
        "before:network.plug",
        "before:records.save:2",
    ],
)
def test_a_killed_create_of_a_server_leaves_nothing(
    site: Site, remove_after: Callable[[str], str], where: str
) -> None:
    """Wherever the caller is killed, the next one settles it: reconcile removes it, create makes it new."""
    before = footprint(site.config)
    name = remove_after("crashed")
    killed(site, where, "create server", name)
    assert footprint(site.config) != before
    assert "interrupted" in site.host.servers.show(name).problem
    assert [view.problem for view in site.host.servers.reconcile() if view.name == name] == [""]
    assert footprint(site.config) == before
    with pytest.raises(NotFound):
        site.host.servers.show(name)
    killed(site, where, "create server", name)
    view = site.host.servers.create(name)
    assert (str(view.state), view.problem) == ("running", "")
    assert len(footprint(site.config)["containers"]) == len(before["containers"]) + 1
    site.host.servers.delete(name)
    assert footprint(site.config) == before


@pytest.mark.parametrize(
    "where",
    [
        "after:storage.ensure_volume",
        "after:storage.attach",
        "after:filesystems.mount",
        "before:records.save:2",
    ],
)
def test_a_killed_create_of_a_share_leaves_nothing(tenant: Tenant, where: str) -> None:
    """The next call on the server removes what a killed create left: volume, loop device, mount and file."""
    site = tenant.site
    ada = tenant.user("ada")
    before, free = footprint(site.config), site.host.pool.show().free
    killed(site, where, "create share", tenant.server, "crashed", "64MiB")
    assert [view.problem for view in site.host.servers.reconcile() if view.name == tenant.server] == [""]
    assert footprint(site.config) == before
    assert site.host.pool.show().free == pytest.approx(free, abs=2**22)  # the host's disk is others' too
    killed(site, where, "create share", tenant.server, "crashed", "64MiB")
    made = site.host.shares.create(tenant.server, "crashed", MIB64)
    assert made.share.status is ShareStatus.READY
    assert len(footprint(site.config)["loops"]) == len(before["loops"]) + 1
    bob = tenant.smb("bob", site.allow(tenant.server, "crashed", "bob"))
    assert bob.put("crashed", "x.txt", b"x").status == OK
    site.host.shares.delete(tenant.server, "crashed")
    assert footprint(site.config) == before
    assert ada.do("files", "ls").status == OK


def test_a_killed_fallocate_leaves_no_part_of_a_volume(tenant: Tenant) -> None:
    """A volume that was being made when its maker died is given back to the pool."""
    site = tenant.site
    before = footprint(site.config)
    killed(site, "before:storage._reserve", "create share", tenant.server, "crashed", "64MiB")
    assert [Path(f).suffix for f in footprint(site.config)["files"] if f.endswith(".part")] == [".part"]
    assert [view.problem for view in site.host.servers.reconcile() if view.name == tenant.server] == [""]
    assert footprint(site.config) == before


@pytest.mark.parametrize(
    "where",
    ["after:records.save", "after:filesystems.unmount", "after:storage.remove_volume"],
)
def test_a_killed_delete_of_a_share_is_carried_on(tenant: Tenant, where: str) -> None:
    """A delete that was begun is finished by the next call, and the other shares are untouched."""
    site = tenant.site
    ada = tenant.user("ada")
    assert ada.put("files", "kept.txt", b"kept").status == OK
    before = footprint(site.config)
    site.host.shares.create(tenant.server, "doomed", MIB64)
    killed(site, where, "delete share", tenant.server, "doomed")
    assert [view.problem for view in site.host.servers.reconcile() if view.name == tenant.server] == [""]
    assert footprint(site.config) == before
    assert ada.get("files", "kept.txt") == b"kept"


@pytest.mark.parametrize(
    "where",
    [
        "after:storage.grow_volume",
        "after:filesystems.unmount",
        "after:filesystems.grow_unmounted",
        "before:records.save:2",
    ],
)
def test_a_killed_extend_serves_the_same_data(tenant: Tenant, where: str) -> None:
    """Wherever an extend dies, the share is served afterwards with its data, in its old or its new size."""
    site = tenant.site
    ada = tenant.user("ada")
    assert ada.put("files", "kept.txt", b"kept" * 10000).status == OK
    killed(site, where, "extend share", tenant.server, "files", "96MiB")
    assert [view.problem for view in site.host.servers.reconcile() if view.name == tenant.server] == [""]
    view = site.host.servers.show(tenant.server)
    assert view.problem == ""
    capacity = view.server.share("files").capacity
    grown = where in ("after:filesystems.grow_unmounted", "before:records.save:2")
    assert capacity == Capacity.parse("96MiB" if grown else "64MiB")
    assert image_of(site.config, view.server, "files").stat().st_size == capacity.bytes
    assert ada.get("files", "kept.txt") == b"kept" * 10000
    site.host.shares.extend(tenant.server, "files", Capacity.parse("128MiB"))
    assert ada.get("files", "kept.txt") == b"kept" * 10000


def test_a_killed_deny_is_carried_on(tenant: Tenant) -> None:
    """A deny that was begun is never forgotten: the next call ends that user's access, and no other's."""
    site = tenant.site
    ada, bob = tenant.user("ada"), tenant.user("bob")
    killed(site, "before:smb_config.apply", "deny", tenant.server, "files", "ada")
    site.host.servers.reconcile()
    assert ada.do("files", "ls").status == "NT_STATUS_ACCESS_DENIED"
    assert bob.do("files", "ls").status == OK


def test_a_name_that_only_conflicts_is_told_apart_from_a_crash(tenant: Tenant) -> None:
    """Deleting a server that has shares is refused as a Conflict, and nothing of it is touched."""
    ada = tenant.user("ada")
    before = everything(tenant.site)
    with pytest.raises(Conflict, match=r"still has 1 share\(s\)") as raised:
        tenant.site.host.servers.delete(tenant.server)
    assert "--with-shares" in raised.value.hint
    assert everything(tenant.site) == before
    assert ada.do("files", "ls").status == OK
