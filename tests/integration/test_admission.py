"""Who is admitted and who is not, with real clients on real Samba."""

from __future__ import annotations

from functools import partial

import pytest

from shares_core import AccessLevel, AccessRule, AlreadyExists, Capacity
from shares_core.bootstrap import ports
from shares_core.domain.names import UserName
from tests.integration.conftest import Tenant
from tests.testkit.clients import SmbClient, anonymous, nt_status, still_admitted

OK = "NT_STATUS_OK"
DENIED = "NT_STATUS_ACCESS_DENIED"
NO_SHARE = "NT_STATUS_BAD_NETWORK_NAME"
LOGON_FAILURE = "NT_STATUS_LOGON_FAILURE"


def _outsiders(tenant: Tenant, member: SmbClient) -> dict[str, str]:
    """The status for each client without a rule on ``files``; ``member`` has an account."""
    strangers = ("mallory", "guest", "nobody", "root", "shares", "administrator")
    said = {name: tenant.smb(name, "secret").do("files", "ls").status for name in strangers}
    said |= {f"{name}, no password": tenant.smb(name, "").do("files", "ls").status for name in strangers}
    said["anonymous"] = anonymous(tenant.namespace, tenant.address, "files").status
    said["anonymous, IPC$"] = anonymous(tenant.namespace, tenant.address, "IPC$").status
    said["member"] = member.do("files", "ls").status
    with tenant.smb("mallory", "secret").negotiated() as connection:
        said["mallory, smbprotocol"] = nt_status(lambda: tenant.smb("mallory", "x").log_in(connection))
    with tenant.smb("guest", "").negotiated() as connection:
        said["guest, smbprotocol"] = nt_status(lambda: tenant.smb("guest", "").log_in(connection))
    with member.connection() as session:
        said["member, smbprotocol"] = nt_status(lambda: member.tree(session, "files"))
    return said


def _refused(member: str) -> dict[str, str]:
    """The expected statuses: an account without a rule gets that of ``member``."""
    strangers = ("mallory", "guest", "nobody", "root", "shares", "administrator")
    said = dict.fromkeys(strangers, LOGON_FAILURE)
    said |= dict.fromkeys([f"{name}, no password" for name in strangers], LOGON_FAILURE)
    said |= {"anonymous": DENIED, "anonymous, IPC$": DENIED}
    said |= {"member": member, "mallory, smbprotocol": LOGON_FAILURE}
    return said | {"guest, smbprotocol": LOGON_FAILURE, "member, smbprotocol": member}


@pytest.fixture
def member(tenant: Tenant) -> SmbClient:
    """A user with an account, because of another share of the server, ``lobby``, and no rule on ``files``."""
    tenant.site.host.shares.create(tenant.server, "lobby", Capacity.parse("64MiB"))
    return tenant.smb("member", tenant.site.allow(tenant.server, "lobby", "member"))


# ---- without a rule


def test_nobody_gets_in_before_the_first_rule(tenant: Tenant, member: SmbClient) -> None:
    """A share without a rule does not exist for anybody."""
    with still_admitted(member, "lobby"):
        assert _outsiders(tenant, member) == _refused(NO_SHARE)


def test_only_those_with_a_rule_get_in(tenant: Tenant, member: SmbClient) -> None:
    """While one user has access, everybody else is refused, even with an account on the server."""
    ada = tenant.user("ada")
    with still_admitted(ada), still_admitted(member, "lobby"):
        assert _outsiders(tenant, member) == _refused(DENIED)


def test_nobody_gets_in_after_the_last_rule(tenant: Tenant, member: SmbClient) -> None:
    """When the last user is denied, the share is closed again, to that user as well."""
    ada = tenant.user("ada")
    assert ada.do("files", "ls").status == OK
    assert tenant.site.host.access.deny(tenant.server, "files", "ada") is True
    with still_admitted(member, "lobby"):
        assert ada.do("files", "ls").status == NO_SHARE
        assert _outsiders(tenant, member) == _refused(NO_SHARE)


