"""The kernel's own SMB client: ``mount -t cifs``, from a client's namespace, as docs/clients.md says."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.testkit.clients import SmbClient
from tests.testkit.probes import until

_SECONDS, _SERVED_SECONDS = 120, 30
_DOCUMENT = Path(__file__).parents[2] / "docs" / "clients.md"
_LINE = re.compile(r"^mount -t cifs //ADDRESS/SHARE /mnt -o credentials=FILE,(\S+)$", re.MULTILINE)


@contextmanager
def mounted(client: SmbClient, share: str, *more: str) -> Iterator[Path]:
    """Mount the share on a folder of the client until the end of the block, with ``more`` options.

    A mount is tried once; a server may take a moment to listen after its interface is plugged in.
    """

    def is_served() -> bool:
        return client.do(share, "ls").status == "NT_STATUS_OK"

    assert until(is_served, _SERVED_SECONDS), f"{client.address} does not serve {share}"
    target = client.folder / f"cifs-{uuid.uuid4().hex[:8]}"
    target.mkdir()
    secret = target.with_suffix(".secret")
    secret.touch(mode=0o600)
    secret.write_text(f"username={client.user}\npassword={client.password}\n")
    # Not with 'ip netns exec', whose mounts nobody else sees.
    inside = ("nsenter", f"--net=/run/netns/{client.namespace.name}")
    what = f"//{client.address}/{share}"
    documented = (_documented_options(), *more)
    options = ",".join((f"credentials={secret}", *documented, "nosharesock", f"ip={client.address}"))
    _run(*inside, "mount", "-t", "cifs", what, str(target), "-o", options)
    try:
        yield target
    finally:
        _run("umount", str(target))
        target.rmdir()
        secret.unlink()


def _documented_options() -> str:
    found = _LINE.search(_DOCUMENT.read_text())
    assert found is not None, f"{_DOCUMENT} has no line for a mount"
    return found[1]


def reconnects() -> int:
    """How often this kernel's clients have lost a session or a share and connected again."""
    said = Path("/proc/fs/cifs/Stats").read_text()
    found = re.search(r"^(\d+) session (\d+) share reconnects", said, re.MULTILINE)
    assert found is not None, said
    return int(found[1]) + int(found[2])


def checksums(folder: Path) -> dict[str, str]:
    """The checksum of each file below the folder, by its path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def write_synced(path: Path, content: bytes) -> None:
    """Write a file that is on the server's disk when this returns."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode == 0, (argv, done.stdout, done.stderr)
