"""How long it takes to make, open and miss a name in a large folder, beside a plain Samba.

If the kernel can, a share whose file system folds case is measured too.
"""

from __future__ import annotations

import os
import statistics
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from attrs import frozen
from smbprotocol.exceptions import SMBResponseException
from smbprotocol.open import CreateDisposition
from smbprotocol.tree import TreeConnect
from tests.testkit.clients import READ, SmbClient, open_file
from tests.testkit.site import opened_site
from tools.conformance import servers
from tools.conformance.torture import Target

from shares_core.adapters.filesystems.casefold import knows_case_fold

THERE = (1_000, 10_000, 100_000)
#: Room for that many files, on the plain server's file system too.
_SIZE = "4GiB"
OPERATIONS = ("create", "open", "open in another case", "miss")


@frozen
class Folder:
    """A folder of a share that has files already, and the names of some of them."""

    name: str
    files: int

    def name_of(self, number: int) -> str:
        return f"document {number:07}.txt"

    def fill(self, below: Path) -> None:
        """Make the files on the host, which is quicker, as the share's own user."""
        owner, made = below.stat(), below / self.name
        made.mkdir()
        for path in (made, *(made / self.name_of(number) for number in range(self.files))):
            path.touch()
            os.chown(path, owner.st_uid, owner.st_gid)
            path.chmod(owner.st_mode & 0o777)


def measure(rounds: int, there: tuple[int, ...] = THERE) -> None:
    """Print all rows: a round is one name of each kind. Leaves nothing."""
    with opened_site() as site, ExitStack() as made:
        our, interface = made.enter_context(servers.ours(site, size=_SIZE))
        sides = {"ours": our}
        if knows_case_fold():
            folding = servers.ours(site, "folding", size=_SIZE, case_fold=True)
            sides["folding"], _ = made.enter_context(folding)
        # Last: its container, which is no server, would be in the way of a new one.
        sides = {"plain": made.enter_context(servers.plain(site, interface, size=_SIZE)), **sides}
        columns = {
            (side, count): _column(target, count, rounds) for count in there for side, target in sides.items()
        }
    report(columns, there, rounds)


def _column(target: Target, count: int, rounds: int) -> dict[str, float]:
    folder = Folder(f"folder-{uuid.uuid4().hex[:8]}", count)
    folder.fill(target.local)
    client = _client(target)
    with client.connection() as session:
        tree = client.tree(session, target.share)
        return {what: _median(tree, folder, what, rounds) for what in OPERATIONS}


def _client(target: Target) -> SmbClient:
    lines = target.authentication.read_text().splitlines()
    login = dict(line.split(" = ", 1) for line in lines)
    folder = target.authentication.parent
    return SmbClient(target.namespace, target.address, login["username"], login["password"], folder)


def _median(tree: TreeConnect, folder: Folder, what: str, rounds: int) -> float:
    taken = []
    for number in range(rounds):
        present = folder.name_of(number * max(1, folder.files // rounds) % folder.files)
        name, disposition = {
            "create": (f"new {number}.txt", CreateDisposition.FILE_CREATE),
            "open": (present, CreateDisposition.FILE_OPEN),
            "open in another case": (present.upper(), CreateDisposition.FILE_OPEN),
            "miss": (f"missing {number}.txt", CreateDisposition.FILE_OPEN),
        }[what]
        taken.append(_seconds(lambda n=name, d=disposition: _opened(tree, rf"{folder.name}\{n}", d)))  # type: ignore[misc]
    return statistics.median(taken)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _opened(tree: TreeConnect, path: str, disposition: int) -> None:
    with suppress(SMBResponseException):  # that it is missing
        open_file(tree, path, READ, disposition=disposition).close()


def report(columns: dict[tuple[str, int], dict[str, float]], there: tuple[int, ...], rounds: int) -> None:
    sides = list(dict.fromkeys(side for side, _ in columns))
    print(f"{'median, files in the folder':28}" + "".join(f"{count:>{11 * len(sides)},}" for count in there))
    print(f"{'':28}" + "".join(f"{side:>11}" for side in sides) * len(there))
    for what in OPERATIONS:
        cells = (f"{columns[side, count][what] * 1000:8.1f} ms" for count in there for side in sides)
        print(f"{what:28}" + "".join(cells))
    print(f"{rounds} rounds")
