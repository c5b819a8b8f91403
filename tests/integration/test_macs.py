"""What Apple's clients keep and expect: Finder metadata, resource forks, odd names, safe saves."""

from __future__ import annotations

import os
import re
import struct
from contextlib import closing

from smbprotocol.open import CreateDisposition, CreateOptions
from smbprotocol.tree import TreeConnect

from shares_core import Capacity, ShareOptions, TimeMachine
from tests.integration.conftest import Tenant
from tests.testkit.clients import READ, SmbClient, open_file
from tests.testkit.smb_requests import aapl, streams

OK = "NT_STATUS_OK"
_PART = 65536
#: Apple's capabilities: folders listed with metadata, and a unix server; no access control lists.
_READ_DIR_ATTR, _UNIX_BASED, _NFS_ACE = 0x1, 0x4, 0x8
#: Of a volume: what is flushed is on the disk.
_FULL_SYNC = 0x4
#: 60 bytes: "AFP\0", a version, and 32 bytes of the Finder's.
_FINDER = b"AFP\0" + struct.pack(">II4x", 0x00000100, 0) + b"TEXTttxt".ljust(32, b"\0") + bytes(12)


def _write(tree: TreeConnect, name: str, content: bytes) -> None:
    with closing(open_file(tree, name)) as stream:
        for offset in range(0, len(content), _PART):
            stream.write(content[offset : offset + _PART], offset)


def _read(tree: TreeConnect, name: str) -> bytes:
    with closing(open_file(tree, name, READ, disposition=CreateDisposition.FILE_OPEN)) as stream:
        size, content = stream.end_of_file, b""
        while len(content) < size:
            content += stream.read(len(content), min(_PART, size - len(content)))
        return content


def _names(client: SmbClient, folder: str = "") -> set[str]:
    """The names in a folder, except hidden ones."""
    said = client.do("files", f'cd "{folder}"; ls' if folder else "ls")
    assert said.status == OK
    entries = [line.rsplit(maxsplit=7) for line in said.output.splitlines() if line.startswith("  ")]
    return {entry[0].strip() for entry in entries if "H" not in entry[1]} - {".", ".."}


def test_apples_context_is_answered(tenant: Tenant) -> None:
    """With what the server can do, and that there are no access control lists."""
    ada = tenant.user("ada")
    with ada.connection() as session:
        answer = aapl(ada.tree(session, "files"))
    command, _, answered, can = struct.unpack_from("<IIQQ", answer)
    assert (command, answered) == (1, 7)
    assert can & (_READ_DIR_ATTR | _UNIX_BASED | _NFS_ACE) == _READ_DIR_ATTR | _UNIX_BASED


def test_a_share_for_time_machine_promises_full_syncs(tenant: Tenant) -> None:
    """So that Macs offer it for backups; its limit is the size that they see, and other shares do neither."""
    host, gib = tenant.site.host, Capacity.parse("1GiB")
    backups = ShareOptions(time_machine=TimeMachine(Capacity.parse("512MiB")))
    host.shares.create(tenant.server, "backups", gib, options=backups)
    ada = tenant.user("ada")
    host.access.allow(tenant.server, "backups", "ada")
    said = {}
    with ada.connection() as session:
        for share in ("backups", "files"):
            volume = struct.unpack_from("<IIQQQ", aapl(ada.tree(session, share)))[4]
            said[share] = bool(volume & _FULL_SYNC)
    assert said == {"backups": True, "files": False}
    blocks = re.search(r"(\d+) blocks of size (\d+)", ada.do("backups", "ls").output)
    assert blocks is not None
    assert int(blocks[1]) * int(blocks[2]) <= 512 << 20
    host.servers.stop(tenant.server)
    host.servers.start(tenant.server)
    assert ada.do("backups", "ls").status == OK


def test_finder_metadata_and_resource_forks_are_kept(tenant: Tenant) -> None:
    """Resource forks of any size, at the top and in folders; moved with their file, and deleted with it."""
    ada = tenant.user("ada")
    fork = os.urandom(300_000)
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        aapl(tree)
        open_file(tree, "folder", options=CreateOptions.FILE_DIRECTORY_FILE).close()
        for name in ("top", "folder\\inside"):
            _write(tree, name, b"data fork")
            _write(tree, f"{name}:AFP_AfpInfo", _FINDER)
            _write(tree, f"{name}:AFP_Resource", fork)
            assert _read(tree, f"{name}:AFP_AfpInfo")[:48] == _FINDER[:48]
            assert _read(tree, f"{name}:AFP_Resource") == fork
        assert ada.do("files", "rename folder\\inside moved").status == OK
        assert (_read(tree, "moved"), _read(tree, "moved:AFP_Resource")) == (b"data fork", fork)
        with closing(open_file(tree, "moved", READ)) as file:
            assert {"::$DATA": 9, ":AFP_AfpInfo:$DATA": 60, ":AFP_Resource:$DATA": 300_000} == streams(file)
        assert (_names(ada), _names(ada, "folder")) == ({"folder", "top", "moved"}, set())
        assert ada.do("files", "del moved; rmdir folder").status == OK
        _write(tree, "moved", b"another")
        with closing(open_file(tree, "moved", READ)) as file:
            assert {"::$DATA": 7} == streams(file)


def test_names_that_windows_forbids_are_kept(tenant: Tenant) -> None:
    """Apple's clients send ``:`` and the like as private characters of Unicode, and get them back."""
    ada = tenant.user("ada")
    sent = "a\uf022b \uf02ac\uf020d\uf025"  # a:b ?c"d|
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        aapl(tree)
        _write(tree, sent, b"kept")
        assert _read(tree, sent) == b"kept"
        root = open_file(tree, "", READ, options=CreateOptions.FILE_DIRECTORY_FILE)
        found = {
            entry["file_name"].get_value().decode("utf-16-le") for entry in root.query_directory("*", 12)
        }
        assert found == {".", "..", sent}


def test_a_document_is_saved_as_apples_programs_do(tenant: Tenant) -> None:
    """Into a new file, which then replaces the former one under its name, while that is still open."""
    ada, bob = tenant.user("ada"), tenant.user("bob", "ro")
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        aapl(tree)
        _write(tree, "document", b"former")
        reading = open_file(tree, "document", READ)
        folder = "document.sb-1"
        open_file(tree, folder, options=CreateOptions.FILE_DIRECTORY_FILE).close()
        _write(tree, f"{folder}\\document", b"saved")
        _write(tree, f"{folder}\\document:AFP_Resource", b"fork")
        assert ada.do("files", f"rename {folder}\\document document -f; rmdir {folder}").status == OK
        assert (_read(tree, "document"), _read(tree, "document:AFP_Resource")) == (b"saved", b"fork")
        assert reading.read(0, 6) == b"former"
    assert bob.get("files", "document") == b"saved"
