"""A user with access and a client that breaks all rules. See also test_smb_protocol and test_deny."""

from __future__ import annotations

import os
import stat
import struct
from functools import partial
from pathlib import Path

import pytest
from smbprotocol.ioctl import SMB2IOCTLRequest
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    FilePipePrinterAccessMask,
    Open,
    SMB2SetInfoRequest,
)
from smbprotocol.session import Session

from shares_core.adapters.state.layout import Layout
from tests.integration.conftest import Tenant
from tests.testkit.clients import (
    CONNECTION_CLOSED,
    SmbClient,
    answer,
    nt_status,
    open_file,
    still_admitted,
)

OK = "NT_STATUS_OK"
DENIED = "NT_STATUS_ACCESS_DENIED"
INVALID = "NT_STATUS_OBJECT_NAME_INVALID"
NO_PATH = "NT_STATUS_OBJECT_PATH_NOT_FOUND"
SYNTAX = "NT_STATUS_OBJECT_PATH_SYNTAX_BAD"
RENAME, LINK, DISPOSITION = 10, 11, 13  # MS-FSCC 2.4
SET_REPARSE_POINT = 0x000900A4
FOLDER, FILE = CreateOptions.FILE_DIRECTORY_FILE, CreateOptions.FILE_NON_DIRECTORY_FILE

NAMES = {
    "n" * 255: OK,
    "n" * 256: INVALID,
    "n" * 300: INVALID,
    "\N{LATIN SMALL LETTER E WITH ACUTE}" * 128: INVALID,  # 256 bytes
    "a\x01b": INVALID,
    "a\nb": INVALID,
    "a\0b": INVALID,
    "a?b": INVALID,
    # A file and a stream of it: the host sees the file alone.
    "a:b": OK,
    "a::$DATA": OK,
    "a:b:$DATA": OK,
    ".": INVALID,
    "folder\\" + "\\".join(["n" * 200] * 30): NO_PATH,
    # Ordinary names here, whatever they mean elsewhere.
    **dict.fromkeys(("CON", "NUL", "COM1", "LPT1.txt", "-rf", "$(id)", "%m", "end ", "end.", "..."), OK),
}
PIPES = "samr lsarpc netlogon spoolss epmapper atsvc dnsserver witness mdssvc FssagentRpc unexpected".split()
ADMINISTRATION = (
    "netsharedel files",
    "netsharesetinfo files comment",
    "netshareadd /private stolen",
    "netsharesetdfsflags files 3",
    "netfileenum",
    "netsessenum",
    "netconnenum",
)


@pytest.fixture
def ada(tenant: Tenant) -> SmbClient:
    client = tenant.user("ada")
    assert client.put("files", "target", b"target").status == OK
    assert client.do("files", "mkdir folder").status == OK
    return client


@pytest.fixture
def data(tenant: Tenant) -> Path:
    """The served folder, on the host."""
    server = tenant.site.host.servers.show(tenant.server).server
    return Layout(tenant.site.config.state_dir).share(server.id, server.share("files").id) / "data"


def test_no_name_is_more_than_a_name(ada: SmbClient, data: Path) -> None:
    """Long names, control characters, streams and device names are refused, or ordinary files."""
    with still_admitted(ada), ada.connection() as session:
        tree = ada.tree(session, "files")
        said = {name: nt_status(partial(open_file, tree, name)) for name in NAMES}
        assert said == NAMES
    made = {name.partition(":")[0] for name, status in NAMES.items() if status == OK}
    assert set(os.listdir(data)) == made | {"target", "folder"}
    for name in made:
        assert (name, stat.S_ISREG((data / name).lstat().st_mode)) == (name, True)
    assert set(os.listdir(data.parent)) <= {"data", "lost+found"}


def _set_info(session: Session, ada: SmbClient, kind: int, content: bytes, path: str, options: int) -> None:
    tree = ada.tree(session, "files")
    access = FilePipePrinterAccessMask.GENERIC_READ | FilePipePrinterAccessMask.DELETE
    opened = open_file(tree, path, access, disposition=CreateDisposition.FILE_OPEN, options=options)
    request = SMB2SetInfoRequest()
    request["info_type"], request["file_info_class"] = 1, kind
    request["buffer"], request["file_id"] = content, opened.file_id
    _ask(session, opened, request)


def _ask(session: Session, opened: Open, request: object) -> None:
    connection = session.connection
    connection.receive(connection.send(request, session.session_id, opened.tree_connect.tree_connect_id))


