"""Times and attributes come back as they were set."""

from __future__ import annotations

from contextlib import closing

from smbprotocol.file_info import FileAttributes
from smbprotocol.open import CreateDisposition, CreateOptions

from shares_core import FileSystemKind
from tests.integration.conftest import Tenant
from tests.integration.support.on_filesystems import SHARE, new_share, on_each
from tests.testkit.clients import READ, open_file
from tests.testkit.smb_requests import set_times_and_attributes, times_and_attributes

_READ_ONLY, _HIDDEN, _SYSTEM, _ARCHIVE, _NORMAL = 0x1, 0x2, 0x4, 0x20, 0x80
#: Each bit, all of them and none, which is written as "normal".
_ATTRIBUTES = (_READ_ONLY, _HIDDEN, _SYSTEM, _ARCHIVE, 0x27, _NORMAL)
#: In 100 ns since 1601: before 1970, in 2022 to the last digit, in 2100.
_TIMES = (115_000_000_000_000_001, 133_000_000_000_000_007, 157_000_000_000_000_009)


@on_each
def test_times_and_attributes_are_kept(tenant: Tenant, kind: FileSystemKind) -> None:
    """To 100 ns, and every bit, of files and folders, after a restart too."""
    (ada,) = new_share(tenant, kind, "ada")
    expected = {}
    with ada.connection() as session:
        tree = ada.tree(session, SHARE)
        for folder in (False, True):
            options = CreateOptions.FILE_DIRECTORY_FILE if folder else CreateOptions.FILE_NON_DIRECTORY_FILE
            directory = FileAttributes.FILE_ATTRIBUTE_DIRECTORY if folder else 0
            for number, bits in enumerate((each, time) for each in _ATTRIBUTES for time in _TIMES):
                attributes, time = bits
                name = f"{'folder' if folder else 'file'}-{number}"
                with closing(open_file(tree, name, options=options)) as made:
                    set_times_and_attributes(made, time, time + 11, attributes | directory)
                shown = attributes | directory
                expected[name] = (time, time + 11, shown & ~_NORMAL if folder else shown)
    tenant.site.host.servers.stop(tenant.server)
    tenant.site.host.servers.start(tenant.server)
    with ada.connection() as session:
        tree = ada.tree(session, SHARE)
        found = {}
        for name in expected:
            options = 0
            opened = open_file(tree, name, READ, disposition=CreateDisposition.FILE_OPEN, options=options)
            with closing(opened):
                created, _, written, _, attributes = times_and_attributes(opened)
            found[name] = (created, written, attributes)
    assert expected == found