def test_a_rule_counts_only_on_its_own_share(tenant: Tenant, member: SmbClient) -> None:
    """A writer of one share is refused on the other, and the reverse."""
    ada = tenant.user("ada")
    with still_admitted(ada), still_admitted(member, "lobby"):
        assert ada.put("lobby", "x", b"x").status == DENIED
        assert member.put("files", "x", b"x").status == DENIED


def test_denying_one_leaves_the_others_as_they_were(tenant: Tenant) -> None:
    """A deny takes one user's access and nobody else's, whatever the level."""
    ada, bob, eve = tenant.user("ada"), tenant.user("bob", "ro"), tenant.user("eve")
    with still_admitted(ada), still_admitted(bob):
        assert eve.do("files", "ls").status == OK
        assert tenant.site.host.access.deny(tenant.server, "files", "eve") is True
        assert eve.do("files", "ls").status == DENIED
    assert ada.put("files", "ada", b"ada").status == OK
    assert bob.put("files", "bob", b"bob").status == DENIED


# ---- without the password, or the account


def test_a_wrong_password_is_a_logon_failure(tenant: Tenant) -> None:
    """Only the user's own password is accepted, with either client."""
    ada, bob = tenant.user("ada"), tenant.user("bob")
    hashed = ports(tenant.site.config).secrets.hashes(tenant.server_id)[UserName("ada")].nt
    wrong = {
        "another": "wrong",
        "empty": "",
        "in another case": ada.password.swapcase(),
        "too long": f"{ada.password}x",
        "too short": ada.password[:-1],
        "another user's": bob.password,
        "its hash": hashed,
    }
    with still_admitted(ada):
        said = {name: tenant.smb("ada", text).do("files", "ls").status for name, text in wrong.items()}
        assert said == dict.fromkeys(wrong, LOGON_FAILURE)
        for text in wrong.values():
            with ada.negotiated() as connection:
                intruder = tenant.smb("ada", text)
                assert nt_status(partial(intruder.log_in, connection)) == LOGON_FAILURE


def test_an_account_without_a_hash_cannot_log_in(tenant: Tenant) -> None:
    """An account without a password is closed, not open."""
    ada = tenant.user("ada")
    host = ports(tenant.site.config)
    server = tenant.site.host.servers.show(tenant.server).server
    with still_admitted(ada):
        host.smb_config.apply(server, {})
        assert ada.do("files", "ls").status == LOGON_FAILURE
        assert tenant.smb("ada", "").do("files", "ls").status == LOGON_FAILURE
        host.smb_config.apply(server, host.secrets.hashes(server.id))


def test_a_removed_user_is_a_stranger(tenant: Tenant) -> None:
    """A removed user's password is no longer valid, and a new account of that name starts afresh."""
    ada, bob = tenant.user("ada"), tenant.user("bob")
    with still_admitted(bob):
        assert ada.do("files", "ls").status == OK
        tenant.site.host.users.remove(tenant.server, "ada")
        assert ada.do("files", "ls").status == LOGON_FAILURE
        assert tenant.site.host.access.list(tenant.server, "files") == (AccessRule.for_user("bob", "rw"),)
        again = tenant.user("ada", "ro")
        assert ada.do("files", "ls").status == LOGON_FAILURE
        assert again.do("files", "ls").status == OK
        assert again.put("files", "x", b"x").status == DENIED


def test_the_case_of_a_user_name_does_not_matter(tenant: Tenant) -> None:
    """SMB clients may write a name in any case: it is one user, who cannot be made a second time."""
    ada = tenant.user("ada", "ro")
    assert tenant.smb("ADA", ada.password).do("files", "ls").status == OK
    assert tenant.smb("Ada", ada.password).put("files", "x", b"x").status == DENIED
    with pytest.raises(AlreadyExists):
        tenant.site.host.access.allow(tenant.server, "files", "ADA", AccessLevel.READ_WRITE)
    assert tenant.smb("ADA", ada.password).put("files", "x", b"x").status == DENIED
    tenant.site.host.access.deny(tenant.server, "files", "ada")
    assert tenant.smb("ADA", ada.password).do("files", "ls").status == NO_SHARE
