"""The server's protocol, and what it hides: dialects, encryption, lists, links and paths."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from attrs import evolve
from smbprotocol.connection import Dialects
from smbprotocol.open import CreateDisposition

from shares_core import Capacity
from shares_core.adapters.state.layout import Layout
from tests.integration.conftest import Tenant
from tests.testkit.clients import (
    READ,
    Answer,
    ClientNamespace,
    SmbClient,
    answer,
    nt_status,
    open_file,
    still_admitted,
)

OK = "NT_STATUS_OK"
DENIED = "NT_STATUS_ACCESS_DENIED"
LOGON_FAILURE = "NT_STATUS_LOGON_FAILURE"
NOT_SUPPORTED = "NT_STATUS_NOT_SUPPORTED"
#: smbclient's status for a server that accepted none of SMB1's dialects.
NO_DIALECT = "NT_STATUS_INVALID_NETWORK_RESPONSE"
OLD = {"2.0.2": Dialects.SMB_2_0_2, "2.1": Dialects.SMB_2_1_0}
SMB3 = {"3.0": Dialects.SMB_3_0_0, "3.0.2": Dialects.SMB_3_0_2, "3.1.1": Dialects.SMB_3_1_1}


def _in_dialects(client: SmbClient, least: str, most: str) -> Answer:
    options = (f"--option=client min protocol={least}", f"--option=client max protocol={most}")
    return client.do("files", "ls", *options)


def _shares_listed(client: SmbClient) -> list[str]:
    """The disk shares that ``smbclient -L`` shows this user."""
    _, _, *login = client.argv("IPC$")
    done = client.namespace.run("smbclient", "-L", client.address, "-g", *login)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.split("|")[1] for line in done.stdout.splitlines() if line.startswith("Disk|")]


def _rpc(client: SmbClient, command: str) -> Answer:
    _, _, option, authentication, *_ = client.argv("IPC$")
    return answer(client.namespace.run("rpcclient", option, authentication, client.address, "-c", command))


def _data_folder(tenant: Tenant) -> Path:
    server = tenant.site.host.servers.show(tenant.server).server
    return Layout(tenant.site.config.state_dir).share(server.id, server.share("files").id) / "data"


# ---- dialects and encryption


def test_smb1_is_refused(tenant: Tenant) -> None:
    """No SMB1 dialect is accepted from a client that offers all of them."""
    ada = tenant.user("ada")
    with still_admitted(ada):
        for least, most in (("CORE", "NT1"), ("NT1", "NT1"), ("LANMAN1", "LANMAN1")):
            assert (most, _in_dialects(ada, least, most).status) == (most, NO_DIALECT)
        assert _in_dialects(ada, "CORE", "SMB3").status == OK


def test_smb2_is_refused(tenant: Tenant) -> None:
    """SMB 2.0.2 and 2.1 are refused to both clients; every SMB3 dialect works."""
    ada = tenant.user("ada")
    with still_admitted(ada):
        for least, most in (("SMB2_02", "SMB2_02"), ("SMB2_10", "SMB2_10"), ("SMB2_02", "SMB2_10")):
            assert (most, _in_dialects(ada, least, most).status) == (most, NOT_SUPPORTED)
        said = {name: _negotiation(ada, dialect) for name, dialect in (OLD | SMB3).items()}
        assert said == dict.fromkeys(OLD, NOT_SUPPORTED) | dict.fromkeys(SMB3, OK)
        for spoken in ("SMB3_00", "SMB3_02", "SMB3_11"):
            assert (spoken, _in_dialects(ada, spoken, spoken).status) == (spoken, OK)


def _negotiation(client: SmbClient, dialect: int) -> str:
    def negotiate() -> None:
        with client.negotiated(dialect):
            pass

    return nt_status(negotiate)


@pytest.mark.parametrize("dialect", SMB3)
def test_an_unencrypted_session_is_refused_access(tenant: Tenant, dialect: str) -> None:
    """What a session sends unencrypted is refused, before and after it connects to the share."""
    ada = tenant.user("ada")
    with still_admitted(ada), ada.negotiated(SMB3[dialect]) as connection:
        session = ada.log_in(connection)
        session.encrypt_data = False  # signed only
        assert nt_status(lambda: ada.tree(session, "files")) == DENIED
        session.encrypt_data = True
        tree = ada.tree(session, "files")
        file = open_file(tree, "file")
        assert file.write(b"encrypted", 0) == 9
        session.encrypt_data = tree.encrypt_data = False
        assert nt_status(lambda: file.write(b"plaintext", 0)) == DENIED
        assert nt_status(lambda: file.read(0, 9)) == DENIED
        session.encrypt_data = True
        assert file.read(0, 9) == b"encrypted"


def test_a_client_that_cannot_encrypt_is_refused(tenant: Tenant) -> None:
    """A client that offers no cipher does not get past the login."""
    ada = tenant.user("ada")
    with still_admitted(ada):
        no_cipher = "--option=client smb3 encryption algorithms=none"
        assert ada.do("files", "ls", no_cipher, "-m", "SMB3").status == DENIED


def test_what_is_written_does_not_cross_the_wire_in_plain(tenant: Tenant) -> None:
    """Neither names nor contents are visible on the network, only the user's name in the login."""
    ada = tenant.user("ada-in-plain")
    with _overheard(tenant.namespace) as heard:
        assert ada.put("files", "name-in-secret", b"content-in-secret" * 50).status == OK
        assert ada.get("files", "name-in-secret") == b"content-in-secret" * 50
        wire = heard()
    in_plain = [text for text in ("ada-in-plain", "name-in-secret") if text.encode("utf-16-le") in wire]
    assert (in_plain, b"content-in-secret" in wire) == (["ada-in-plain"], False)


