"""A server that is relaxed for old devices, by name; a raise ends what is below it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from smbprotocol.connection import Connection, Dialects
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect

from shares_core import Capacity, Dialect, Encryption, InvalidInput
from tests.integration.conftest import Tenant
from tests.integration.support.held import Held
from tests.testkit.clients import CONNECTION_CLOSED, SmbClient, nt_status, open_file, still_admitted
from tests.testkit.probes import until

OK = "NT_STATUS_OK"
DENIED = "NT_STATUS_ACCESS_DENIED"
NOT_SUPPORTED = "NT_STATUS_NOT_SUPPORTED"
_DIALECTS = {"SMB2_10": Dialects.SMB_2_1_0, "SMB3_00": Dialects.SMB_3_0_0, "SMB3_11": Dialects.SMB_3_1_1}


def _spoken(client: SmbClient) -> set[str]:
    """The versions in which the server answers the client."""

    def speaks(dialect: int) -> bool:
        def negotiate() -> None:
            with client.negotiated(dialect):
                pass

        return nt_status(negotiate) == OK

    return {name for name, dialect in _DIALECTS.items() if speaks(dialect)}


def _plain_tree(client: SmbClient, connection: Connection) -> TreeConnect:
    """The share, in a session that is signed and not encrypted."""
    session = Session(connection, client.user, client.password, require_encryption=False)
    session.connect()
    session.encrypt_data = False
    return client.tree(session, "files")


def test_a_relaxed_server_lets_old_devices_in_and_others_do_not(tenant: Tenant) -> None:
    """SMB 2.1, which is not encrypted, to two clients."""
    ada, servers = tenant.user("ada"), tenant.site.host.servers
    assert _spoken(ada) == {"SMB3_00", "SMB3_11"}
    servers.set(tenant.server, encryption=Encryption.DESIRED)
    assert _spoken(ada) == {"SMB3_00", "SMB3_11"}
    servers.set(tenant.server, min_protocol=Dialect.SMB2_10)
    assert _spoken(ada) == {"SMB2_10", "SMB3_00", "SMB3_11"}
    old = ("--option=client max protocol=SMB2_10", "--option=client min protocol=SMB2_10")
    assert ada.do("files", "ls", *old).status == OK


def test_a_relaxed_server_still_encrypts_whoever_can_and_signs_always(tenant: Tenant) -> None:
    """Nobody is let in without a password, and no request without a signature counts."""
    ada = tenant.user("ada")
    tenant.site.host.servers.set(tenant.server, encryption=Encryption.DESIRED, min_protocol=Dialect.SMB2_10)
    with still_admitted(ada):
        with ada.negotiated() as connection:
            assert ada.log_in(connection).encrypt_data
        with ada.negotiated(Dialects.SMB_2_1_0) as connection:
            tree = _plain_tree(ada, connection)
            assert nt_status(lambda: open_file(tree, "file").close()) == OK
            tree.session.signing_required = False
            assert nt_status(lambda: open_file(tree, "file").close()) == DENIED
        wrong = tenant.smb("ada", "wrong")
        assert wrong.do("files", "ls", "-m", "SMB2").status == "NT_STATUS_LOGON_FAILURE"
        assert tenant.smb("", "").do("files", "ls", "-N", "-m", "SMB2").status != OK


def test_a_raise_ends_the_connections_below_it(tenant: Tenant, hold: Callable[..., Held]) -> None:
    """Before the call returns, with or without a login; whoever fits comes back, the others do not."""
    ada, servers = tenant.user("ada"), tenant.site.host.servers
    servers.set(tenant.server, encryption=Encryption.DESIRED, min_protocol=Dialect.SMB2_10)
    fitting = hold(ada)
    with ada.negotiated(Dialects.SMB_2_1_0) as old, ada.negotiated(Dialects.SMB_2_1_0) as waiting:
        file = open_file(_plain_tree(ada, old), "held by an old device")
        assert nt_status(lambda: file.write(b"before", 0)) == OK
        servers.set(tenant.server, encryption=Encryption.REQUIRED, min_protocol=Dialect.SMB3_00)
        assert until(lambda: nt_status(lambda: file.write(b"after", 0)) == CONNECTION_CLOSED)
        assert until(lambda: nt_status(lambda: ada.log_in(waiting)) != OK)
    assert _spoken(ada) == {"SMB3_00", "SMB3_11"}
    assert fitting.write == CONNECTION_CLOSED
    assert ada.do("files", "ls").status == OK


def test_a_setting_is_kept_over_a_stop_and_needs_none_to_be_changed(tenant: Tenant) -> None:
    """A stopped server takes it, a contradiction changes nothing, and what is set is set again in no time."""
    ada, servers = tenant.user("ada"), tenant.site.host.servers
    servers.stop(tenant.server)
    servers.set(tenant.server, encryption=Encryption.DESIRED, min_protocol=Dialect.SMB2_10)
    servers.start(tenant.server)
    assert "SMB2_10" in _spoken(ada)
    with pytest.raises(InvalidInput, match="cannot encrypt"):
        servers.set(tenant.server, encryption=Encryption.REQUIRED)
    with ada.connection() as session:
        file = open_file(ada.tree(session, "files"), "file")
        servers.set(tenant.server, encryption=Encryption.DESIRED, min_protocol=Dialect.SMB2_10)
        assert nt_status(lambda: file.write(b"undisturbed", 0)) == OK


def test_the_log_says_who_was_refused_and_why(tenant: Tenant) -> None:
    """A wrong password with the client's address, a user without a rule with the share, a missing cipher."""
    ada = tenant.user("ada")
    tenant.site.host.shares.create(tenant.server, "other", Capacity.parse("16MiB"))
    tenant.site.allow(tenant.server, "other", "bob")
    assert tenant.smb("ada", "wrong").do("files", "ls").status == "NT_STATUS_LOGON_FAILURE"
    assert ada.do("other", "ls").status == DENIED
    no_cipher = ("--option=client smb3 encryption algorithms=none", "-m", "SMB3")
    assert ada.do("files", "ls", *no_cipher).status == DENIED

    def said() -> str:
        return "\n".join(line.text for line in tenant.site.host.servers.log(tenant.server))

    client = tenant.namespace.address
    for refused in (
        rf"user \[\S*\]\\\[ada\] .* status \[NT_STATUS_WRONG_PASSWORD\] .* remote host \[ipv4:{client}:",
        r"user 'ada' .* not permitted to access this share \(other\)",
        r"reject session with dialect\[0x0311\] as encryption is required",
    ):
        assert until(lambda r=refused: re.search(r, said()) is not None), (refused, said())  # type: ignore[misc]
    assert ada.password not in said()
