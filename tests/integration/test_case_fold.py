"""A share whose ext4 folds case: what that does to names, and that all else goes on. Not every kernel can."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from attrs import frozen
from smbprotocol.file_info import FileInformationClass
from smbprotocol.open import CreateDisposition, CreateOptions, FilePipePrinterAccessMask
from smbprotocol.tree import TreeConnect

from shares_core import Capacity
from shares_core.adapters.state.layout import Layout
from shares_core.domain.share import ShareStatus
from tests.integration.conftest import Tenant, new_tenant
from tests.integration.support.damage import debugfs
from tests.settings import folder_of
from tests.testkit.clients import READ, READ_WRITE, SmbClient, nt_status, open_file
from tests.testkit.site import Site
from tests.testkit.smb_requests import rename

SHARE = "folding"
OK, COLLISION = "NT_STATUS_OK", "NT_STATUS_OBJECT_NAME_COLLISION"
#: Pairs of names, and whether they are one.
PAIRS = {
    ("report.txt", "REPORT.TXT"): True,
    ("é", "É"): True,
    ("straße", "STRASSE"): True,
    ("ﬁle", "file"): True,
    (unicodedata.normalize("NFC", "Bücher"), unicodedata.normalize("NFD", "Bücher")): True,
    ("soft", "so\u00adft"): True,
    ("🦊", "🐱"): False,
    ("\u0131rmak", "irmak"): False,
    ("İzmir", "izmir"): False,
    ("²", "2"): False,
}


@frozen
class Served:
    """The share, and a user who may write to it."""

    tenant: Tenant
    user: SmbClient

    @property
    def folder(self) -> Path:
        """The served folder on the host: its mount point in the state folder."""
        view = self.tenant.site.host.shares.show(self.tenant.server, SHARE)
        layout = Layout(self.tenant.site.config.state_dir)
        return layout.share(view.server.id, view.share.id) / view.share.folder


@pytest.fixture(scope="module")
def served(site: Site) -> Iterator[Served]:
    with new_tenant(site) as tenant:
        size = Capacity.parse("64MiB")
        made = site.host.shares.create(tenant.server, SHARE, size, case_fold=True)
        assert made.share.filesystem.case_fold
        yield Served(tenant, tenant.smb("ada", site.allow(tenant.server, SHARE, "ada")))


@pytest.fixture
def tree(served: Served) -> Iterator[TreeConnect]:
    with served.user.connection() as session:
        yield served.user.tree(session, SHARE)


def _made(tree: TreeConnect, name: str) -> str:
    return nt_status(lambda: open_file(tree, name, disposition=CreateDisposition.FILE_CREATE).close())


def _found(tree: TreeConnect, name: str) -> bool:
    found = nt_status(lambda: open_file(tree, name, READ, disposition=CreateDisposition.FILE_OPEN).close())
    return found == OK


def _listed(tree: TreeConnect, pattern: str) -> list[str]:
    """The names in the share's root that a search for this pattern finds."""
    options, level = CreateOptions.FILE_DIRECTORY_FILE, FileInformationClass.FILE_NAMES_INFORMATION
    folder = open_file(tree, "", READ, disposition=CreateDisposition.FILE_OPEN, options=options)
    names: list[str] = []

    def ask() -> None:
        names.extend(
            each["file_name"].get_value().decode("utf-16-le")
            for each in folder.query_directory(pattern, level)
        )

    with closing(folder):
        nt_status(ask)
    return names


@pytest.mark.parametrize("pair", PAIRS, ids=ascii)
def test_which_names_are_one(tree: TreeConnect, pair: tuple[str, str]) -> None:
    """In the share's root and in a folder below it; what is made keeps the case it was made with."""
    first, second = pair
    folder = CreateOptions.FILE_DIRECTORY_FILE
    below = f"pair {list(PAIRS).index(pair)}"
    open_file(tree, below, options=folder).close()
    for place in ("", f"{below}\\"):
        assert OK == _made(tree, place + first)
        assert PAIRS[pair] is _found(tree, place + second)
        assert (COLLISION if PAIRS[pair] else OK) == _made(tree, place + second)
    assert first in _listed(tree, "*")


def test_a_pattern_tells_case_apart(tree: TreeConnect) -> None:
    """A search for a whole name does not, and answers in the case that was asked for."""
    assert OK == _made(tree, "a.pdf")
    assert {"*.pdf": ["a.pdf"], "*.PDF": [], "a.pdf": ["a.pdf"], "A.PDF": ["A.PDF"]} == {
        pattern: _listed(tree, pattern) for pattern in ("*.pdf", "*.PDF", "a.pdf", "A.PDF")
    }


def test_a_rename_that_changes_only_case_takes_two(tree: TreeConnect) -> None:
    """By way of another name; one step is refused, and changes nothing."""
    assert OK == _made(tree, "name.doc")
    with closing(open_file(tree, "name.doc", READ_WRITE | FilePipePrinterAccessMask.DELETE)) as file:
        assert COLLISION == nt_status(partial(rename, file, "NAME.doc"))
        assert ["name.doc"] == _listed(tree, "name.doc")
        assert [OK, OK] == [nt_status(partial(rename, file, name)) for name in ("aside", "NAME.doc")]
    assert ["NAME.doc"] == _listed(tree, "N*.doc")


def test_a_file_that_is_deleted_in_another_case_is_gone_at_once(tree: TreeConnect) -> None:
    """Elsewhere it is there until the last who has it open closes it. Its content is, here too."""
    with closing(open_file(tree, "open.txt")) as file:
        file.write(b"kept", 0)
        delete, at_close = FilePipePrinterAccessMask.DELETE, CreateOptions.FILE_DELETE_ON_CLOSE
        open_file(tree, "OPEN.TXT", delete, disposition=CreateDisposition.FILE_OPEN, options=at_close).close()
        assert (b"kept", False) == (file.read(0, 4), _found(tree, "open.txt"))
    assert [] == _listed(tree, "open*")


def test_a_name_that_is_not_utf_8_has_its_own_case_only(served: Served) -> None:
    """Only the host can make one, say by a copy of another server's files."""
    folder = os.fsencode(served.folder)
    for name in (b"odd\xff.txt", b"ODD\xff.TXT"):
        with open(folder + b"/" + name, "xb"):
            pass
    assert {b"odd\xff.txt", b"ODD\xff.TXT"} <= set(os.listdir(folder))


def test_it_is_extended_checked_repaired_and_served_again(served: Served) -> None:
    """And still folds case in old folders and in new ones."""
    host, server, ada = served.tenant.site.host, served.tenant.server, served.user
    assert OK == ada.do(SHARE, "mkdir Kept").status
    assert OK == ada.put(SHARE, r"Kept\file", b"kept").status
    host.shares.extend(server, SHARE, Capacity.parse("96MiB"))
    whole = host.shares.check(server, SHARE)
    assert ("", ShareStatus.READY) == (whole.damage, whole.share.share.status)
    host.servers.stop(server)
    volume = folder_of(served.tenant.site.config) / f"{whole.share.share.volume.id}.img"
    debugfs(volume, "set_inode_field /data/Kept links_count 9")
    host.servers.start(server)
    assert "ref count is 9" in host.shares.check(server, SHARE).damage
    assert ShareStatus.READY is host.shares.check(server, SHARE, repair=True).share.share.status
    assert b"kept" == ada.get(SHARE, r"kEPT\FILE")
    assert OK == ada.do(SHARE, r"mkdir new; mkdir New\x; cd NEW\X").status
    assert host.fleet.reconcile().is_empty
