"""A compromised smbd plants links, pipes, folders and devices wherever it can write, while the host works."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from shares_core import BackendFailure, Capacity
from shares_core.adapters.filesystems import mounting
from shares_core.adapters.state.layout import Layout
from shares_core.domain.errors import NotFound
from tests.integration.conftest import Tenant
from tests.integration.support.intruder import (
    Intruder,
    canary,
    cleanly,
    in_time,
    intruder_in,
    refused,
)
from tests.testkit.clients import SmbClient

OK = "NT_STATUS_OK"
PASSWORDS = "/private/smbpasswd"

PLANTED = {
    "a folder": "mkdir -p {p}/deep/er && : > {p}/deep/file",
    "a link to a host's file": "ln -s {canary} {p}",
    "a link to nothing": "ln -s /nowhere {p}",
    "a link to itself": "ln -s smbpasswd {p}",
    "a pipe": "mkfifo {p}",
    "a hard link": ": > /private/twin && ln /private/twin {p}",
    "a file of another's mode": ": > {p} && chmod 0000 {p}",
    "nothing": "true",
}
#: A tree deeper than a path may be long, than Python's stack, and than a process may open folders.
DEEP = "cd /private; deep=$(printf 'd/%.0s' {1..1500}); for i in 1 2 3; do mkdir -p $deep && cd $deep; done"


@pytest.fixture
def ada(tenant: Tenant) -> SmbClient:
    """The honest user, with a file."""
    client = tenant.user("ada")
    assert client.put("files", "honest.txt", b"honest").status == OK
    return client


def _private(tenant: Tenant) -> Path:
    server = tenant.site.host.servers.show(tenant.server).server
    return Layout(tenant.site.config.state_dir).private(server.id)


def test_nothing_in_the_place_of_the_passwords_wedges_the_server(
    tenant: Tenant, ada: SmbClient, intruder: Intruder
) -> None:
    """Whatever is in the passwords' place is replaced, never followed, opened or waited for."""
    private = _private(tenant)
    with canary(tenant.site.folder) as victim:
        for number, (what, script) in enumerate(PLANTED.items()):
            planted = script.format(p=PASSWORDS, canary=victim)
            intruder.succeeds(f"rm -rf {PASSWORDS} && {planted}")
            with in_time(20):
                new = tenant.user(f"user-{number}")
            assert (what, new.do("files", "ls").status) == (what, OK)
            found = (private / "smbpasswd").lstat()
            assert (what, stat.S_ISREG(found.st_mode), found.st_nlink) == (what, True, 1)
            assert (what, os.listdir(private)) == (what, ["smbpasswd"])
            tenant.user(f"another-{number}")  # the next call removes what this one moved aside
            parts = ["applied", "config", "private", "shares"]
            assert (what, sorted(os.listdir(private.parent))) == (what, parts)
    assert ada.get("files", "honest.txt") == b"honest"


def test_a_tree_of_any_depth_is_removed(tenant: Tenant, ada: SmbClient, intruder: Intruder) -> None:
    """Folders nested deeper than any path do not keep the host from writing there or removing all."""
    intruder.succeeds(DEEP)
    with in_time(20):
        tenant.user("bob")
    assert os.listdir(_private(tenant)) == ["smbpasswd"]
    intruder.succeeds(DEEP)
    server = tenant.site.host.servers.show(tenant.server).server
    tenant.site.host.servers.stop(tenant.server)
    tenant.site.host.servers.start(tenant.server)
    assert ada.get("files", "honest.txt") == b"honest"
    with intruder_in(tenant.site, tenant.server) as again:
        again.succeeds(DEEP)
    with in_time(20):
        tenant.site.host.servers.delete(tenant.server, with_shares=True)
    assert not Layout(tenant.site.config.state_dir).server(server.id).exists()
    tenant.site.host.servers.create(tenant.server)  # for the fixture to delete


