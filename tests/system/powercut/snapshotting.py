"""Snapshots, clones and reverts until the power is cut: ``python -m tests.system.powercut.snapshotting``.

Each line of its record is on the disk before the next step: what was answered is then certain.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from random import Random

from shares_core import SnapshotSource
from shares_core.adapters.linux.files import open_folder
from tests.system.powercut import scene
from tests.testkit.kernel_client import write_synced

_SERVER = scene.SERVERS[0]
_MOST = 4


def file_of(share: str = scene.KEPT) -> Path:
    """The file that says in which version the share is."""
    server = scene.host().servers.show(_SERVER).server
    shares = scene.config().state_dir / "servers" / server.id / "shares"
    return shares / server.share(share).id / "data" / "version"


def write_version(name: str) -> None:
    """It is there, or the former one is."""
    file = file_of()
    write_synced(file.with_name("new"), name.encode())
    file.with_name("new").rename(file)
    with open_folder(file.parent) as folder:
        os.fsync(folder)


def main() -> None:
    host, chosen, names = scene.host(), Random(scene.KEPT), list[str]()
    with scene.SNAPSHOTS.open("a") as told:

        def tell(*words: str) -> None:
            told.write(" ".join(words) + "\n")
            told.flush()
            os.fsync(told.fileno())

        number = 0
        while True:
            number += 1
            name = f"v{number}"
            tell("writing", name)
            write_version(name)
            tell("taking", name)
            host.snapshots.create(_SERVER, scene.KEPT, name)
            tell("taken", name)
            names.append(name)
            former = chosen.choice(names)
            tell("cloning", former)
            host.shares.clone(_SERVER, "copy", SnapshotSource.parse(f"{_SERVER}/{scene.KEPT}@{former}"))
            assert file_of("copy").read_bytes() == former.encode()
            host.shares.delete(_SERVER, "copy")
            if len(names) > _MOST:
                gone = names.pop(chosen.randrange(len(names)))
                tell("deleting", gone)
                host.snapshots.delete(_SERVER, scene.KEPT, gone)
                tell("deleted", gone)
            former = chosen.choice(names)
            tell("reverting", former)
            host.snapshots.revert(_SERVER, scene.KEPT, former, older=True)
            tell("reverted", former)


def expected(lines: list[str]) -> tuple[Mapping[str, bool], frozenset[str]]:
    """The snapshots that may be there, each with whether it must, and the versions that the share may have.

    The last line may have been cut off: then its step had not begun.
    """
    there: dict[str, bool] = {}
    versions: frozenset[str] = frozenset()
    for word, name in (line.split(" ") for line in lines[:-1] if " " in line):
        if word in ("taking", "deleting"):
            there[name] = False
        elif word == "taken":
            there[name] = True
        elif word == "deleted":
            del there[name]
        elif word in ("writing", "reverting"):
            versions |= {name}
        if word in ("taking", "reverted"):
            versions = frozenset({name})
    return there, versions


if __name__ == "__main__":
    main()
