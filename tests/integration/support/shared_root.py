"""A program for a separate mount namespace, where ``/`` is shared as under systemd.

Run as ``unshare --mount --propagation private python -m tests.integration.support.shared_root DIR PREPARED``;
writes what becomes of the servers' folders in the state folder DIR as JSON. PREPARED is what is there before:
``nothing``; ``bound``, what an ``ensure`` leaves that is killed after its bind; ``in use``, that and a mount.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from shares_core.adapters.state.folders import DiskFolders
from shares_core.adapters.state.layout import Layout
from tests.contracts.values import UID

FIRST, SECOND, SHARE = "1" * 12, "2" * 12, "5" * 12


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _prepare(layout: Layout, prepared: str) -> None:
    if prepared == "nothing":
        return
    layout.servers.mkdir(mode=0o700)
    _mount("--bind", layout.servers, layout.servers)
    if prepared == "in use":
        layout.server(FIRST).mkdir(mode=0o700)
        _mount("-t", "tmpfs", "-o", "mode=0700,size=64k", "shares-core", layout.server(FIRST))


def _groups(folder: Path) -> list[str]:
    """The peer group of the mount at the folder, and of the one above it."""
    lines = [line.split(" ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    here = next(fields for fields in lines if fields[4] == str(folder))
    above = next(fields for fields in lines if fields[0] == here[1])
    return [next((f for f in fields if f.startswith("shared:")), "") for fields in (here, above)]


def _below(folder: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return sorted(t for t in (line.split(" ")[4] for line in lines) if t.startswith(f"{folder}/"))


def main() -> None:
    """Make the folders of two servers, one with a share, and remove them."""
    layout = Layout(Path(sys.argv[1]))
    _mount("--make-rshared", "/")
    _prepare(layout, sys.argv[2])
    folders = DiskFolders(layout, 10)
    for server_id in (FIRST, SECOND, FIRST):
        folders.ensure(server_id, UID)
    told: dict[str, Any] = {"groups": _groups(layout.servers)}
    share = layout.share(FIRST, SHARE)
    share.mkdir()
    _mount("-t", "tmpfs", "-o", "size=4k", "share", share)
    told["mounts"] = _below(layout.servers)
    subprocess.run(["umount", share], check=True)
    for server_id in (FIRST, SECOND):
        folders.remove(server_id)
    told["left"] = [*_below(layout.servers), *folders.list()]
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
