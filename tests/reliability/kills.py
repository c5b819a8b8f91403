"""Kill at every step: a process that runs one operation ends by SIGKILL before, in or after each port call.

Then one reconcile, and: the host is as recorded, the operation is wholly done or wholly not, what was written
before is there. All the while a watcher tries what nobody was ever granted.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, field, frozen

import shares_core
from shares_core import AccessLevel, Capacity, FileSystemKind, Host, HostConfig, NotFound, Secret, bootstrap
from shares_core.adapters.memory import Call, intercept
from shares_core.adapters.waiting import wait_until
from shares_core.domain.capacity import MIB
from tests.reliability.intruding import Intruder
from tests.reliability.scene import as_it_is, as_recorded, checksum, mount_point, records, synced

SERVER, KEPT, NEW = "kills", "kept", "new"
SMALL, LARGE = Capacity(32 * MIB), Capacity(48 * MIB)
#: Those who were granted something at the start. Bob may read, and nobody else but Ada may do anything.
ADA, BOB, CARL = "ada", "bob", "carl"
PASSWORD = Secret("kept by the test alone")
MOMENTS = ("before", "in", "after")
#: Calls of these ports reach nobody.
_UNSEEN = ("clock", "ids", "events")
_SECONDS = 120.0


@frozen
class Operation:
    """``ready`` makes what it works on, ``done`` tells whether it was done."""

    name: str
    work: Callable[[Host], object]
    ready: Callable[[Host], object]
    done: Callable[[Host], bool]


def _level(host: Host, user: str) -> AccessLevel | None:
    rules = host.access.list(SERVER, KEPT)
    return next((rule.level for rule in rules if str(rule.principal.name) == user), None)


def _has_share(host: Host, name: str = NEW) -> bool:
    return name in [str(view.share.name) for view in host.shares.list(SERVER)]


def _without_share(host: Host) -> None:
    if _has_share(host):
        host.shares.delete(SERVER, NEW)


def _fresh_share(host: Host, kind: FileSystemKind = FileSystemKind.EXT4) -> None:
    _without_share(host)
    size = max(SMALL, kind.smallest, key=lambda capacity: capacity.bytes)
    host.shares.create(SERVER, NEW, size, kind)
    host.access.allow(SERVER, NEW, ADA)


def _capacity(host: Host) -> Capacity:
    return host.shares.show(SERVER, NEW).share.capacity


def _without_carl(host: Host) -> None:
    if CARL in [str(account.name) for account in host.users.list(SERVER)]:
        host.users.remove(SERVER, CARL)


def _without_server(host: Host) -> None:
    try:
        host.servers.delete("another", with_shares=True)
    except NotFound:
        return


def _has_server(host: Host) -> bool:
    return "another" in [str(view.server.name) for view in host.servers.list() if hasattr(view, "server")]


_XFS_LARGE = Capacity(FileSystemKind.XFS.smallest.bytes + 16 * MIB)

OPERATIONS = (
    Operation("create server", lambda h: h.servers.create("another"), _without_server, _has_server),
    Operation(
        "delete server",
        lambda h: h.servers.delete("another", with_shares=True),
        lambda h: (h.servers.create("another"), h.shares.create("another", "files", SMALL)),
        lambda h: not _has_server(h),
    ),
    Operation("create share", lambda h: h.shares.create(SERVER, NEW, SMALL), _without_share, _has_share),
    Operation(
        "delete share", lambda h: h.shares.delete(SERVER, NEW), _fresh_share, lambda h: not _has_share(h)
    ),
    Operation(
        "extend ext4",
        lambda h: h.shares.extend(SERVER, NEW, LARGE),
        _fresh_share,
        lambda h: _capacity(h) == LARGE,
    ),
    Operation(
        "extend xfs",
        lambda h: h.shares.extend(SERVER, NEW, _XFS_LARGE),
        lambda h: _fresh_share(h, FileSystemKind.XFS),
        lambda h: _capacity(h) == _XFS_LARGE,
    ),
    Operation(
        "allow a new user",
        lambda h: h.access.allow(SERVER, KEPT, CARL, AccessLevel.READ_ONLY),
        _without_carl,
        lambda h: _level(h, CARL) is not None,
    ),
    Operation(
        "lower a level",
        lambda h: h.access.allow(SERVER, KEPT, ADA, AccessLevel.READ_ONLY),
        lambda h: h.access.allow(SERVER, KEPT, ADA, AccessLevel.READ_WRITE),
        lambda h: _level(h, ADA) is AccessLevel.READ_ONLY,
    ),
    Operation(
        "deny",
        lambda h: h.access.deny(SERVER, KEPT, ADA),
        lambda h: h.access.allow(SERVER, KEPT, ADA, AccessLevel.READ_WRITE),
        lambda h: _level(h, ADA) is None,
    ),
)


@frozen
class Kill:
    """Where one process is to die: at the call of that number of the operation of that name."""

    operation: str
    number: int
    moment: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.moment} call {self.number}"


@define
class Rehearsal:
    """What an operation calls when nothing goes wrong, and how long each call takes, in seconds."""

    calls: list[str] = field(factory=list)
    seconds: list[float] = field(factory=list)

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        if call.port in _UNSEEN:
            return proceed()
        began = time.perf_counter()
        self.calls.append(str(call))
        self.seconds.append(0.0)
        number = len(self.seconds) - 1
        try:
            return proceed()
        finally:
            self.seconds[number] = time.perf_counter() - began


@define
class Deadly:
    """Ends the process at one call; in the middle of it by a timer of the kernel's, as SIGKILL does."""

    kill: Kill
    after: float
    called: int = 0

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        if call.port in _UNSEEN:
            return proceed()
        number, self.called = self.called, self.called + 1
        if number != self.kill.number:
            return proceed()
        if self.kill.moment == "before":
            _die()
        if self.kill.moment == "in":
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, max(self.after, 0.0002))
        answer = proceed()
        if self.kill.moment == "after":
            _die()
        return answer


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@define
class Campaign:
    """Kills on one host. ``fraction`` is how far into a call a process dies in it."""

    config: HostConfig
    fraction: float = 0.5
    host: Host = field(init=False)
    rehearsals: dict[str, Rehearsal] = field(init=False, factory=dict)
    kept: dict[str, str] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.host = shares_core.open_host(self.config)

    @contextmanager
    def begun(self) -> Iterator[Intruder]:
        """The server, with what is to be kept on it, and who tries what nobody may."""
        host = self.host
        host.servers.create(SERVER)
        try:
            host.shares.create(SERVER, KEPT, SMALL)
            for user, level in ((ADA, AccessLevel.READ_WRITE), (BOB, AccessLevel.READ_ONLY)):
                host.access.allow(SERVER, KEPT, user, level, PASSWORD)
            self._write_what_is_kept()
            server = host.servers.show(SERVER).server
            with Intruder.at_work(server, KEPT, BOB, PASSWORD) as intruder:
                yield intruder
        finally:
            _without_server(host)
            host.servers.delete(SERVER, with_shares=True)

    def _folder(self) -> Any:
        server = self.host.servers.show(SERVER).server
        return mount_point(self.config, server, server.share(KEPT)) / "data"

    def _write_what_is_kept(self) -> None:
        folder = self._folder()
        for number in range(4):
            (folder / f"kept-{number}").write_bytes(os.urandom(MIB))
        synced(folder)
        self.kept = {path.name: checksum(path) for path in folder.iterdir()}

    def kills(self) -> list[Kill]:
        """Every one there is, after a rehearsal of each operation."""
        found = []
        for operation in OPERATIONS:
            operation.ready(self.host)
            rehearsal = self.rehearsals[operation.name] = Rehearsal()
            operation.work(self._process(rehearsal))
            assert operation.done(self.host), operation.name
            found += [
                Kill(operation.name, number, moment)
                for number in range(len(rehearsal.calls))
                for moment in MOMENTS
            ]
        return found

    def _process(self, around: Callable[[Call, Callable[[], Any]], Any]) -> Host:
        return bootstrap.host(intercept(bootstrap.ports(self.config), around), self.config.network)

    def run(self, kill: Kill) -> None:
        """One kill and one reconcile. Raises AssertionError, naming it, for what is lost or half-done."""
        try:
            self._run(kill)
        except AssertionError as error:
            error.add_note(str(kill))
            raise

    def _run(self, kill: Kill) -> None:
        operation = next(each for each in OPERATIONS if each.name == kill.operation)
        operation.ready(self.host)
        before = records(self.config)
        rehearsal = self.rehearsals[operation.name]
        number = min(kill.number, len(rehearsal.seconds) - 1)
        deadly = Deadly(kill, rehearsal.seconds[number] * self.fraction)
        status = self._die_in(operation, deadly)
        assert status in (-signal.SIGKILL, -signal.SIGALRM, 0), f"it ended with {status}"
        report = self.host.fleet.reconcile()
        assert report.is_well, report
        assert not report.orphans, report.orphans
        again = self.host.fleet.reconcile(dry_run=True)
        assert again.is_empty, again
        assert as_recorded(self.config) == as_it_is(self.config)
        done = operation.done(self.host)
        assert done or before == records(self.config), "neither done nor as before"
        assert done or status != 0, "acknowledged, and not done"
        folder = self._folder()
        assert self.kept == {path.name: checksum(path) for path in folder.iterdir()}

    def _die_in(self, operation: Operation, deadly: Deadly) -> int:
        """Run the operation in another process. Gives how that ended, 0 where it was not killed."""
        process = os.fork()
        if process == 0:
            status = 70
            try:
                operation.work(self._process(deadly))
                status = 0
            finally:
                os._exit(status)
        statuses: list[int] = []

        def ended() -> bool:
            found, status = os.waitpid(process, os.WNOHANG)
            statuses.extend([os.waitstatus_to_exitcode(status)] if found else [])
            return bool(statuses)

        if not wait_until(ended, _SECONDS):
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            raise AssertionError(f"it did not end in {_SECONDS:g} s")
        return statuses[0]
