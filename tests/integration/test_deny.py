"""When a deny returns, it has taken effect: on open files and running requests, and on nobody else.

smbprotocol holds the handles: it neither reconnects nor hides a refusal.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable

import pytest
from attrs import define, evolve, field
from smbprotocol.open import Open

from shares_core import AccessRule, Capacity
from shares_core.adapters.state.layout import Layout
from shares_core.domain.names import netbios_name
from tests.integration.conftest import Tenant
from tests.integration.support.held import SHARE_CLOSED, Held
from tests.testkit.clients import SmbClient, nt_status, open_file

OK = "NT_STATUS_OK"
DENIED = "NT_STATUS_ACCESS_DENIED"
NO_SHARE = "NT_STATUS_BAD_NETWORK_NAME"
_SECONDS = 30.0


# ---- what is under way


@define
class Writer:
    """Appends to a file over one handle, as fast as the server answers, until it is refused."""

    file: Open
    block: bytes
    written: int = 0
    refusal: str = ""
    under_way: threading.Event = field(factory=threading.Event)

    def run(self) -> None:
        while not self.refusal:
            status = nt_status(lambda: self.file.write(self.block, self.written))
            if status == OK:
                self.written += len(self.block)
            else:
                self.refusal = status
            if self.refusal or self.written >= 20 * len(self.block):
                self.under_way.set()


@pytest.mark.parametrize("block", [512, 16 * 1024])
def test_deny_while_a_file_is_being_written(tenant: Tenant, hold: Callable[..., Held], block: int) -> None:
    """When deny returns, no write succeeds any more, neither on the open file nor on a new connection."""
    ada, bob = hold(tenant.user("ada")), hold(tenant.user("bob"))
    writer = Writer(ada.open("growing"), b"x" * block)
    thread = threading.Thread(target=writer.run)
    thread.start()
    try:
        assert writer.under_way.wait(_SECONDS)
        assert writer.refusal == ""
        tenant.deny("ada")
        size = bob.open("growing").end_of_file
    finally:
        thread.join(_SECONDS)
    assert writer.refusal == SHARE_CLOSED
    assert [nt_status(lambda: writer.file.write(b"more", size)) for _ in range(10)] == [SHARE_CLOSED] * 10
    assert ada.enter() == DENIED
    assert ada.client.put("files", "growing", b"again").status == DENIED
    assert bob.open("growing").end_of_file == size
    assert size == writer.written
    assert (bob.write, bob.read) == (OK, OK)


@pytest.mark.parametrize("share", ["Büro 株式会社", "#1 {x} !a", "🦊" * 40, "old$", "@x (a) 'b'"])
@pytest.mark.parametrize("user", ["Max Müller", "ada@example.com", "李小龍先生"])
def test_deny_closes_whatever_share_whoever_has_it(
    tenant: Tenant, hold: Callable[..., Held], share: str, user: str
) -> None:
    """Names that Samba's tools and the script have to take as they are, in another case too."""
    host = tenant.site.host
    host.shares.create(tenant.server, share, Capacity.parse("16MiB"))
    ada = hold(tenant.smb(user, tenant.site.allow(tenant.server, share, user)), share)
    bob = hold(tenant.smb("bob", tenant.site.allow(tenant.server, share, "bob")), share)
    assert host.access.deny(tenant.server, share.upper(), user.upper()) is True
    assert (ada.write, ada.enter(share), bob.write) == (SHARE_CLOSED, DENIED, OK)
    host.shares.delete(tenant.server, share)
    assert bob.write == SHARE_CLOSED


def test_a_write_that_waits_for_the_disk_has_ended_when_deny_returns(
    tenant: Tenant, hold: Callable[..., Held]
) -> None:
    """Deny waits for a write that smbd has accepted, so that none finishes after it has returned."""
    ada, bob = hold(tenant.user("ada")), hold(tenant.user("bob"))
    file = ada.open("slow")
    assert file.write(b"x" * 4096, 0) == 4096
    server = tenant.site.host.servers.show(tenant.server).server
    mount = Layout(tenant.site.config.state_dir).share(server.id, server.share("files").id)
    on_disk = mount / "data" / "slow"
    denying = threading.Thread(target=lambda: tenant.deny("ada"))
    subprocess.run(["fsfreeze", "--freeze", str(mount)], check=True)
    try:
        request, receive = file.write(b"y" * 4096, 4096, send=False)
        sent = ada.session.connection.send(request, ada.session.session_id, file.tree_connect.tree_connect_id)
        denying.start()
        denying.join(1.5)  # it takes half a second if nothing is under way
        assert denying.is_alive()
    finally:
        subprocess.run(["fsfreeze", "--unfreeze", str(mount)], check=True)
    denying.join(_SECONDS)
    size = os.stat(on_disk).st_size
    assert not denying.is_alive()
    assert nt_status(lambda: receive(sent)) == OK
    assert (size, os.stat(on_disk).st_size) == (8192, 8192)
    assert nt_status(lambda: file.write(b"more", size)) == SHARE_CLOSED
    assert (bob.write, bob.read) == (OK, OK)


