"""Becoming somebody else by a name: whoever logs in gets what their own name and password give, if that."""

from __future__ import annotations

from functools import partial

import pytest

from shares_core import AccessLevel, AccessRule, Capacity, Secret
from tests.integration.conftest import Tenant
from tests.testkit.clients import SmbClient, nt_status

OK = "NT_STATUS_OK"
DENIED = "NT_STATUS_ACCESS_DENIED"
LOGON_FAILURE = "NT_STATUS_LOGON_FAILURE"
_OWN = "mallory's own"
#: Other names by which ada, or her account, might be found; hers is the first account.
_LIKE_ADA = (
    *("ada", "ADA", "<10000>", "10000", "<10000", "ada ", " ada", "ada\t", "ada\n", "ada\x00", "ada\u200b"),
    *(
        "\uff41da",
        "a\u0301da",
        '"ada"',
        'x" "ada',
        "@ada",
        "+ada",
        "&ada",
        "&+ada",
        "*",
        "%U",
        "ada*",
        "x ada",
    ),
    *("SHARES\\ada", "SHARES/ada", "ada@SHARES", "Unix User\\<10000>", "S-1-22-1-10000", "shares", "<guest>"),
)
#: Names of Samba's own and of accounts, each of which a person may have.
_NAMES = (
    "10000",
    "guest",
    "nobody",
    "shares",
    "root",
    "Everyone",
    "S-1-22-1-10000",
    "%U",
    "!ada",
    "#ada",
)


@pytest.fixture
def mallory(tenant: Tenant) -> SmbClient:
    """A user with an own share; ``files`` is ada's, whose account is the server's first."""
    tenant.user("ada")
    tenant.site.host.shares.create(tenant.server, "lobby", Capacity.parse("16MiB"))
    access = tenant.site.host.access
    access.allow(tenant.server, "lobby", "mallory", AccessLevel.READ_WRITE, Secret(_OWN))
    return tenant.smb("mallory", _OWN)


def test_nobody_logs_in_as_another_with_their_own_password(tenant: Tenant, mallory: SmbClient) -> None:
    """By whatever form of the other's name, or of the other's account."""
    said = {}
    for name in _LIKE_ADA:
        with mallory.negotiated() as connection:
            said[name] = nt_status(partial(tenant.smb(name, _OWN).log_in, connection))
    assert dict.fromkeys(_LIKE_ADA, LOGON_FAILURE) == said


def test_nobody_becomes_another_on_a_connection_that_has_a_user(tenant: Tenant, mallory: SmbClient) -> None:
    """Samba keeps the last name that it has mapped for each connection."""
    with mallory.negotiated() as connection:
        session = mallory.log_in(connection)
        for name in ("<10000>", "ada", "nobody-knows", "<10000>", "<guest>"):
            assert nt_status(partial(tenant.smb(name, _OWN).log_in, connection)) == LOGON_FAILURE
        assert nt_status(partial(mallory.tree, session, "lobby")) == OK
        assert nt_status(partial(mallory.tree, session, "files")) == DENIED


def test_the_names_of_accounts_are_no_names_to_log_in_with(tenant: Tenant, mallory: SmbClient) -> None:
    """Not even with the right password."""
    by_account = tenant.smb("<10001>", _OWN)
    with mallory.negotiated() as connection:
        assert nt_status(partial(by_account.log_in, connection)) == LOGON_FAILURE


def test_a_person_may_have_any_of_these_names_and_is_nobody_else(tenant: Tenant, mallory: SmbClient) -> None:
    """Each gets their own share and not the others'."""
    rules = [AccessRule.for_user(name, "rw") for name in _NAMES]
    passwords = {name: Secret(f"{name}'s own") for name in _NAMES}
    tenant.site.host.access.replace(tenant.server, "lobby", rules, passwords)
    said = {}
    for name in _NAMES:
        smb = tenant.smb(name, f"{name}'s own")
        with smb.negotiated() as connection:
            session = smb.log_in(connection)
            said[name] = [nt_status(partial(smb.tree, session, share)) for share in ("lobby", "files")]
    assert {name: [OK, DENIED] for name in _NAMES} == said
    assert tenant.smb("ada", "%U's own").do("files", "ls").status == LOGON_FAILURE


def test_whoever_tried_before_they_had_an_account_logs_in_on_another_connection(tenant: Tenant) -> None:
    """Samba keeps for each connection that it knew no such name. Nobody else is let in by it."""
    tenant.user("ada")
    eve = tenant.smb("eve", "eve's own")
    with eve.negotiated() as connection:
        assert nt_status(partial(eve.log_in, connection)) == LOGON_FAILURE
        tenant.site.host.access.allow(
            tenant.server, "files", "eve", AccessLevel.READ_WRITE, Secret(eve.password)
        )
        assert nt_status(partial(eve.log_in, connection)) == LOGON_FAILURE
        with eve.negotiated() as another:
            assert nt_status(partial(eve.log_in, another)) == OK
