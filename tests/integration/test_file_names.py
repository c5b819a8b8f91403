"""Names of files at their limits: Windows takes 255 UTF-16 units, the file systems 255 bytes of UTF-8."""

from __future__ import annotations

import unicodedata
from contextlib import closing
from functools import partial

from smbprotocol.open import CreateOptions, FilePipePrinterAccessMask
from smbprotocol.tree import TreeConnect

from shares_core import FileSystemKind
from tests.integration.conftest import Tenant
from tests.integration.support.on_filesystems import SHARE, new_share, on_each
from tests.testkit.clients import READ_WRITE, nt_status, open_file
from tests.testkit.smb_requests import rename

OK = "NT_STATUS_OK"
INVALID = "NT_STATUS_OBJECT_NAME_INVALID"
_FIT = ("x" * 255, "漢" * 85, "é" * 127, "🦊" * 63)
_TOO_LONG = ("x" * 256, "漢" * 86, "é" * 128, "🦊" * 64, "漢" * 255)
_FOLDER = CreateOptions.FILE_DIRECTORY_FILE


def _made(tree: TreeConnect, name: str, options: int = CreateOptions.FILE_NON_DIRECTORY_FILE) -> str:
    return nt_status(lambda: open_file(tree, name, options=options).close())


@on_each
def test_a_name_that_the_file_system_does_not_take_is_one_status(
    tenant: Tenant, kind: FileSystemKind
) -> None:
    """To create a file or a folder, and to rename one; a name that fits is found again."""
    (ada,) = new_share(tenant, kind, "ada")
    with ada.connection() as session:
        tree = ada.tree(session, SHARE)
        assert dict.fromkeys(_FIT, OK) == {name: _made(tree, name) for name in _FIT}
        for options in (CreateOptions.FILE_NON_DIRECTORY_FILE, _FOLDER):
            assert dict.fromkeys(_TOO_LONG, INVALID) == {
                name: _made(tree, name, options) for name in _TOO_LONG
            }
        access = READ_WRITE | FilePipePrinterAccessMask.DELETE
        with closing(open_file(tree, "short", access)) as file:
            said = {name: nt_status(partial(rename, file, name)) for name in _TOO_LONG}
            assert dict.fromkeys(_TOO_LONG, INVALID) == said
            assert nt_status(partial(rename, file, "漢" * 84 + "x")) == OK
    listed = ada.do(SHARE, "ls").output
    assert {True} == {name in listed for name in (*_FIT, "漢" * 84 + "x")}
    assert "short" not in listed


@on_each
def test_composed_and_decomposed_twins_are_two_files(tenant: Tenant, kind: FileSystemKind) -> None:
    """Each keeps what was written to it."""
    (ada,) = new_share(tenant, kind, "ada")
    twins = [unicodedata.normalize(form, "Bücher.txt") for form in ("NFC", "NFD")]
    for name in twins:
        assert ada.put(SHARE, name, name.encode()).status == OK
    assert [name.encode() for name in twins] == [ada.get(SHARE, name) for name in twins]
