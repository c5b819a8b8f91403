"""Kill at every step: SIGKILL ends a process that runs one operation before, in or after each port call.

Then one reconcile, after which the host is as recorded, the operation is completely done or not at all, each
user may do exactly what the record says, and earlier files are intact. Meanwhile an intruder keeps trying
what nobody was ever granted.
"""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

import shares_core
from shares_core import AccessLevel, Host, HostConfig, bootstrap
from shares_core.adapters.linux.polling import wait_until
from shares_core.domain.capacity import MIB
from shares_core.domain.server import ShareServer
from shares_core.testing import Call, intercept
from tests.reliability.intruding import Intruder
from tests.reliability.operations import (
    ADA,
    BOB,
    CARL,
    KEPT,
    NEW,
    OPERATIONS,
    PASSWORD,
    SERVER,
    SMALL,
    Operation,
    has_share,
    without_server,
)
from tests.reliability.scene import as_it_is, as_recorded, checksum, mount_point, records, synced
from tests.reliability.witness import PROBE, Witness, granted, still_writes

MOMENTS = ("before", "in", "after")
#: Calls of these ports have no effect on the host.
_UNSEEN = ("clock", "ids", "events", "workers")
#: How far into a call a process dies: earlier if the call had already ended.
_FRACTIONS = {"before": (0.0,), "in": (0.5, 0.2, 0.05), "after": (0.0,)}
_SECONDS = 120.0


@frozen
class Kill:
    """Where a process dies: at the call of that number in the operation of that name."""

    operation: str
    number: int
    moment: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.moment} call {self.number}"


@define
class Rehearsal:
    """The calls of an operation when nothing goes wrong, and how long each takes, in seconds."""

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
    """Kills the process at one call; in the middle of it by a kernel timer."""

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
            signal.setitimer(signal.ITIMER_REAL, max(self.after, 0.0002))
        try:
            return proceed()
        finally:  # a call may also end with a refusal
            if self.kill.moment == "after":
                _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@define
class Campaign:
    """Kills on one host."""

    config: HostConfig
    operations: Sequence[Operation] = OPERATIONS
    host: Host = field(init=False)
    rehearsals: dict[str, Rehearsal] = field(init=False, factory=dict)
    _witness: Witness = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.host = shares_core.open_host(self.config)

    @contextmanager
    def begun(self) -> Iterator[Intruder]:
        """The server, with what has to survive on it, and the intruder."""
        host = self.host
        host.servers.create(SERVER)
        try:
            host.shares.create(SERVER, KEPT, SMALL)
            for user, level in ((ADA, AccessLevel.READ_WRITE), (BOB, AccessLevel.READ_ONLY)):
                host.access.allow(SERVER, KEPT, user, level, PASSWORD)
            self._write_to(KEPT)
            server = host.servers.show(SERVER).server
            with (
                Witness.beside(server, PASSWORD) as self._witness,
                Intruder.at_work(server, KEPT, (BOB, CARL), PASSWORD) as intruder,
            ):
                yield intruder
        finally:
            without_server(host)
            host.servers.delete(SERVER, with_shares=True)

    def _server(self) -> ShareServer:
        return next(server for server in records(self.config) if str(server.name) == SERVER)

    def _folder(self, share: str) -> Path:
        server = self._server()
        return mount_point(self.config, server, server.share(share)) / "data"

    def _write_to(self, share: str) -> None:
        """Write the files that have to survive, and a file for the witness, which smbd owns."""
        folder, uid = self._folder(share), self._server().uid
        for number in range(4):
            (folder / f"kept-{number}").write_bytes(os.urandom(MIB))
        (folder / PROBE).touch()
        os.chown(folder / PROBE, uid, uid)
        synced(folder)

    def _sums(self) -> dict[str, dict[str, str]]:
        """The files of each share that have to survive, with their checksums."""
        names = [str(share.name) for share in self._server().shares]
        return {
            name: {path.name: checksum(path) for path in self._folder(name).glob("kept-*")} for name in names
        }

    def kills(self) -> list[Kill]:
        """Every possible kill, after a rehearsal of each operation."""
        found = []
        for operation in self.operations:
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

    def run(self, kill: Kill) -> bool:
        """One kill and one reconcile. Returns whether the process died: a call may be too short for that.

        Raises AssertionError, which names what is lost, half-done or grants more than asked.
        """
        try:
            died = any(self._run(kill, fraction) for fraction in _FRACTIONS[kill.moment])
            assert died or kill.moment == "in", "it was not killed"
        except AssertionError as error:
            error.add_note(str(kill))
            raise
        return died

    def _run(self, kill: Kill, fraction: float) -> bool:
        operation = next(each for each in self.operations if each.name == kill.operation)
        operation.ready(self.host)
        if has_share(self.host):
            self._write_to(NEW)
        before, sums = records(self.config), self._sums()
        rehearsal = self.rehearsals[operation.name]
        number = min(kill.number, len(rehearsal.seconds) - 1)
        with self._witness.holding(ADA, KEPT) if operation.narrows else nullcontext() as opened:
            status = self._die_in(operation, Deadly(kill, rehearsal.seconds[number] * fraction))
            assert status in (-signal.SIGKILL, -signal.SIGALRM, 0), f"it ended with {status}"
            self._judge(before, sums, operation, status)
            if opened is not None and operation.done(self.host):
                assert not still_writes(opened), "what was open before is open still"
        return status != 0

    def _judge(
        self, before: object, sums: dict[str, dict[str, str]], operation: Operation, status: int
    ) -> None:
        report = self.host.fleet.reconcile()
        assert report.is_well, report
        assert not report.orphans, report.orphans
        again = self.host.fleet.reconcile(dry_run=True)
        assert again.is_empty, again
        assert as_recorded(self.config) == as_it_is(self.config)
        done = operation.done(self.host)
        assert done or before == records(self.config), "neither done nor as before"
        assert done or status != 0, "acknowledged, and not done"
        there = self._sums()
        copied = sums.get(operation.copies, {})
        assert there == {name: sums.get(name, copied) for name in there}, "what was written is not there"
        server, asked = self._server(), there.keys()
        assert granted(server, asked) == self._witness.admitted((ADA, BOB, CARL), asked)

    def _die_in(self, operation: Operation, deadly: Deadly) -> int:
        """Run the operation in another process. Returns how it ended, 0 if it was not killed."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the witness's thread waits for its server
            process = os.fork()
        if process == 0:
            status = 70
            # Here, for only the main thread may, and the call to die in may be another thread's.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
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


def spread(kills: Sequence[Kill], part: int, parts: int, seed: int) -> list[Kill]:
    """One of that many parts: each call is in one part, with one moment that the seed chooses."""
    calls = list(dict.fromkeys((kill.operation, kill.number) for kill in kills))
    chosen = [(call, number // parts) for number, call in enumerate(calls, seed) if number % parts == part]
    return [Kill(*call, MOMENTS[turn % len(MOMENTS)]) for call, turn in chosen]