@contextmanager
def _overheard(namespace: ClientNamespace) -> Iterator[Callable[[], bytes]]:
    """Yields what crosses the client's interface meanwhile, one packet after the other."""
    with namespace.entered():
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))  # every protocol

    def heard() -> bytes:
        packets = []
        with suppress(BlockingIOError):
            while True:
                packets.append(wire.recv(65536))
        return b"".join(packets)

    with wire:
        wire.bind(("eth0", 0))
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        wire.setblocking(False)
        yield heard


# ---- what is listed


def test_a_user_is_shown_only_what_they_may_use(tenant: Tenant) -> None:
    """The list of shares has exactly those with a rule for the user."""
    site = tenant.site
    site.host.shares.create(tenant.server, "lobby", Capacity.parse("64MiB"))
    ada, bob = tenant.user("ada"), tenant.smb("bob", site.allow(tenant.server, "lobby", "bob", "ro"))
    assert (_shares_listed(ada), _shares_listed(bob)) == (["files"], ["lobby"])
    site.host.access.allow(tenant.server, "lobby", "ada")
    assert (sorted(_shares_listed(ada)), _shares_listed(bob)) == (["files", "lobby"], ["lobby"])
    site.host.access.deny(tenant.server, "lobby", "bob")
    assert (sorted(_shares_listed(ada)), _shares_listed(bob)) == (["files", "lobby"], [])


def test_a_null_session_lists_nothing(tenant: Tenant) -> None:
    """Anonymous clients are refused before they can ask for shares, by SMB and by RPC."""
    ada = tenant.user("ada")
    assert _shares_listed(ada) == ["files"]
    for share in ("-L", "IPC$", "files"):
        target = ["-L", tenant.address] if share == "-L" else [f"//{tenant.address}/{share}", "-c", "ls"]
        said = answer(tenant.namespace.run("smbclient", "-N", "-U%", "-m", "SMB3", *target))
        assert (share, said.status) == (share, DENIED)
        assert "files" not in said.output
    for command in ("netshareenum", "enumdomusers", "srvinfo"):
        said = answer(tenant.namespace.run("rpcclient", "-N", "-U%", tenant.address, "-c", command))
        assert (command, said.status) == (command, DENIED)
    stranger = tenant.smb("mallory", "secret")
    assert _rpc(stranger, "netshareenum").status == LOGON_FAILURE
    assert _shares_listed(ada) == ["files"]


def test_users_cannot_be_listed(tenant: Tenant) -> None:
    """No user can find another over RPC, neither in a list nor by name."""
    ada, bob = tenant.user("ada"), tenant.user("bob")
    assert _rpc(ada, "netshareenum").status == OK
    for command in (
        "enumdomusers",
        "querydispinfo",
        "lookupnames bob",
        "lookupsids S-1-22-1-10001",
        "lsaquery",
    ):
        said = _rpc(ada, command)
        assert (command, said.status) == (command, DENIED)
        assert "bob" not in said.output.replace(command, "")
    assert _rpc(ada, "netshareenum").status == OK
    assert bob.do("files", "ls").status == OK


def test_a_password_cannot_be_changed_from_outside(tenant: Tenant) -> None:
    """Only the operator sets passwords: a change over RPC is refused, and the old one stays valid."""
    ada = tenant.user("ada")
    with still_admitted(ada):
        for command in ("chgpasswd", "chgpasswd2", "chgpasswd3"):
            assert (command, _rpc(ada, f"{command} ada {ada.password} mine").status) == (command, DENIED)
        assert tenant.smb("ada", "mine").do("files", "ls").status == LOGON_FAILURE


# ---- links and paths