# ---- whom it reaches, and whom it does not


def test_deny_of_the_last_user_closes_the_share(tenant: Tenant, hold: Callable[..., Held]) -> None:
    """The last user's open file is closed as well, and the share is gone for that session."""
    ada = hold(tenant.user("ada"))
    tenant.deny("ada")
    assert (ada.write, ada.read, ada.enter()) == (SHARE_CLOSED, SHARE_CLOSED, NO_SHARE)
    tenant.relevel("ada")
    ada.reopen()
    assert ada.write == OK


def test_deny_leaves_other_connections_alone(tenant: Tenant, hold: Callable[..., Held]) -> None:
    """Other users' files stay open, and so do the same user's on another share."""
    site = tenant.site
    site.host.shares.create(tenant.server, "lobby", Capacity.parse("64MiB"))
    ada, bob, eve = tenant.user("ada"), hold(tenant.user("bob")), hold(tenant.user("eve", "rw"))
    site.host.access.allow(tenant.server, "lobby", "ada")
    files = hold(ada)
    lobby = hold(ada, "lobby", files.session)
    tenant.deny("ada")
    assert (files.write, files.enter()) == (SHARE_CLOSED, DENIED)
    assert (bob.write, eve.write, lobby.write) == (OK, OK, OK)
    assert site.host.access.deny(tenant.server, "files", "ada") is False
    assert (bob.write, eve.write, lobby.write) == (OK, OK, OK)


def test_deny_finds_every_connection_of_the_user(tenant: Tenant, hold: Callable[..., Held]) -> None:
    """Several connections, the user or the share in another case, a domain: it closes all."""
    ada, bob = tenant.user("ada"), hold(tenant.user("bob"))
    domain = netbios_name(tenant.server_id)
    spelled = [ada, ada, *(evolve(ada, user=user) for user in ("ADA", "nowhere\\Ada", f"{domain}\\ada"))]
    held = [hold(client) for client in spelled] + [hold(ada, "FILES")]
    tenant.deny("ada")
    assert [one.write for one in held] == [SHARE_CLOSED] * len(held)
    assert [one.enter() for one in held] == [DENIED] * len(held)
    assert bob.write == OK


def test_a_share_with_an_odd_name_is_closed_too(tenant: Tenant, hold: Callable[..., Held]) -> None:
    """Spaces, apostrophes and brackets in a share's name keep no file open."""
    name = "R&D's plan (2026) -x"
    tenant.site.host.shares.create(tenant.server, name, Capacity.parse("64MiB"))
    site = tenant.site
    ada = hold(tenant.smb("ada", site.allow(tenant.server, name, "ada")), name)
    bob = hold(tenant.smb("bob", site.allow(tenant.server, name, "bob")), name)
    tenant.deny("ada", name)
    assert (ada.write, ada.enter(name), bob.write) == (SHARE_CLOSED, DENIED, OK)
    tenant.deny("bob", name)
    assert (bob.write, bob.enter(name)) == (SHARE_CLOSED, NO_SHARE)


# ---- connections that are shared, half made, or made anew


def test_two_users_on_one_connection(tenant: Tenant, hold: Callable[..., Held]) -> None:
    """After a deny of one of two users on a connection, only the other can connect to the share again."""
    ada, bob, eve = tenant.user("ada"), tenant.user("bob"), hold(tenant.user("eve"))
    with ada.negotiated() as connection:
        one = hold(ada, session=ada.log_in(connection))
        other = hold(bob, session=bob.log_in(connection))
        tenant.deny("ada")
        assert (one.write, one.enter()) == (SHARE_CLOSED, DENIED)
        assert other.write == SHARE_CLOSED
        other.file = other.open("held by bob")
        assert (other.write, eve.write) == (OK, OK)
        tenant.deny("bob")
        assert (other.write, other.enter(), eve.write) == (SHARE_CLOSED, DENIED, OK)


