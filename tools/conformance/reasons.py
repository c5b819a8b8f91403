"""Why a test fails on a server of ours and passes on a plain Samba."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

_ACLS = "a share keeps no ACLs: its rules decide who may read and write"
_LOGOFF = (
    "Samba closes an encrypted connection on a request for a session that has ended, "
    "and this test waits for an error instead"
)
_LOCKS = "only smbd locks these files, so durable handles can keep locks: the host's own locks do not count"

_LARGEST = "it asks for 8 MiB at once, whatever the server says that it takes: 1 MiB, to fit its memory"
_PLAINTEXT = "it asks for a session without encryption, which the server refuses"
_MULTICHANNEL = (
    "it uses two connections as one, which Samba refuses where encryption is required: "
    "the request that binds the second is only signed"
)
_CREDITS = "it asks for 8,192 requests in flight, and gets as many as fit the server's memory: 32"

#: By the test's name, in which ``*`` stands for anything.
REASONS: Mapping[str, str] = {
    "smb2.acls.*": _ACLS,
    "smb2.create.acl*": _ACLS,
    "smb2.create.nulldacl": _ACLS,
    "smb2.compound.related4": _ACLS,
    "smb2.compound.related7": _ACLS,
    "smb2.connect": _LOGOFF,
    "smb2.tcon": _LOGOFF,
    "smb2.durable-*.reopen1a*": _LOGOFF,
    "smb2.lock.cancel-logoff": _LOGOFF,
    "smb2.delete-on-close-perms.*": _ACLS,
    "smb2.credits.*": _CREDITS,
    "smb2.compound_find.compound_find_close": _LARGEST,
    "smb2.ioctl.network_interface_info": _MULTICHANNEL,
    "smb2.lease.v2_complex1": _MULTICHANNEL,
    "smb2.session-id": _LOGOFF,
    "smb2.session.reconnect*": _LOGOFF,
    "smb2.session.reauth*": _PLAINTEXT,
    "smb2.session.bind*": _PLAINTEXT,
    "smb2.session.signing-*": _PLAINTEXT,
    "smb2.samba3misc.localposixlock1": _LOCKS,
}
#: Reasons that stand for what was decided, and not for a lack.
BY_DESIGN = (_ACLS, _PLAINTEXT, _MULTICHANNEL, _CREDITS, _LARGEST, _LOCKS)
#: Tests whose outcome depends on how fast the machine is, with the cause. They are shown and never judged.
TIMING: Mapping[str, str] = {
    "smb2.notify.*": "they count the changes that have come in when they ask, and one waits for ever for a "
    "change that came before it asked; then those after it are not run. So it is on both servers",
}


def reason(test: str) -> str:
    """Why the test fails here; empty if that is not known."""
    return _told({**REASONS, **TIMING}, test)


def timing(test: str) -> str:
    """Why the test is not judged; empty if it is."""
    return _told(TIMING, test)


def _told(table: Mapping[str, str], test: str) -> str:
    return next((why for pattern, why in table.items() if fnmatchcase(test, pattern)), "")