def test_links_made_by_clients_lead_nowhere(tenant: Tenant) -> None:
    """A client's symlink is an empty file on the host, and leads nowhere."""
    ada = tenant.user("ada")
    data = _data_folder(tenant)
    assert ada.put("files", "target", b"target").status == OK
    assert "Server doesn't support UNIX CIFS extensions" in ada.do("files", "posix").output
    for name, target in (
        ("inside", "target"),
        ("outside", "/config/smb.conf"),
        ("above", "../../../etc/passwd"),
    ):
        assert ada.do("files", f"symlink {target} {name}").status == OK
        path = data / name
        assert (name, path.is_symlink(), path.read_bytes()) == (name, False, b"")
        got = ada.get("files", name)
        assert isinstance(got, Answer)
        assert (name, got.status) == (name, "NT_STATUS_STOPPED_ON_SYMLINK")
    assert ada.get("files", "target") == b"target"


def test_links_planted_on_the_host_are_not_followed(tenant: Tenant) -> None:
    """A real symlink in the file system, which a compromised smbd could make, leads nowhere either."""
    ada = tenant.user("ada")
    data = _data_folder(tenant)
    assert ada.put("files", "target", b"target").status == OK
    os.symlink("/config/smb.conf", data / "outside")
    os.symlink("target", data / "inside")
    os.symlink("..", data / "above")
    for name in ("outside", "inside", "above\\data\\target"):
        got = ada.get("files", name)
        assert isinstance(got, Answer)
        assert (name, got.status) == (name, "NT_STATUS_STOPPED_ON_SYMLINK")
        assert (name, ada.put("files", name, b"new").status) == (name, "NT_STATUS_STOPPED_ON_SYMLINK")
    assert ada.do("files", "cd above; ls").status == "NT_STATUS_STOPPED_ON_SYMLINK"
    assert ada.get("files", "target") == b"target"
    assert (data / "target").read_bytes() == b"target"


def test_paths_do_not_climb_out_of_the_share(tenant: Tenant) -> None:
    """``..`` ends at the share's root: nothing above it on the server can be named or made."""
    ada = tenant.user("ada")
    syntax, invalid = "NT_STATUS_OBJECT_PATH_SYNTAX_BAD", "NT_STATUS_OBJECT_NAME_INVALID"
    paths = {
        "..": syntax,
        "..\\new": syntax,
        "..\\..\\etc\\passwd": syntax,
        "..\\..\\config\\smb.conf": syntax,
        "folder\\..\\..\\new": syntax,
        "folder\\..\\..\\..\\etc\\passwd": syntax,
        "folder/../../new": syntax,
        ".\\..\\..\\new": syntax,
        "/etc/passwd": "NT_STATUS_OBJECT_PATH_NOT_FOUND",
        "C:\\new": invalid,
        "target:stream": OK,  # a stream of that file
        "target::$DATA": OK,
    }
    above = _data_folder(tenant).parent
    before = sorted(os.listdir(above))
    assert ada.put("files", "target", b"target").status == OK
    assert ada.do("files", "mkdir folder").status == OK
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        said = {path: nt_status(partial(open_file, tree, path)) for path in paths}
        assert said == paths
        through = open_file(tree, "folder\\..\\target", READ, disposition=CreateDisposition.FILE_OPEN)
        assert through.read(0, 6) == b"target"
    assert sorted(os.listdir(above)) == before
    assert sorted(os.listdir(above / "data")) == ["folder", "target"]


def test_a_servers_shares_have_different_folders(tenant: Tenant) -> None:
    """Nobody can reach the files of one share through another of the same server."""
    site = tenant.site
    site.host.shares.create(tenant.server, "lobby", Capacity.parse("64MiB"))
    ada = tenant.user("ada")
    site.host.access.allow(tenant.server, "lobby", "ada")
    assert ada.put("lobby", "secret", b"secret").status == OK
    server = site.host.servers.show(tenant.server).server
    lobby = server.share("lobby").id
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        for path in (f"..\\..\\{lobby}\\data\\secret", f"..\\{lobby}\\data\\secret"):
            assert nt_status(partial(open_file, tree, path, READ)) == "NT_STATUS_OBJECT_PATH_SYNTAX_BAD"
    assert ada.get("lobby", "secret") == b"secret"


def test_the_user_of_one_server_is_a_stranger_on_the_next(
    tenant: Tenant, remove_after: Callable[[str], str]
) -> None:
    """Each server has its own accounts: the same name and password open nothing on another server."""
    ada = tenant.user("ada")
    other = remove_after(f"{tenant.server}-other")
    site = tenant.site
    view = site.host.servers.create(other)
    site.host.shares.create(other, "files", Capacity.parse("64MiB"))
    address = str(view.server.interfaces[0].addresses[0].ip)
    member = evolve(ada, address=address, user="eve", password=site.allow(other, "files", "eve"))
    with still_admitted(ada), still_admitted(member):
        assert evolve(ada, address=address).do("files", "ls").status == LOGON_FAILURE
        assert evolve(member, address=ada.address).do("files", "ls").status == LOGON_FAILURE
