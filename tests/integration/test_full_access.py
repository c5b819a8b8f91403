"""Programs start, and full access is full access; there are no access control lists."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from smbprotocol.open import CreateDisposition, CreateOptions
from smbprotocol.tree import TreeConnect

from shares_core import FileSystemKind
from tests.integration.conftest import Tenant
from tests.integration.support.on_filesystems import SHARE, new_share, on_each
from tests.testkit.clients import ClientNamespace, SmbClient, nt_status, open_file
from tests.testkit.smb_requests import FILE_NAMED_STREAMS, FILE_PERSISTENT_ACLS, volume_attributes

OK = "NT_STATUS_OK"
DENIED = "NT_STATUS_ACCESS_DENIED"
#: What programs ask for (MS-SMB2 2.2.13.1).
WRITERS: Mapping[str, int] = {
    "FILE_EXECUTE": 0x20,
    "FILE_ALL_ACCESS": 0x1F01FF,
    "GENERIC_EXECUTE": 0x20000000,
    "GENERIC_ALL": 0x10000000,
    "MAXIMUM_ALLOWED": 0x02000000,
    "WRITE_OWNER": 0x80000,
    "WRITE_DAC": 0x40000,
    "DELETE": 0x10000,
}
READERS: Mapping[str, int] = {
    "FILE_EXECUTE": 0x20,
    "GENERIC_EXECUTE": 0x20000000,
    "GENERIC_READ": 0x80000000,
    "MAXIMUM_ALLOWED": 0x02000000,
    "as Windows starts a program": 0x1000A1,
}
CHANGING: Mapping[str, int] = {
    "FILE_ALL_ACCESS": 0x1F01FF,
    "GENERIC_WRITE": 0x40000000,
    "FILE_WRITE_ATTRIBUTES": 0x100,
    "DELETE": 0x10000,
}
_FOLDER = CreateOptions.FILE_DIRECTORY_FILE


def _asked(
    tree: TreeConnect,
    name: str,
    masks: Mapping[str, int],
    options: int = CreateOptions.FILE_NON_DIRECTORY_FILE,
) -> dict[str, str]:
    """The answer to an open with each of the masks."""

    def ask(mask: int) -> str:
        existing = CreateDisposition.FILE_OPEN
        return nt_status(lambda: open_file(tree, name, mask, disposition=existing, options=options).close())

    return {word: ask(mask) for word, mask in masks.items()}


@on_each
def test_a_writer_gets_every_access_to_new_files_and_folders(tenant: Tenant, kind: FileSystemKind) -> None:
    """Also one that only starts a program, changes its owner or deletes it."""
    (ada,) = new_share(tenant, kind, "ada")
    with ada.connection() as session:
        tree = ada.tree(session, SHARE)
        open_file(tree, "program.exe").close()
        open_file(tree, "folder", options=_FOLDER).close()
        assert dict.fromkeys(WRITERS, OK) == _asked(tree, "program.exe", WRITERS)
        assert dict.fromkeys(WRITERS, OK) == _asked(tree, "folder", WRITERS, _FOLDER)


def test_a_reader_starts_programs_and_changes_nothing(tenant: Tenant) -> None:
    """Reading and executing is allowed, everything else denied."""
    ada, bob = tenant.user("ada"), tenant.user("bob", "ro")
    assert ada.put("files", "program.exe", b"MZ").status == OK
    with bob.connection() as session:
        tree = bob.tree(session, "files")
        assert dict.fromkeys(READERS, OK) == _asked(tree, "program.exe", READERS)
        assert dict.fromkeys(CHANGING, DENIED) == _asked(tree, "program.exe", CHANGING)


# ---- access control lists


@pytest.fixture
def listed(tenant: Tenant) -> tuple[SmbClient, SmbClient]:
    """Ada, who has written a file, and Bob, who may read it."""
    ada, bob = tenant.user("ada"), tenant.user("bob", "ro")
    assert ada.put("files", "file", b"content").status == OK
    return ada, bob


def _smbcacls(namespace: ClientNamespace, client: SmbClient, *arguments: str) -> tuple[int, str]:
    _, share, option, authentication, *_ = client.argv("files")
    done = namespace.run("smbcacls", share, option, authentication, "file", *arguments)
    return done.returncode, done.stdout + done.stderr


def test_a_client_that_sets_an_acl_goes_on_and_changes_nothing(
    listed: tuple[SmbClient, SmbClient],
) -> None:
    """Neither a list that shuts everybody out, nor one with a foreign identifier, nor another owner."""
    ada, bob = listed
    for change in (
        ("-S", "ACL:S-1-1-0:DENIED/0/FULL"),
        ("-S", "ACL:S-1-5-21-1-2-3-1000:ALLOWED/0/FULL"),
        ("-S", "ACL:S-1-1-0:ALLOWED/0/FULL"),
        ("-C", "S-1-5-21-1-2-3-1000"),
    ):
        assert _smbcacls(ada.namespace, ada, *change)[0] == 0
        assert (ada.get("files", "file"), bob.get("files", "file")) == (b"content", b"content")
        assert _smbcacls(bob.namespace, bob, *change)[0] != 0
        assert bob.put("files", "file", b"other").status == DENIED


def test_no_acls_are_shown_and_none_are_claimed(listed: tuple[SmbClient, SmbClient]) -> None:
    """So that Windows shows no Security tab, and robocopy knows; streams are claimed."""
    ada, _ = listed
    status, said = _smbcacls(ada.namespace, ada)
    assert (status, "ACL:" in said) == (0, False)
    with ada.connection() as session:
        file = open_file(ada.tree(session, "files"), "file")
        assert volume_attributes(file) & (FILE_PERSISTENT_ACLS | FILE_NAMED_STREAMS) == FILE_NAMED_STREAMS


def test_smbcacls_answers_within_a_second(listed: tuple[SmbClient, SmbClient]) -> None:
    """It asks the server for names, which no name service is waited for. The best of five counts."""
    ada, _ = listed

    def seconds() -> float:
        began = time.monotonic()
        assert _smbcacls(ada.namespace, ada)[0] == 0
        return time.monotonic() - began

    assert min(seconds() for _ in range(5)) < 1