def _name(text: str) -> bytes:
    raw = text.encode("utf-16-le")
    return bytes(16) + struct.pack("<I", len(raw)) + raw


def test_the_shares_folder_cannot_be_moved_or_removed(ada: SmbClient, data: Path) -> None:
    """Nothing can be renamed or linked to a place outside it either."""
    tries = (
        (RENAME, _name("gone"), "", FOLDER, "NT_STATUS_SHARING_VIOLATION"),
        (RENAME, _name("..\\gone"), "", FOLDER, SYNTAX),
        (DISPOSITION, b"\1", "", FOLDER, DENIED),
        (RENAME, _name("..\\gone"), "target", FILE, SYNTAX),
        (RENAME, _name("/private/gone"), "target", FILE, NO_PATH),
        (LINK, _name("..\\gone"), "target", FILE, SYNTAX),
        (LINK, _name("linked"), "target", FILE, OK),
    )
    with still_admitted(ada):
        for kind, content, path, options, expected in tries:
            with ada.connection() as session:
                said = nt_status(partial(_set_info, session, ada, kind, content, path, options))
            assert (kind, content, said) == (kind, content, expected)
    assert sorted(os.listdir(data)) == ["folder", "linked", "target"]
    assert set(os.listdir(data.parent)) <= {"data", "lost+found"}


def test_a_client_that_crashes_samba_hits_itself_alone(tenant: Tenant, ada: SmbClient) -> None:
    """A rename to a stream ends only that connection (Samba 4.22 crashes)."""
    bob = tenant.user("bob")
    with bob.connection() as undisturbed, still_admitted(bob):
        tree = bob.tree(undisturbed, "files")
        with ada.connection() as session:
            said = nt_status(partial(_set_info, session, ada, RENAME, _name(":stream"), "target", FILE))
        assert said != OK
        assert nt_status(partial(open_file, tree, "target")) == OK
    assert ada.get("files", "target") == b"target"
    assert said in (CONNECTION_CLOSED, INVALID, "NT_STATUS_INVALID_PARAMETER")


def test_reparse_points_are_nothing_to_the_host(ada: SmbClient, data: Path) -> None:
    """Mount points are refused; a device made this way is an ordinary file on the host."""
    where = "\\??\\/private/smbpasswd".encode("utf-16-le")
    mount = struct.pack("<IHHHHHH", 0xA0000003, 12 + len(where), 0, 0, len(where), len(where) + 2, 0)
    device = struct.pack("<IHHQII", 0x80000014, 16, 0, 0x524843, 1, 1)  # NFS's form of a character device

    def set_reparse_point(session: Session, content: bytes, path: str, options: int) -> None:
        tree = ada.tree(session, "files")
        opened = open_file(tree, path, disposition=CreateDisposition.FILE_OPEN, options=options)
        request = SMB2IOCTLRequest()
        request["ctl_code"], request["file_id"] = SET_REPARSE_POINT, opened.file_id
        request["buffer"], request["flags"] = content, 1
        _ask(session, opened, request)

    assert ada.put("files", "device", b"").status == OK
    with still_admitted(ada):
        for content, path, options, expected in (
            (mount + where + bytes(4), "folder", FOLDER, DENIED),
            (device, "device", FILE, OK),
        ):
            with ada.connection() as session:
                said = nt_status(partial(set_reparse_point, session, content, path, options))
            assert (path, said) == (path, expected)
    assert stat.S_ISREG((data / "device").lstat().st_mode)
    assert stat.S_ISDIR((data / "folder").lstat().st_mode)
    assert ada.get("files", "target") == b"target"


def test_nobody_administers_the_server_over_the_network(tenant: Tenant, ada: SmbClient) -> None:
    """The pipes of accounts, printers and domains are missing; the others change nothing."""
    with still_admitted(ada), ada.connection() as session:
        tree = ada.tree(session, "IPC$")
        assert nt_status(partial(open_file, tree, "srvsvc")) == OK
        assert {pipe: nt_status(partial(open_file, tree, pipe)) for pipe in PIPES} == dict.fromkeys(
            PIPES, DENIED
        )
        _, _, option, authentication, *_ = ada.argv("IPC$")
        for command in ADMINISTRATION:
            argv = ("rpcclient", option, authentication, ada.address, "-c", command)
            said = answer(tenant.namespace.run(*argv))
            assert (command, "ACCESS_DENIED" in said.output) == (command, True), said.output
    assert [str(share.name) for share in tenant.site.host.servers.show(tenant.server).server.shares] == [
        "files"
    ]
