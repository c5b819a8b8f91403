"""A volume is not tied to a server: its files have one owner on disk, whom each server sees as its user."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import evolve

from shares_core import Capacity, HostNotReady, ShareFailed
from shares_core.adapters.filesystems.adapter import LinuxFileSystems
from shares_core.adapters.linux.mountcalls import NUMBERS, MountCalls
from shares_core.adapters.linux.mountinfo import mount_at
from shares_core.adapters.state.layout import Layout
from shares_core.bootstrap import host, ports
from shares_core.domain.server import ShareServer
from shares_core.domain.share import ShareStatus
from shares_core.domain.volume import DISK_OWNER
from tests.integration.conftest import Tenant
from tests.integration.support.namespaces import no_user_namespaces
from tests.integration.support.owners import mounted_aside, owners_of
from tests.testkit.footprint import everything
from tests.testkit.site import Site

OK = "NT_STATUS_OK"
MIB64 = Capacity.parse("64MiB")


def target_of(site: Site, server: ShareServer, share: str = "files") -> Path:
    return site.config.state_dir / "servers" / server.id / "shares" / server.share(share).id


@contextmanager
def on_disk(site: Site, server: ShareServer, share: str = "files") -> Iterator[Path]:
    """The share's folder on disk: in a second mount of the volume, which shows the real owners."""
    device = ports(site.config).storage.attach(server.share(share).volume.ref)
    with mounted_aside(device, site.folder / "look") as look:
        yield look / "data"


def is_mapped(site: Site, server: ShareServer) -> bool:
    mounted = mount_at(target_of(site, server))
    assert mounted is not None
    return mounted.idmapped


def test_what_clients_write_has_one_owner_on_disk(tenant: Tenant) -> None:
    """The server's user sees it as its own, in a running, a new and a restarted container."""
    site, ada = tenant.site, tenant.user("ada")
    server = site.host.servers.show(tenant.server).server

    def restart() -> None:
        subprocess.run(
            ["docker", "restart", "-t", "1", f"shares-{server.id}"], check=True, capture_output=True
        )
        site.host.fleet.reconcile()

    def start_anew() -> None:
        site.host.servers.stop(tenant.server)
        site.host.servers.start(tenant.server)

    names = []
    for number, have in enumerate((lambda: None, start_anew, restart)):
        have()
        names.append(f"file-{number}")
        assert ada.put("files", names[-1], b"x").status == OK
        assert ada.do("files", f"mkdir folder-{number}").status == OK
        assert [b"x"] * len(names) == [ada.get("files", name) for name in names]
        assert is_mapped(site, server)
        seen = owners_of(target_of(site, server) / "data")
        assert {(server.uid, server.uid)} == set(seen.values())
        with on_disk(site, server) as folder:
            there = owners_of(folder)
            assert (DISK_OWNER, DISK_OWNER) == (folder.stat().st_uid, folder.stat().st_gid)
        assert dict.fromkeys(seen, (DISK_OWNER, DISK_OWNER)) == there


def give_to(site: Site, server: ShareServer, owner: int) -> None:
    """Give the volume of the server's share this owner on disk, as in former releases."""
    site.host.servers.stop(str(server.name))
    with on_disk(site, server) as folder:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner, owner)
        os.chown(folder.parent, -1, 0)
    stopped = site.host.servers.show(str(server.name)).server
    share = stopped.share("files")
    owned = evolve(share, volume=evolve(share.volume, owner=owner))
    ports(site.config).records.save(stopped.with_share(owned))
    site.host.servers.start(str(server.name))


def move(site: Site, source: str, target: str) -> ShareServer:
    """Move the share to another server's record by hand. Returns that server."""
    records = ports(site.config).records
    for name in (source, target):
        site.host.servers.stop(name)
    giving, taking = (site.host.servers.show(name).server for name in (source, target))
    moved = giving.share("files")
    records.save(giving.without_share(moved.id))
    records.save(taking.with_share(moved))
    site.host.servers.start(target)
    return site.host.servers.show(target).server