def test_planting_while_the_host_works(tenant: Tenant, ada: SmbClient, intruder: Intruder) -> None:
    """While it plants without pause, every call succeeds or raises one of our errors; then all is well."""
    host, server = tenant.site.host, tenant.server
    host.shares.create(server, "second", Capacity.parse("32MiB"))
    with canary(tenant.site.folder) as victim:
        step = f"""
        for folder in /private /tmp /run /var/lib/samba /shares/*/data; do
          ln -sfn {victim} $folder/.new-smbpasswd-000000000000; ln -sfn {victim} $folder/link
          ln -sfn {victim.parent} $folder/folder; [ -p $folder/pipe ] || mkfifo $folder/pipe
          [ -e $folder/hard ] || ln $folder/pipe $folder/hard
        done
        rm -rf {PASSWORDS}; mkdir -p {PASSWORDS}/x; rm -rf {PASSWORDS}; ln -s {victim} {PASSWORDS}
        for share in /shares/*; do mv $share/data $share/gone; rmdir $share/data; done 2>/dev/null
        """
        calls: list[Callable[[], object]] = [
            lambda: host.access.allow(server, "files", "bob"),
            lambda: host.access.deny(server, "files", "bob"),
            lambda: host.users.set_password(server, "ada"),
            lambda: host.shares.extend(server, "files", Capacity.parse("96MiB")),
            lambda: host.shares.create(server, "third", Capacity.parse("32MiB")),
            lambda: host.shares.delete(server, "third"),
            lambda: host.shares.delete(server, "second"),
            lambda: host.fleet.reconcile().servers,
            lambda: host.servers.stop(server),
        ]
        with intruder.looping(step):
            for call in calls:
                with cleanly():
                    call()
        host.servers.start(server)
        assert "bob" not in {str(rule.principal.name) for rule in host.access.list(server, "files")}
        password = host.users.set_password(server, "ada").password
        assert password is not None
        assert tenant.smb("ada", password.reveal()).get("files", "honest.txt") == b"honest"
        assert host.servers.show(server).problem == ""
        with intruder.looping(step):
            host.servers.delete(server, with_shares=True)
        with pytest.raises(NotFound):
            host.servers.show(server)
    host.servers.create(server)  # for the fixture to delete


def test_no_device_can_be_made_anywhere(tenant: Tenant, ada: SmbClient, intruder: Intruder) -> None:
    """mknod is not permitted in any writable folder, where an ordinary file can be made."""
    folders = intruder.writable()
    share = tenant.site.host.servers.show(tenant.server).server.shares[0].id
    assert {"/private", "/tmp", "/dev/shm", f"/shares/{share}/data"} <= set(folders)
    for folder in folders:
        for device in ("b 7 0", "c 1 1", "b 8 0"):
            refused(intruder.sh(f"mknod {folder}/device {device}"), "Operation not permitted")
        intruder.succeeds(f": > {folder}/ordinary && rm {folder}/ordinary")
    assert ada.get("files", "honest.txt") == b"honest"


def test_nothing_that_was_written_can_be_run(tenant: Tenant, ada: SmbClient, intruder: Intruder) -> None:
    """No program starts in any writable folder, by itself or through the loader."""
    loader = intruder.succeeds("echo /lib64/ld-linux-*.so.*").strip()
    intruder.succeeds(f"/bin/true && {loader} /bin/true")
    folders = set(intruder.writable()) - {"/dev/mqueue"}  # files there hold messages
    assert len(folders) > 6
    for folder in folders:
        intruder.succeeds(f"cp /bin/true {folder}/program && chmod 0700 {folder}/program")
        refused(intruder.sh(f"{folder}/program"), "Permission denied")
        refused(intruder.sh(f"{loader} {folder}/program"), "failed to map segment")
        intruder.succeeds(f"rm {folder}/program")
    assert ada.get("files", "honest.txt") == b"honest"


def test_the_served_folder_stays_where_it_is(tenant: Tenant, ada: SmbClient, intruder: Intruder) -> None:
    """smbd owns the contents of the served folder, but cannot move, remove or join the folder."""
    share = f"/shares/{tenant.site.host.servers.show(tenant.server).server.shares[0].id}"
    for command in (
        f"mv {share}/data {share}/gone",
        f"mv {share}/data /private/data",
        f"rm -rf {share}/data",
        f"mkdir {share}/beside",
        f"ln -s /etc {share}/link",
        f"chmod 0777 {share}",
        f"mv {share} /shares/other",
        "mkdir /shares/new",
    ):
        refused(intruder.sh(command), "Permission denied", "Operation not permitted", "busy")
    assert ada.put("files", "honest.txt", b"again").status == OK  # its content is smbd's to remove
    assert ada.get("files", "honest.txt") == b"again"


def test_a_share_held_in_use_is_let_go_with_its_server(
    tenant: Tenant, ada: SmbClient, intruder: Intruder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that stays in a share makes its deletion fail until the server is stopped."""
    host, server = tenant.site.host, tenant.server
    host.shares.create(server, "held", Capacity.parse("32MiB"))
    held = host.servers.show(server).server.share("held").id
    monkeypatch.setattr(mounting, "_UNMOUNT_SECONDS", 0.5)
    intruder.start(f"cd /shares/{held}/data && exec sleep 300 > file")
    assert intruder.sh(f"until [ -e /shares/{held}/data/file ]; do :; done")[0] == 0
    with pytest.raises(BackendFailure, match="it is in use"):
        host.shares.delete(server, "held")
    host.servers.stop(server)
    host.servers.start(server)
    assert [str(share.name) for share in host.servers.show(server).server.shares] == ["files"]
    assert ada.get("files", "honest.txt") == b"honest"
