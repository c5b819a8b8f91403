"""Changes of levels, passwords, users and shares take effect on open connections before the call returns.

smbprotocol holds the handles: it neither reconnects nor hides a refusal.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve

from shares_core import AccessLevel, Capacity, Secret
from shares_core.domain.views import PasswordOutcome
from tests.integration.conftest import Tenant
from tests.integration.support.held import SHARE_CLOSED, Held
from tests.testkit.clients import CONNECTION_CLOSED, READ, nt_status, open_file, still_admitted
from tests.testkit.probes import until

OK = "NT_STATUS_OK"
DENIED = "NT_STATUS_ACCESS_DENIED"
NO_SHARE = "NT_STATUS_BAD_NETWORK_NAME"
LOGON_FAILURE = "NT_STATUS_LOGON_FAILURE"


# ---- levels


def test_lowering_a_level_takes_effect_on_an_open_connection(
    tenant: Tenant, hold: Callable[..., Held]
) -> None:
    """When rw to ro returns, a file open for writing is closed; the session can read, but not write."""
    ada, bob = hold(tenant.user("ada")), hold(tenant.user("bob"))
    tenant.relevel("ada", AccessLevel.READ_ONLY)
    assert (ada.write, ada.read) == (SHARE_CLOSED, SHARE_CLOSED)
    assert (bob.write, bob.read) == (OK, OK)
    tree = ada.client.tree(ada.session, "files")
    assert open_file(tree, "held by ada", READ).read(0, 5) == b"still"
    assert nt_status(lambda: open_file(tree, "held by ada")) == DENIED
    assert nt_status(lambda: open_file(tree, "new")) == DENIED
    assert (bob.write, bob.read) == (OK, OK)


def test_raising_a_level_disturbs_nobody(tenant: Tenant, hold: Callable[..., Held]) -> None:
    """When ro to rw returns, open files are still open, and the next connection to the share may write."""
    ada, bob = tenant.user("ada"), tenant.user("bob", "ro")
    held = hold(ada)
    with bob.connection() as session:
        reading = open_file(bob.tree(session, "files"), "held by ada", READ)
        assert nt_status(lambda: open_file(bob.tree(session, "files"), "new")) == DENIED
        tenant.relevel("bob", AccessLevel.READ_WRITE)
        assert reading.read(0, 5) == b"still"
        assert (held.write, held.read) == (OK, OK)
        # Tried again: in a session that is there, smbd reads the new level in its own time.
        assert until(lambda: nt_status(lambda: open_file(bob.tree(session, "files"), "new")) == OK)


def test_lowering_the_only_writer_takes_effect_on_a_shared_connection(tenant: Tenant) -> None:
    """A process that serves the share keeps parameters that its section omits, so none is omitted."""
    ada, bob = tenant.user("ada"), tenant.user("bob", "ro")
    assert ada.put("files", "kept", b"kept").status == OK
    with bob.negotiated() as shared:
        reading = open_file(bob.tree(bob.log_in(shared), "files"), "kept", READ)
        tenant.relevel("ada", AccessLevel.READ_ONLY)
        tree = ada.tree(ada.log_in(shared), "files")
        assert nt_status(lambda: open_file(tree, "kept")) == DENIED
        assert open_file(tree, "kept", READ).read(0, 4) == b"kept"
        assert nt_status(lambda: reading.read(0, 4)) == OK


def test_a_lowered_only_writer_can_no_longer_write(tenant: Tenant, hold: Callable[..., Held]) -> None:
    """Even if nobody else uses the share."""
    ada = hold(tenant.user("ada"))
    tenant.relevel("ada", AccessLevel.READ_ONLY)
    assert (ada.write, ada.read) == (SHARE_CLOSED, SHARE_CLOSED)
    tree = ada.client.tree(ada.session, "files")
    assert nt_status(lambda: open_file(tree, "held by ada")) == DENIED
    assert open_file(tree, "held by ada", READ).read(0, 5) == b"still"


def test_a_level_can_be_lowered_and_raised_repeatedly(tenant: Tenant, hold: Callable[..., Held]) -> None:
    """rw, ro, rw, ro on one session: each lowering ends what was open, each raising lets it write again."""
    ada, bob = hold(tenant.user("ada")), hold(tenant.user("bob"))
    for _ in range(2):
        tenant.relevel("ada", AccessLevel.READ_ONLY)
        assert ada.write == SHARE_CLOSED
        assert nt_status(lambda: ada.open("held by ada")) == DENIED
        tenant.relevel("ada")
        ada.reopen()
        assert ada.write == OK
    assert bob.write == OK


# ---- passwords, users and shares


def test_set_password_ends_the_users_sessions(tenant: Tenant, hold: Callable[..., Held]) -> None:
    """The user's connections end, the old password is refused, the new one works; others are undisturbed."""
    ada, bob = hold(tenant.user("ada")), hold(tenant.user("bob"))
    changed = tenant.site.host.users.set_password(tenant.server, "ada", Secret("a new one"))
    assert (changed.outcome, changed.password) == (PasswordOutcome.SET, None)
    assert (ada.write, ada.enter()) == (CONNECTION_CLOSED, CONNECTION_CLOSED)
    assert ada.client.do("files", "ls").status == LOGON_FAILURE
    hold(evolve(ada.client, password="a new one"))
    made = tenant.site.host.users.set_password(tenant.server, "ada")
    assert made.outcome is PasswordOutcome.GENERATED
    assert made.password is not None
    assert evolve(ada.client, password="a new one").do("files", "ls").status == LOGON_FAILURE
    hold(evolve(ada.client, password=made.password.reveal()))
    assert (bob.write, bob.read) == (OK, OK)