@pytest.mark.parametrize("former", [False, True], ids=["new", "of a former release"])
def test_a_moved_volume_is_served_by_its_new_server(
    tenant: Tenant, remove_after: Callable[[str], str], former: bool
) -> None:
    """With all its files, whose owners on disk do not change.

    A former release's volume has its server's user as the owner on disk, and needs no mapping there.
    """
    site, ada = tenant.site, tenant.user("ada")
    assert ada.put("files", "before", b"before").status == OK
    first = site.host.servers.show(tenant.server).server
    owner = DISK_OWNER
    if former:
        owner = first.uid
        give_to(site, first, owner)
        assert ada.get("files", "before") == b"before"
        assert not is_mapped(site, first)
    name = remove_after("taking")
    site.host.servers.create(name)
    second = move(site, tenant.server, name)
    assert second.uid != first.uid
    assert second.share("files").status is ShareStatus.READY
    assert is_mapped(site, second)
    bob = site.smb(
        tenant.namespace,
        str(second.interfaces[0].addresses[0].ip),
        "bob",
        site.allow(name, "files", "bob"),
    )
    assert bob.get("files", "before") == b"before"
    assert bob.put("files", "after", b"after").status == OK
    assert {(second.uid, second.uid)} == set(owners_of(target_of(site, second) / "data").values())
    with on_disk(site, second) as folder:
        assert {"before": (owner, owner), "after": (owner, owner)} == owners_of(folder)
    site.host.shares.delete(name, "files")


@pytest.mark.parametrize("mapped", [False, True], ids=["no mapping", "another mapping"])
def test_what_was_mounted_by_hand_with_other_owners_is_not_served(tenant: Tenant, mapped: bool) -> None:
    """It is reported, and stays mounted; once it is unmounted, the share is served again."""
    site, ada = tenant.site, tenant.user("ada")
    assert ada.put("files", "kept", b"kept").status == OK
    server = site.host.servers.show(tenant.server).server
    share, own = server.share("files"), ports(site.config)
    target = target_of(site, server)
    site.host.servers.stop(tenant.server)
    own.folders.ensure(server.id, server.uid)
    device = own.storage.attach(share.volume.ref)
    if mapped:
        own.filesystems.mount(server.id, share.id, device, share.volume, server.uid + 1)
    else:
        target.mkdir(mode=0o700)
        subprocess.run(["mount", device, target], check=True)
    before = mount_at(target)
    with pytest.raises(ShareFailed, match="not so that the server owns its files"):
        own.filesystems.mount(server.id, share.id, device, share.volume, server.uid)
    assert before == mount_at(target)
    started = site.host.servers.start(tenant.server)
    assert started.server.share("files").status is ShareStatus.FAILED
    assert ada.do("files", "ls").status == "NT_STATUS_BAD_NETWORK_NAME"
    subprocess.run(["umount", target], check=True)
    assert all(view.problem == "" for view in site.host.fleet.reconcile().servers)
    assert ada.get("files", "kept") == b"kept"


def test_a_host_without_user_namespaces_is_refused_before_anything_is_made(
    tenant: Tenant, remove_after: Callable[[str], str]
) -> None:
    """Running servers go on, and with user namespaces back the same call succeeds."""
    site, ada = tenant.site, tenant.user("ada")
    with no_user_namespaces(site.folder):
        before = everything(site.config)
        for make in (
            lambda: site.host.servers.create("late"),
            lambda: site.host.shares.create(tenant.server, "late", MIB64),
        ):
            with pytest.raises(HostNotReady, match="max_user_namespaces is 0") as raised:
                make()
            assert raised.value.hint
            assert before == everything(site.config)
        assert ada.put("files", "meanwhile", b"meanwhile").status == OK
    site.host.servers.create(remove_after("late"))
    site.host.shares.create(tenant.server, "late", MIB64)


def test_a_kernel_without_idmapped_mounts_is_refused_before_anything_is_made(tenant: Tenant) -> None:
    """The kernel is asked for a call that no kernel has, and says so."""
    site = tenant.site
    calls = MountCalls({**NUMBERS, "mount_setattr": 99_999})
    own = evolve(ports(site.config), filesystems=LinuxFileSystems(Layout(site.config.state_dir), calls))
    lacking = host(own, site.config.network)
    before = everything(site.config)
    for make in (
        lambda: lacking.servers.create("late"),
        lambda: lacking.shares.create(tenant.server, "late", MIB64),
    ):
        with pytest.raises(HostNotReady, match="lacks mount_setattr"):
            make()
        assert before == everything(site.config)
