"""The command line on a machine in memory, as a shell sees it."""

from __future__ import annotations

import io
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from attrs import define, evolve, field, frozen
from tests.unit.world import World

from shares_core.adapters.linux.polling import timer
from shares_core.app.watch.watcher import Watcher
from shares_core.bootstrap import Host, host, watcher
from shares_core.config import HostConfig
from shares_core.domain.findings import Finding
from shares_core.domain.pools import DevicePath
from shares_core.domain.volume import PoolName
from shares_core.entrypoints.cli import Doors, main
from shares_core.entrypoints.cli.demo_client import Connection, DemoClient, Place, Target
from shares_core.entrypoints.cli.running import Terminated
from shares_core.ports import Events
from shares_core.ports.events import Event
from shares_core.testing import Call, SmbRefused, memory_ports
from shares_core.testing.clients import OpenFile


@frozen
class Result:
    """The result of a command: its exit status and its output."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


class Builder:
    """An image builder that builds nothing."""

    def build(self, progress: Callable[[str], None], *, fresh: bool = False) -> bool:
        progress("Step 1/2 : FROM \x1b[31mdebian" + (" without the cache" if fresh else ""))
        progress("Step 2/2 : RUN true")
        return True


@define
class PoolMaker:
    """Makes a pool once; ``devices`` are the named devices, and ``pools`` the pools for them."""

    pools: list[PoolName] = field(factory=list)
    devices: list[DevicePath | None] = field(factory=list)

    def build(self, device: DevicePath | None) -> bool:
        self.devices.append(device)
        return len(self.devices) == 1


class MemoryClient(DemoClient):
    """An SMB client of the machine in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def write(self, target: Target, name: str, content: bytes) -> str:
        try:
            opened = self._open(target, name, write=True)
            opened.write(content)
        except SmbRefused as error:
            return error.status
        opened.session.end()
        return ""

    def read(self, target: Target, name: str) -> tuple[str, bytes]:
        try:
            opened = self._open(target, name)
            content = opened.read()
        except SmbRefused as error:
            return error.status, b""
        opened.session.end()
        return "", content

    def delete(self, target: Target, name: str) -> str:
        opened = self._open(target, name, write=True)
        opened.delete()
        opened.session.end()
        return ""

    def rename(self, target: Target, name: str, to: str) -> str:
        """Of files in the recycle bin alone."""
        assert name == f".recycle\\{to}"
        return self.write(target, to, self._world.content("shares-core-demo", target.share).recycled.pop())

    @contextmanager
    def _connected(self, target: Target, name: str) -> Iterator[Connection]:
        opened = self._open(target, name)
        yield _MemoryConnection(opened)
        opened.session.end()

    def connect(self, target: Target, name: str) -> AbstractContextManager[Connection]:
        return self._connected(target, name)

    def _open(self, target: Target, name: str, *, write: bool = False) -> OpenFile:
        session = self._world.connect(target.user, target.password, server="shares-core-demo")
        return session.open(target.share, name=name, write=write)


class _MemoryConnection(Connection):
    def __init__(self, opened: OpenFile) -> None:
        self._opened = opened

    def last_words(self) -> str:
        try:
            self._opened.read()
        except SmbRefused as error:
            return error.status
        return ""


@define
class Terminal:
    """Runs commands; ``configs`` are the settings of their hosts, ``places`` those of the demos' clients."""

    world: World
    state_dir: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    doors: Doors = field(init=False)
    configs: list[HostConfig] = field(factory=list)
    places: list[Place] = field(factory=list)
    findings: tuple[Finding, ...] = ()
    pool_maker: PoolMaker = field(factory=PoolMaker)

    def __attrs_post_init__(self) -> None:
        self.doors = Doors(
            open_host=self._open_host,
            open_watcher=self._open_watcher,
            examine=self._examine,
            image_builder=lambda _: Builder(),
            pool_builder=self._pool_builder,
            open_client=self._open_client,
            require_client=lambda: None,
            is_root=lambda: True,
            default_config=self.state_dir / "absent.toml",
        )

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Result:
        """Run a command on this terminal's state folder."""
        return self.bare("--state-dir", str(self.state_dir), *arguments, stdin=stdin)

    def bare(self, *arguments: str, stdin: bytes = b"") -> Result:
        """Run a command with exactly these arguments."""
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self.capsys.readouterr()
        status = main(arguments, self.doors)
        out, err = self.capsys.readouterr()
        return Result(status, out, err)

    def ok(self, *arguments: str, stdin: bytes = b"") -> Result:
        """The same for a command that must succeed, and complain about nothing."""
        result = self(*arguments, stdin=stdin)
        assert (0, "") == (result.status, result.err)
        return result

    def use(self, **doors: Any) -> None:
        """Replace some of the doors."""
        self.doors = evolve(self.doors, **doors)

    def fail_with(self, error: BaseException) -> None:
        """Make every command that needs the host fail."""

        def fail(config: HostConfig, events: Events) -> Host:
            raise error

        self.use(open_host=fail)

    def _open_host(self, config: HostConfig, events: Events) -> Host:
        self.configs.append(config)
        return host(memory_ports(self.world.machine, events=events), config.network)

    def _open_watcher(self, config: HostConfig, events: Events) -> Watcher:
        """A watcher that a signal ends once it has reported a repair, which runs in the background."""
        self.configs.append(config)
        told: list[Event] = []
        time_left = timer(10)

        def tired(call: Call, proceed: Callable[[], Any]) -> Any:
            if str(call) == "events.emit":
                told.append(cast("Event", call.args[0]))
            mended = any(event.what == "repaired" for event in told)
            if str(call) == "runtime.ended" and (mended or not time_left()):
                raise Terminated(signal.SIGTERM)
            return proceed()

        return watcher(memory_ports(self.world.machine, events=events, faults=tired), config.network)

    def _examine(self, config: HostConfig) -> tuple[Finding, ...]:
        self.configs.append(config)
        return self.findings

    def _pool_builder(self, config: HostConfig, pool: PoolName) -> PoolMaker:
        self.configs.append(config)
        self.pool_maker.pools.append(pool)
        return self.pool_maker

    @contextmanager
    def _open_client(self, place: Place) -> Iterator[DemoClient]:
        self.places.append(place)
        yield MemoryClient(self.world)
