"""Which of smbtorture's suites are run."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping

#: Why a suite is not run.
LEFT_OUT: Mapping[str, str] = {
    "smb2.bench": "it measures, and fails only if a request does",
    "smb2.scan": "it prints which requests a server knows, and asserts nothing",
    "smb2.maxfid": "it opens 65,536 files; both servers have less",
    "smb2.hold-oplock": "it waits for a person at another client",
    "smb2.hold-sharemode": "it waits for a person at another client",
    "smb2.check-sharemode": "it is the other client of smb2.hold-sharemode",
    "smb2.aio_delay": "it waits for ever without Samba's module that delays reads and writes",
    "smb2.durable-v2-delay": "it wants Samba's module that delays the opening of files",
    "smb2.change_notify_disabled": "it waits for ever on a server that tells of changes",
}
#: Suites that are run beside the ``smb2`` ones.
_OTHERS = ("vfs.fruit",)
#: Suites with tests that open sessions without encryption: run on a relaxed server, too.
RELAXED = (
    "smb2.connect",
    "smb2.durable-open",
    "smb2.durable-v2-open",
    "smb2.lock",
    "smb2.multichannel",
    "smb2.notify",
    "smb2.replay",
    "smb2.session",
    "smb2.session-id",
    "smb2.session-require-signing",
    "smb2.tcon",
)
#: What `./dev test` runs: most of what clients do every day, in the least time.
QUICK = (
    "smb2.charset",
    "smb2.compound",
    "smb2.create",
    "smb2.delete-on-close-perms",
    "smb2.deny",
    "smb2.durable-open",
    "smb2.durable-v2-open",
    "smb2.fileid",
    "smb2.getinfo",
    "smb2.ioctl",
    "smb2.lock",
    "smb2.mkdir",
    "smb2.read",
    "smb2.rename",
    "smb2.rw",
    "smb2.sharemode",
    "smb2.streams",
    "smb2.timestamps",
    "smb2.winattr",
    "vfs.fruit",
)


def suites() -> list[str]:
    """The suites of the installed smbtorture that are run."""
    listing = subprocess.run(["smbtorture", "--list-suites"], check=True, capture_output=True, text=True)
    return chosen(line.strip() for line in listing.stdout.splitlines())


def chosen(listed: Iterable[str]) -> list[str]:
    """Those to run, sorted by name."""
    return sorted(
        name for name in listed if name in _OTHERS or (name.startswith("smb2.") and name not in LEFT_OUT)
    )
