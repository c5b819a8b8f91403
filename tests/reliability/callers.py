"""Many callers at once: processes with threads, on servers that they share, while clients write."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from attrs import define, frozen

import shares_core
from shares_core import AccessLevel, Capacity, HostConfig
from shares_core.domain.capacity import MIB
from tests.reliability.calling import STABLE, Job
from tests.reliability.expecting import Expected, read
from tests.reliability.scene import ALONE, as_it_is, as_recorded, mount_point, records
from tests.testkit.clients import ClientNamespace, SmbClient, open_file

_REPOSITORY = Path(__file__).parents[2]
_SIZE = Capacity(24 * MIB)
WRITER = "writer"


@frozen
class Callers:
    """The numbers of everything. Callers stop and start the servers beyond the first ``written``."""

    config: HostConfig
    folder: Path
    seed: int
    processes: int = 8
    threads: int = 4
    operations: int = 2000
    servers: int = 6
    written: int = 4

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"many-{number}" for number in range(self.servers))

    def jobs(self) -> list[Job]:
        """One job for each process; ``operations`` is for the process, shared by its threads."""
        resting = self.names[self.written :]
        each = -(-self.operations // self.threads)
        return [
            Job(self.config, self.seed, number, self.threads, each, self.names, resting, self.folder)
            for number in range(self.processes)
        ]

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """The servers, with the shares that stay; the end of the block removes everything."""
        host = shares_core.open_host(self.config)
        try:
            for name in self.names:
                host.servers.create(name)
                for share in STABLE:
                    host.shares.create(name, share, _SIZE)
            yield
        finally:
            for server in records(self.config):
                host.servers.delete(str(server.name), with_shares=True)


def start(job: Job) -> subprocess.Popen[bytes]:
    """Start a process that works, and ends with this one."""
    calling = (*ALONE, sys.executable, "-m", "tests.reliability.calling")
    process = subprocess.Popen(calling, stdin=subprocess.PIPE, cwd=_REPOSITORY)
    assert process.stdin is not None
    process.stdin.write(pickle.dumps(job))
    process.stdin.close()
    return process


@define
class Writer:
    """A client that writes without a pause; ``kept`` are the checksums of what the server acknowledged."""

    client: SmbClient
    kept: dict[str, str]
    broken: list[str]
    _thread: threading.Thread | None = None
    _ending: bool = False

    @classmethod
    def on(cls, client: SmbClient) -> Writer:
        return cls(client, {}, [])

    def begin(self) -> None:
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ending = True
        if self._thread is not None:
            self._thread.join(30)
            assert not self._thread.is_alive(), "a client hangs"

    def _write(self) -> None:
        try:
            with self.client.connection() as session:
                tree = self.client.tree(session, STABLE[0])
                number = 0
                while not self._ending:
                    content = os.urandom(32 * 1024)
                    name = f"written-{number % 100}"
                    opened = open_file(tree, name)
                    opened.write(content, 0)
                    opened.flush()
                    opened.close()
                    self.kept[name] = hashlib.sha256(content).hexdigest()
                    number += 1
        except Exception as error:  # noqa: BLE001 - whatever breaks it off is the finding
            self.broken.append(repr(error))


@frozen
class Outcome:
    """The result of a run; ``errors`` are the reported conflicts, ``written`` the clients' files."""

    operations: int
    errors: int
    seconds: float
    written: int


def run(callers: Callers, namespaces: list[ClientNamespace], seconds: float) -> Outcome:
    """Run all of them to their ends. Raises AssertionError for whatever is not as it should be."""
    host = shares_core.open_host(callers.config)
    writers = [_writer(callers, host, name, namespaces) for name in callers.names[: callers.written]]
    for writer in writers:
        writer.begin()
    began = time.monotonic()
    processes = [start(job) for job in callers.jobs()]
    try:
        for process in processes:
            left = max(1.0, began + seconds - time.monotonic())
            assert 0 == process.wait(left), "a caller ended otherwise"
    finally:
        for process in processes:
            process.kill()
            process.wait()
        for writer in writers:
            writer.end()
    took = time.monotonic() - began
    report = host.fleet.reconcile(dry_run=True)
    assert report.is_empty, report  # before bringing up anything that may be down
    assert as_recorded(callers.config) == as_it_is(callers.config)
    for name in callers.names:
        host.servers.start(name)
    return _judged(callers, writers, took)


def _writer(callers: Callers, host: shares_core.Host, name: str, namespaces: list[ClientNamespace]) -> Writer:
    password = host.access.allow(name, STABLE[0], WRITER, AccessLevel.READ_WRITE).password
    assert password is not None
    interface = host.servers.show(name).server.interfaces[0]
    namespace = ClientNamespace.beside(interface, len(namespaces))
    namespaces.append(namespace)
    address = str(interface.addresses[0].ip)
    return Writer.on(SmbClient(namespace, address, WRITER, password.reveal(), callers.folder))


def _judged(callers: Callers, writers: list[Writer], took: float) -> Outcome:
    told = list(read(callers.folder))
    expected = Expected.after(told)
    assert not expected.faults, expected.faults[:5]
    assert not [writer.broken for writer in writers if writer.broken]
    servers = records(callers.config)
    assert not (differences := expected.differences(servers)), differences[:5]
    assert as_recorded(callers.config) == as_it_is(callers.config)
    by_name = {str(server.name): server for server in servers}
    for name, writer in zip(callers.names, writers, strict=False):
        server = by_name[name]
        folder = mount_point(callers.config, server, server.share(STABLE[0])) / "data"
        there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        lost = {file for file, value in writer.kept.items() if there.get(file) != value}
        assert not lost, lost
    errors = sum(bool(each.error) for caller in told for each in caller)
    written = sum(len(writer.kept) for writer in writers)
    return Outcome(expected.count, errors, took, written)


def overlap(callers: Callers, rounds: int = 4) -> float:
    """How many times longer the same work on all servers takes in sequence than at once."""
    host = shares_core.open_host(callers.config)

    def work(name: str) -> None:
        for _ in range(rounds):
            host.servers.stop(name)
            host.servers.start(name)

    began = time.monotonic()
    for name in callers.names:
        work(name)
    between = time.monotonic()
    with ThreadPoolExecutor(len(callers.names)) as threads:
        list(threads.map(work, callers.names))
    return (between - began) / (time.monotonic() - between)
