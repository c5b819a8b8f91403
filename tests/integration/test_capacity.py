"""Sizes: what a share holds, how it grows under load, and what is left when it is deleted."""

from __future__ import annotations

import copy
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from smbprotocol.exceptions import SMBResponseException

from shares_core import BackendFailure, Capacity, FilePool, FileSystemKind, Host, NoCapacity, bootstrap
from shares_core.domain.errors import OnlineGrowRefused
from shares_core.domain.views import ExtendWay
from shares_core.ports import Ports
from tests.integration.conftest import Tenant
from tests.testkit.clients import SmbClient
from tests.testkit.footprint import footprint, image_of
from tests.testkit.site import Site, opened_site
from tests.testkit.writing import Writer, lost, open_file

OK = "NT_STATUS_OK"
DISK_FULL = "NT_STATUS_DISK_FULL"
NO_SHARE = "NT_STATUS_BAD_NETWORK_NAME"
MIB = 2**20
_CAP_SYS_RESOURCE = 24


def seen_by(client: SmbClient, share: str) -> int:
    """The share's size in bytes, as a client sees it."""
    said = client.do(share, "ls")
    found = re.search(r"(\d+) blocks of size (\d+)", said.output)
    assert found is not None, said.output
    return int(found[1]) * int(found[2])


def expected_way(kind: FileSystemKind) -> ExtendWay:
    """The kernel grows a mounted ext4 only with CAP_SYS_RESOURCE, an xfs for every root."""
    status = Path("/proc/self/status").read_text()
    effective = int(status.split("CapEff:")[1].split()[0], 16)
    online = kind is FileSystemKind.XFS or effective >> _CAP_SYS_RESOURCE & 1
    return ExtendWay.ONLINE if online else ExtendWay.OFFLINE


def used(tenant: Tenant, share: str = "files") -> tuple[int, int]:
    usage = tenant.site.host.shares.show(tenant.server, share).usage
    assert usage is not None
    assert usage.used + usage.free <= usage.total
    return usage.used, usage.free


# -- full


def test_a_full_share_says_disk_full_and_hurts_nobody_else(
    tenant: Tenant, remove_after: Callable[[str], str]
) -> None:
    """A full share returns DISK_FULL; other shares of its server, and other servers, still take data."""
    site, host = tenant.site, tenant.site.host
    ada = tenant.user("ada")
    host.shares.create(tenant.server, "beside", Capacity.parse("32MiB"))
    host.access.allow(tenant.server, "beside", "ada")
    other = host.servers.create(remove_after("elsewhere")).server
    host.shares.create("elsewhere", "files", Capacity.parse("32MiB"))
    address = str(other.interfaces[0].addresses[0].ip)
    bob = site.smb(tenant.namespace, address, "bob", site.allow("elsewhere", "files", "bob"))

    def neighbours_write(name: str) -> None:
        assert ada.put("beside", name, b"x" * MIB).status == OK
        assert bob.put("files", name, b"x" * MIB).status == OK
        assert bob.get("files", name) == b"x" * MIB

    neighbours_write("before.bin")
    assert ada.put("files", "fits.bin", b"x" * 30 * MIB).status == OK
    full = ada.put("files", "large.bin", b"x" * 40 * MIB)
    # smbclient, which had sent more writes by then, may have something to say of its close as well.
    assert f"cli_push returned {DISK_FULL}" in full.output
    assert ada.do("files", "del large.bin").status == OK
    # Fill it completely, with files that fit exactly as long as there is space.
    status = OK
    for number in range(40):
        if (status := ada.put("files", f"brim-{number}.bin", b"x" * MIB).status) != OK:
            break
    assert status == DISK_FULL
    neighbours_write("while-full.bin")
    assert f"cli_push returned {DISK_FULL}" in ada.put("files", "no.bin", b"x" * 2 * MIB).output
    assert ada.get("files", "fits.bin") == b"x" * 30 * MIB
    assert ada.do("files", "del fits.bin").status == OK
    assert ada.put("files", "yes.bin", b"x" * 2 * MIB).status == OK
    neighbours_write("after.bin")


def test_usage_follows_what_is_written(tenant: Tenant) -> None:
    """The figures of show grow with what a client writes, and fall with what it deletes."""
    ada = tenant.user("ada")
    empty_used, empty_free = used(tenant)
    assert ada.put("files", "large.bin", b"x" * 20 * MIB).status == OK
    full_used, full_free = used(tenant)
    assert 20 * MIB <= full_used - empty_used < 21 * MIB
    assert 20 * MIB <= empty_free - full_free < 21 * MIB
    assert ada.do("files", "del large.bin").status == OK
    assert used(tenant) == (empty_used, empty_free)
    assert abs(seen_by(ada, "files") - (empty_used + empty_free)) < 8 * MIB