def test_deny_returns_although_others_on_the_connection_reconnect_at_once(
    tenant: Tenant, hold: Callable[..., Held]
) -> None:
    """Users who are disconnected with the denied one and reconnect at once do not delay the deny."""
    ada, bob = tenant.user("ada"), tenant.user("bob")
    stop = threading.Event()
    with ada.negotiated() as connection:
        one = hold(ada, session=ada.log_in(connection))
        other = hold(bob, session=bob.log_in(connection))

        def go_on() -> None:
            while not stop.is_set():
                if other.write == SHARE_CLOSED:
                    other.file = other.open("held by bob")

        going_on = threading.Thread(target=go_on)
        going_on.start()
        try:
            tenant.deny("ada")
        finally:
            stop.set()
            going_on.join(_SECONDS)
        assert (one.write, one.enter(), other.write) == (SHARE_CLOSED, DENIED, OK)


def test_half_made_connections_get_nothing(tenant: Tenant, hold: Callable[..., Held]) -> None:
    """A client that logged in, or only connected, before the deny and goes on after it is refused."""
    ada, bob = tenant.user("ada"), hold(tenant.user("bob"))
    with ada.connection() as logged_in, ada.negotiated() as connected:
        assert nt_status(lambda: logged_in.connection.echo(sid=logged_in.session_id)) == OK
        tenant.deny("ada")
        assert nt_status(lambda: ada.tree(logged_in, "files")) == DENIED
        late = ada.log_in(connected)
        assert nt_status(lambda: ada.tree(late, "files")) == DENIED
    assert bob.write == OK


@define
class Knocker:
    """Connects, logs in and writes, again and again; notes how each try that began late ended."""

    client: SmbClient
    inside: threading.Event = field(factory=threading.Event)
    denied: threading.Event = field(factory=threading.Event)
    stop: threading.Event = field(factory=threading.Event)
    late: list[str] = field(factory=list)

    def run(self) -> None:
        while not self.stop.is_set():
            late = self.denied.is_set()
            status = nt_status(self._enter)
            if status == OK:
                self.inside.set()
            if late:
                self.late.append(status)
            if len(self.late) >= 20:
                return

    def _enter(self) -> None:
        with self.client.connection() as session:
            open_file(self.client.tree(session, "files"), "knock").write(b"knock", 0)


def test_who_keeps_connecting_is_out_when_deny_returns(tenant: Tenant, hold: Callable[..., Held]) -> None:
    """However fast a client reconnects, no try that begins after the deny has returned succeeds."""
    ada, bob = tenant.user("ada"), hold(tenant.user("bob"))
    knockers = [Knocker(ada) for _ in range(3)]
    threads = [threading.Thread(target=knocker.run) for knocker in knockers]
    for thread in threads:
        thread.start()
    try:
        assert [knocker.inside.wait(_SECONDS) for knocker in knockers] == [True] * 3
        tenant.deny("ada")
        for knocker in knockers:
            knocker.denied.set()
        for thread in threads:
            thread.join(_SECONDS)
    finally:
        for knocker in knockers:
            knocker.stop.set()
    assert [knocker.late for knocker in knockers] == [[DENIED] * 20] * 3
    assert (bob.write, bob.read) == (OK, OK)


def test_replace_disconnects_only_restricted_users(tenant: Tenant, hold: Callable[..., Held]) -> None:
    """Users with less access after a replacement are disconnected; others keep their files open."""
    ada, bob, eve = (hold(tenant.user(name)) for name in ("ada", "bob", "eve"))
    rules = [
        AccessRule.for_user(name, level) for name, level in (("bob", "ro"), ("eve", "rw"), ("new", "rw"))
    ]
    tenant.site.host.access.replace(tenant.server, "files", rules)
    assert (ada.write, ada.enter()) == (SHARE_CLOSED, DENIED)
    assert (bob.write, bob.enter()) == (SHARE_CLOSED, OK)
    assert nt_status(lambda: bob.open("held by bob")) == DENIED
    assert (eve.write, eve.read) == (OK, OK)
