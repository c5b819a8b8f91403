"""Space told truly: what a client of an xfs is promised can be written, and what cannot be is refused."""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial

from smbprotocol.open import Open

from shares_core import FileSystemKind, bootstrap
from shares_core.domain.capacity import MIB
from shares_core.domain.views import Usage
from tests.integration.conftest import Tenant
from tests.integration.support.on_filesystems import SHARE, new_share
from tests.testkit.clients import nt_status, open_file
from tests.testkit.probes import until
from tests.testkit.smb_requests import allocate, set_length

OK, FULL = "NT_STATUS_OK", "NT_STATUS_DISK_FULL"
_BLOCK = MIB // 2


def _usage(tenant: Tenant) -> Usage:
    usage = tenant.site.host.shares.show(tenant.server, SHARE).usage
    assert usage is not None
    return usage


def _filled(file: Open) -> int:
    """Write until there is no room left; how much fitted."""
    written = 0
    while nt_status(partial(file.write, b"x" * _BLOCK, written)) == OK:
        written += _BLOCK
    return written


def test_what_is_allocated_on_an_xfs_can_be_written(tenant: Tenant) -> None:
    """Whatever others write meanwhile; by its allocation, and by its length."""
    (ada,) = new_share(tenant, FileSystemKind.XFS, "ada")
    empty = _usage(tenant).free
    promised = empty // 2 // MIB * MIB
    with ada.connection() as session:
        tree = ada.tree(session, SHARE)
        for ask in (allocate, set_length):
            with closing(open_file(tree, "promised")) as mine, closing(open_file(tree, "others")) as others:
                ask(mine, promised)
                assert 0 < _filled(others) < promised + 8 * MIB
                for start in range(0, promised, _BLOCK):
                    assert mine.write(b"y" * _BLOCK, start) == _BLOCK
            assert ada.do(SHARE, "rm promised; rm others").status == OK
            assert until(lambda: _usage(tenant).free >= empty - MIB)  # xfs frees in the background


def test_more_room_than_an_xfs_has_is_refused_at_once(tenant: Tenant) -> None:
    """And takes nothing: the file and the share are as they were."""
    (ada,) = new_share(tenant, FileSystemKind.XFS, "ada")
    with ada.connection() as session, closing(open_file(ada.tree(session, SHARE), "file")) as file:
        file.write(b"kept", 0)
        before = _usage(tenant).free
        for ask in (allocate, set_length):
            began = time.monotonic()
            assert nt_status(partial(ask, file, before * 5)) == FULL
            assert time.monotonic() - began < 5
        assert _usage(tenant).free >= before - MIB
    assert b"kept" == ada.get(SHARE, "file")


def test_files_are_counted(tenant: Tenant) -> None:
    """Used and free, as many as a new file system holds: one for 4 KiB on a small one."""
    (ada,) = new_share(tenant, FileSystemKind.EXT4, "ada")
    before = _usage(tenant)
    assert before.files + before.files_free >= FileSystemKind.EXT4.smallest.bytes // 4096
    for name in ("one", "two"):
        assert ada.put(SHARE, name, b"x").status == OK
    after = _usage(tenant)
    assert (before.files + 2, before.files_free - 2) == (after.files, after.files_free)


def test_a_share_that_runs_out_of_room_is_named(tenant: Tenant) -> None:
    """By reconcile and by doctor, until there is room again."""
    (ada,) = new_share(tenant, FileSystemKind.EXT4, "ada")
    fleet = tenant.site.host.fleet

    def named() -> tuple[bool, bool]:
        subject = f"share {SHARE} of {tenant.server}"
        by_doctor = any(finding.subject == subject for finding in bootstrap.examine(tenant.site.config))
        return any(each.share == SHARE for each in fleet.reconcile(dry_run=True).nearly_full), by_doctor

    assert named() == (False, False)
    with ada.connection() as session, closing(open_file(ada.tree(session, SHARE), "large")) as file:
        _filled(file)
    assert named() == (True, True)
    assert ada.do(SHARE, "rm large").status == OK
    assert named() == (False, False)