# -- extend


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [(FileSystemKind.EXT4, "64MiB", "256MiB"), (FileSystemKind.XFS, "320MiB", "640MiB")],
)
def test_extending_under_load_loses_no_acknowledged_file(
    tenant: Tenant, kind: FileSystemKind, before: str, after: str
) -> None:
    """While a client writes, the share grows; every acknowledged file is whole, and the new size is seen."""
    host = tenant.site.host
    host.shares.create(tenant.server, "loaded", Capacity.parse(before), kind)
    ada = tenant.smb("ada", tenant.site.allow(tenant.server, "loaded", "ada"))
    small = seen_by(ada, "loaded")
    with Writer(ada, "loaded") as writer:
        assert writer.writes_more(), writer.interruptions
        extended = host.shares.extend(tenant.server, "loaded", Capacity.parse(after))
        assert writer.writes_more(), writer.interruptions
    assert extended.way is expected_way(kind)
    if extended.way is ExtendWay.ONLINE:
        assert writer.interruptions == []
    assert extended.share.share.capacity == Capacity.parse(after)
    assert len(writer.acknowledged) >= 40
    assert lost(ada, "loaded", writer.acknowledged) == []
    assert seen_by(ada, "loaded") > small * 1.8
    assert ada.put("loaded", "beyond.bin", b"x" * (Capacity.parse(before).bytes + MIB)).status == OK


def failing(ports: Ports, config: Any, verbs: dict[str, Exception]) -> Host:
    """A host with a port whose verb fails before it does anything."""
    for where, error in verbs.items():
        name, verb = where.split(".")
        port = copy.copy(getattr(ports, name))

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        setattr(port, verb, fail)
        ports = evolve(ports, **{name: port})
    return bootstrap.host(ports, config.network)


REFUSED = OnlineGrowRefused("not on this kernel")


@pytest.mark.parametrize(
    "where",
    [
        "storage.grow_volume",
        "filesystems.grow_mounted",
        "smb_sessions.close_share",
        "filesystems.unmount",
        "filesystems.grow_unmounted",
    ],
)
def test_a_failed_extend_leaves_the_share_with_its_old_size(tenant: Tenant, where: str) -> None:
    """Whichever step fails, its error is raised, and the share is served with its data in its old size."""
    site = tenant.site
    ada = tenant.user("ada")
    assert ada.put("files", "kept.bin", b"kept" * MIB).status == OK
    before = footprint(site.config)
    size, provisioned = seen_by(ada, "files"), site.host.pool.show().provisioned
    image = image_of(site.config, site.host.servers.show(tenant.server).server, "files")
    # Offline on every kernel, so that each of its steps happens.
    verbs: dict[str, Exception] = {
        "filesystems.grow_mounted": REFUSED,
        where: BackendFailure(f"{where} failed"),
    }
    broken = failing(bootstrap.ports(site.config), site.config, verbs)
    with pytest.raises(BackendFailure, match=f"{where} failed"):
        broken.shares.extend(tenant.server, "files", Capacity.parse("128MiB"))
    view = site.host.shares.show(tenant.server, "files")
    assert view.share.capacity == Capacity.parse("64MiB")
    assert site.host.servers.show(tenant.server).problem == ""
    assert (image.stat().st_size, site.host.pool.show().provisioned) == (64 * MIB, provisioned)
    assert footprint(site.config) == before
    assert seen_by(ada, "files") == size
    assert ada.get("files", "kept.bin") == b"kept" * MIB
    assert ada.put("files", "more.bin", b"more").status == OK
    site.host.shares.extend(tenant.server, "files", Capacity.parse("128MiB"))
    assert seen_by(ada, "files") > size * 1.8
    assert ada.get("files", "kept.bin") == b"kept" * MIB


# -- create and delete


def test_a_share_with_open_files_is_deleted_without_a_trace(tenant: Tenant) -> None:
    """A delete ends open files; nothing of the share is left, and the connection's other share goes on."""
    site, host = tenant.site, tenant.site.host
    ada = tenant.user("ada")
    before = footprint(site.config)
    host.shares.create(tenant.server, "doomed", Capacity.parse("32MiB"))
    host.access.allow(tenant.server, "doomed", "ada")
    with ada.connection() as session:
        kept = open_file(ada.tree(session, "files"), "kept.txt", create=True)
        opened = open_file(ada.tree(session, "doomed"), "open.txt", create=True)
        assert opened.write(b"before") == 6
        assert kept.write(b"before") == 6
        host.shares.delete(tenant.server, "doomed")
        assert footprint(site.config) == before
        with pytest.raises(SMBResponseException, match="STATUS_NETWORK_NAME_DELETED"):
            opened.write(b"after", 6)
        assert kept.write(b" after", 6) == 6
        assert kept.read(0, 100) == b"before after"
        kept.close()
    assert ada.do("doomed", "ls").status == NO_SHARE
    assert ada.get("files", "kept.txt") == b"before after"


