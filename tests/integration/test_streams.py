"""Alternate data streams: kept with their file, whatever becomes of it."""

from __future__ import annotations

import os
from contextlib import closing

from smbprotocol.open import CreateDisposition, CreateOptions, FilePipePrinterAccessMask, Open
from smbprotocol.tree import TreeConnect

from shares_core import Capacity, FileSystemKind
from tests.integration.conftest import Tenant
from tests.integration.support.on_filesystems import SHARE, new_share, on_each
from tests.testkit.clients import nt_status, open_file
from tests.testkit.smb_requests import streams

OK = "NT_STATUS_OK"
#: What an extended attribute of Linux holds, without the byte that Samba adds.
_MOST = 65535
_PART = 32768


def _existing(tree: TreeConnect, name: str) -> Open:
    return open_file(tree, name, disposition=CreateDisposition.FILE_OPEN)


def _write(tree: TreeConnect, name: str, content: bytes) -> None:
    with closing(open_file(tree, name)) as stream:
        for offset in range(0, len(content), _PART):
            stream.write(content[offset : offset + _PART], offset)


def _read(tree: TreeConnect, name: str) -> bytes:
    with closing(_existing(tree, name)) as stream:
        size, content = stream.end_of_file, b""
        while len(content) < size:
            content += stream.read(len(content), min(_PART, size - len(content)))
        return content


def _listed(tree: TreeConnect, name: str) -> dict[str, int]:
    with closing(_existing(tree, name)) as file:
        return streams(file)


@on_each
def test_streams_of_60_kib_are_kept(tenant: Tenant, kind: FileSystemKind) -> None:
    """Each of several on one file; they are listed with their sizes, moved and deleted with it."""
    (ada,) = new_share(tenant, kind, "ada")
    contents = {f"s{size}": os.urandom(size) for size in (0, 26, 4000, 60 * 1024)}
    with ada.connection() as session:
        tree = ada.tree(session, SHARE)
        _write(tree, "file", b"content")
        for name, content in contents.items():
            _write(tree, f"file:{name}", content)
        expected = {f":{name}:$DATA": len(content) for name, content in contents.items()}
        assert expected | {"::$DATA": 7} == _listed(tree, "file")
        assert ada.do(SHARE, "mkdir folder; rename file folder\\moved").status == OK
        assert contents == {name: _read(tree, f"folder\\moved:{name}") for name in contents}
        assert ada.do(SHARE, "del folder\\moved").status == OK
        _write(tree, "folder\\moved", b"another")
        assert {"::$DATA": 7} == _listed(tree, "folder\\moved")


@on_each
def test_a_stream_that_is_too_large_gets_a_clear_status(tenant: Tenant, kind: FileSystemKind) -> None:
    """And what was there before is kept."""
    (ada,) = new_share(tenant, kind, "ada")
    with ada.connection() as session:
        tree = ada.tree(session, SHARE)
        _write(tree, "file:kept", b"kept")
        assert nt_status(lambda: _write(tree, "file:large", bytes(_MOST + 1))) == "0xc0000427"  # too large
        assert (_read(tree, "file"), _read(tree, "file:kept")) == (b"", b"kept")


def test_streams_survive_a_remount_on_another_device(tenant: Tenant) -> None:
    """They are found by nothing that depends on the device's number."""
    ada, host = tenant.user("ada"), tenant.site.host
    content = os.urandom(_MOST)
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        _write(tree, "file:stream", content)
        _write(tree, "file:AFP_Resource", content * 3)
    host.servers.stop(tenant.server)
    host.shares.create(
        tenant.server, "first", Capacity.parse("16MiB")
    )  # takes the loop device that is free now
    host.servers.start(tenant.server)
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        assert _read(tree, "file:stream") == content
        assert _read(tree, "file:AFP_Resource") == content * 3


def test_a_stream_is_deleted_alone(tenant: Tenant) -> None:
    """The file and its other streams stay."""
    ada = tenant.user("ada")
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        for name in ("file", "file:one", "file:two"):
            _write(tree, name, name.encode())
        deleting = CreateOptions.FILE_DELETE_ON_CLOSE
        open_file(tree, "file:one", FilePipePrinterAccessMask.DELETE, options=deleting).close()
        assert {"::$DATA": 4, ":two:$DATA": 8} == _listed(tree, "file")
        assert _read(tree, "file:two") == b"file:two"
