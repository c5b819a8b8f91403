"""Soak: make, use and delete a server and its share over and over; nothing may grow."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
from attrs import asdict, define, field, frozen
from pyroute2 import IPRoute

import shares_core
from shares_core import AccessLevel, Capacity, Host, HostConfig
from shares_core.domain.capacity import MIB
from tests.testkit.clients import ClientNamespace, SmbClient, open_file
from tests.testkit.footprint import tables

_SIZE = Capacity(16 * MIB)
#: How much memory a process may gain: its allocator does not give everything back.
_MEMORY_BYTES = 24 * MIB
#: How many cycles fill every cache and do every lazy import: the Docker client keeps a connection for each of
#: the last 25 addresses that it asked, and a cycle asks five new ones.
_WARM = 7


@frozen
class Footing:
    """How much exists of each kind, on the whole host and in this process; ``memory`` is in bytes."""

    loop_devices: int
    mounts: int
    descriptors: int
    threads: int
    devices: int
    filters: int
    folders: int
    containers: int
    warnings: int
    memory: int

    def growth(self, before: Footing) -> dict[str, int]:
        """By how much each has grown; memory only if that is more than an allocator keeps."""
        grown = {name: value - getattr(before, name) for name, value in asdict(self).items()}
        if grown["memory"] <= _MEMORY_BYTES:
            del grown["memory"]
        return {name: more for name, more in grown.items() if more > 0}


@define
class Soak:
    """Cycles on one host."""

    config: HostConfig
    folder: Path
    warned: list[str] = field(factory=list)
    host: Host = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.host = shares_core.open_host(self.config)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Collect every warning, of Python and of libraries."""

        class Handler(logging.Handler):
            def emit(_, record: logging.LogRecord) -> None:  # noqa: N805 - the outer one is meant
                self.warned.append(record.getMessage())

        handler = Handler(logging.WARNING)
        logging.getLogger().addHandler(handler)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                logging.captureWarnings(True)
                yield
        finally:
            logging.captureWarnings(False)
            logging.getLogger().removeHandler(handler)

    def cycle(self) -> None:
        """Make, use and delete."""
        host = self.host
        server = host.servers.create("soak").server
        try:
            host.shares.create("soak", "files", _SIZE)
            password = host.access.allow("soak", "files", "ada", AccessLevel.READ_WRITE).password
            assert password is not None
            interface = server.interfaces[0]
            namespace = ClientNamespace.beside(interface)
            try:
                address = str(interface.addresses[0].ip)
                client = SmbClient(namespace, address, "ada", password.reveal(), self.folder)
                with client.connection() as session:
                    opened = open_file(client.tree(session, "files"), "used")
                    opened.write(b"used", 0)
                    assert b"used" == opened.read(0, 4)
                host.access.deny("soak", "files", "ada")
            finally:
                namespace.remove()
        finally:
            host.servers.delete("soak", with_shares=True)

    def run(self, cycles: int) -> dict[str, int]:
        """Run that many cycles. Returns what has grown since the first few."""
        with self.listening():
            for _ in range(_WARM):
                self.cycle()
            before = self.footing()
            for _ in range(cycles):
                self.cycle()
            return self.footing().growth(before)

    def footing(self) -> Footing:
        gc.collect()
        client = docker.from_env()
        try:
            containers = len(client.api.containers(all=True))
        finally:
            client.close()
        with IPRoute() as netlink:
            devices = len(list(netlink.get_links()))
        loops = subprocess.run(("losetup", "--list", "--noheadings"), check=True, capture_output=True)
        state = self.config.state_dir
        return Footing(
            loop_devices=len(loops.stdout.splitlines()),
            mounts=len(Path("/proc/self/mountinfo").read_text().splitlines()),
            descriptors=len(os.listdir("/proc/self/fd")),
            threads=threading.active_count(),
            devices=devices,
            filters=len(tables()),
            folders=sum(1 for _ in state.rglob("*")),
            containers=containers,
            warnings=len(self.warned),
            memory=_resident(),
        )


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