@pytest.mark.parametrize("kind", list(FileSystemKind))
def test_creating_and_deleting_leaves_nothing(tenant: Tenant, kind: FileSystemKind) -> None:
    """A deleted share leaves no loop device, mount or file; a new one of its name is empty."""
    site, host = tenant.site, tenant.site.host
    ada = tenant.user("ada")
    size = Capacity.parse("320MiB")
    before, pool = footprint(site.config), host.pool.show().provisioned
    for content in (b"first", b"second"):
        host.shares.create(tenant.server, "passing", size, kind)
        during = footprint(site.config)
        for what in ("mounts", "loops"):
            assert len(during[what]) == len(before[what]) + 1
        assert host.pool.show().provisioned == pool + size.bytes
        host.access.allow(tenant.server, "passing", "ada")
        assert ada.get("passing", "x.txt") != b"first"
        assert ada.put("passing", "x.txt", content).status == OK
        assert ada.get("passing", "x.txt") == content
        host.shares.delete(tenant.server, "passing")
        assert footprint(site.config) == before
        assert host.pool.show().provisioned == pool
        assert ada.do("passing", "ls").status == NO_SHARE
    assert ada.do("files", "ls").status == OK


def test_a_hundred_shares_on_one_server(site: Site, remove_after: Callable[[str], str]) -> None:
    """A hundred shares are made, listed and served by one server, and go with it."""
    host, name = site.host, remove_after("hundred")
    before = footprint(site.config)
    started = time.monotonic()
    server = host.servers.create(name).server
    shares = [f"share-{number:03}" for number in range(100)]
    for share in shares:
        host.shares.create(name, share, Capacity.parse("16MiB"))
    created = time.monotonic()
    password = site.allow(name, shares[0], "ada")
    for share in shares[1:]:
        host.access.allow(name, share, "ada")
    allowed = time.monotonic()
    address = str(server.interfaces[0].addresses[0].ip)
    client = site.client_on(str(site.config.network.bridge), "10.213.0.202/24")
    ada = site.smb(client, address, "ada", password)
    said = ada.namespace.run(*ada.argv("IPC$", "-m", "SMB3", "-g", "-L", f"//{address}"))
    listed = {line.split("|")[1] for line in said.stdout.splitlines() if line.startswith("Disk|")}
    assert listed == set(shares), said.stdout + said.stderr
    for share in random.sample(shares, 5):
        assert ada.put(share, "who.txt", share.encode()).status == OK
        assert ada.get(share, "who.txt") == share.encode()
        assert abs(seen_by(ada, share) - 16 * MIB) < 4 * MIB
    assert len(host.shares.list(name)) == 100
    site.namespaces.remove(client)
    client.remove()  # its port would keep the bridge
    used_it = time.monotonic()
    host.servers.delete(name, with_shares=True)
    deleted = time.monotonic()
    assert footprint(site.config) == before
    times = {
        "create": created - started,
        "allow": allowed - created,
        "delete": deleted - used_it,
    }
    told = ", ".join(f"{what} {spent:.1f} s" for what, spent in times.items())
    print(f"100 shares: {told}")  # noqa: T201 - for whoever runs it with -rP


# -- the pool


def test_the_pool_refuses_a_share_that_does_not_fit() -> None:
    """It raises NoCapacity and leaves nothing; promised space is really reserved."""
    with opened_site(pools=(FilePool(size=Capacity.parse("256MiB")),)) as site:
        host = site.host
        host.servers.create("full")
        host.shares.create("full", "first", Capacity.parse("160MiB"))
        before, pool = footprint(site.config), host.pool.show()
        assert (pool.total, pool.provisioned, pool.free) == (256 * MIB, 160 * MIB, 96 * MIB)
        assert not pool.overprovisioned
        image = image_of(site.config, host.servers.show("full").server, "first")
        assert image.stat().st_blocks * 512 >= 160 * MIB
        for refused in (
            lambda: host.shares.create("full", "second", Capacity.parse("97MiB")),
            lambda: host.shares.extend("full", "first", Capacity.parse("257MiB")),
        ):
            with pytest.raises(NoCapacity, match="96 MiB free") as raised:
                refused()
            assert raised.value.hint
            assert footprint(site.config) == before
            assert host.pool.show() == pool
        assert host.shares.show("full", "first").share.capacity == Capacity.parse("160MiB")
        host.shares.create("full", "second", Capacity.parse("96MiB"))
        assert host.pool.show().free == 0
        host.shares.delete("full", "second")
        host.shares.extend("full", "first", Capacity.parse("256MiB"))
        assert host.pool.show().free == 0
        host.servers.delete("full", with_shares=True)
        assert host.pool.show().free == 256 * MIB


def test_an_overprovisioned_pool_promises_more_than_it_has() -> None:
    """With the option, shares are sparse and may together exceed the pool, but no single share may."""
    with opened_site(pools=(FilePool(size=Capacity.parse("256MiB"), overprovision=True),)) as site:
        host = site.host
        host.servers.create("thin")
        for name in ("first", "second"):
            host.shares.create("thin", name, Capacity.parse("200MiB"))
        pool = host.pool.show()
        assert (pool.overprovisioned, pool.provisioned, pool.total) == (True, 400 * MIB, 256 * MIB)
        image = image_of(site.config, host.servers.show("thin").server, "first")
        assert image.stat().st_size == 200 * MIB
        assert image.stat().st_blocks * 512 < 64 * MIB
        before = footprint(site.config)
        with pytest.raises(NoCapacity):
            host.shares.create("thin", "third", Capacity.parse("257MiB"))
        assert footprint(site.config) == before
        host.servers.delete("thin", with_shares=True)