def test_allow_with_a_password_ends_the_users_sessions(tenant: Tenant, hold: Callable[..., Held]) -> None:
    """A password set together with a rule takes effect at once, like any other."""
    ada, bob = hold(tenant.user("ada")), hold(tenant.user("bob"))
    rw = AccessLevel.READ_WRITE
    allowed = tenant.site.host.access.allow(tenant.server, "files", "ada", rw, Secret("a new one"))
    assert allowed.outcome is PasswordOutcome.SET
    assert ada.write == CONNECTION_CLOSED
    assert ada.client.do("files", "ls").status == LOGON_FAILURE
    assert (hold(evolve(ada.client, password="a new one")).write, bob.write) == (OK, OK)


@pytest.mark.parametrize("denied", [False, True])
def test_removing_a_user_ends_their_sessions(tenant: Tenant, hold: Callable[..., Held], denied: bool) -> None:
    """A removed user's connections end, with or without a rule; others are undisturbed."""
    ada, bob = hold(tenant.user("ada")), hold(tenant.user("bob"))
    if denied:
        tenant.deny("ada")
        assert (ada.write, ada.enter()) == (SHARE_CLOSED, DENIED)
    with ada.client.negotiated() as connected:
        tenant.site.host.users.remove(tenant.server, "ada")
        assert (ada.write, ada.enter()) == (CONNECTION_CLOSED, CONNECTION_CLOSED)
        assert nt_status(lambda: ada.client.log_in(connected)) == LOGON_FAILURE
    assert ada.client.do("files", "ls").status == LOGON_FAILURE
    assert (bob.write, bob.read) == (OK, OK)


def test_a_new_user_does_not_inherit_a_removed_ones_session(
    tenant: Tenant, hold: Callable[..., Held]
) -> None:
    """Neither a new user of the same name nor the next new user gets the removed user's access."""
    bob, ada = hold(tenant.user("bob")), hold(tenant.user("ada"))
    tenant.site.host.users.remove(tenant.server, "ada")
    with still_admitted(bob.client):
        eve = hold(tenant.user("eve"))
        again = hold(tenant.user("ada"))
        assert (ada.write, ada.enter()) == (CONNECTION_CLOSED, CONNECTION_CLOSED)
        assert ada.client.do("files", "ls").status == LOGON_FAILURE
    assert (bob.write, eve.write, again.write) == (OK, OK, OK)


def test_deleting_a_share_closes_what_is_open_on_it(tenant: Tenant, hold: Callable[..., Held]) -> None:
    """Open files end with their share, and other shares of the same connection go on."""
    site = tenant.site
    site.host.shares.create(tenant.server, "lobby", Capacity.parse("64MiB"))
    ada = tenant.user("ada")
    site.host.access.allow(tenant.server, "lobby", "ada")
    files = hold(ada)
    lobby = hold(ada, "lobby", files.session)
    site.host.shares.delete(tenant.server, "lobby")
    assert (lobby.write, lobby.enter("lobby")) == (SHARE_CLOSED, NO_SHARE)
    assert (files.write, files.read) == (OK, OK)
