"""One run of the command line: its global options, and the way from them to the host."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click
from attrs import define, field, frozen

from shares_core import bootstrap
from shares_core.bootstrap import Host
from shares_core.config import MACHINE_SETTINGS, HostConfig
from shares_core.domain.errors import HostNotReady
from shares_core.domain.findings import Finding
from shares_core.domain.pools import DevicePath
from shares_core.domain.remedy import Remedy
from shares_core.domain.server import ShareServer
from shares_core.domain.views import RunState
from shares_core.domain.volume import PoolName
from shares_core.entrypoints.cli.demo_client import DemoClient, Place, client_at, require_tools
from shares_core.entrypoints.cli.output import Output, complain
from shares_core.entrypoints.cli.remedies import worded
from shares_core.entrypoints.cli.text import does_not_run, printable, shell
from shares_core.ports.events import Event, Events

if TYPE_CHECKING:
    from shares_core.app.watch.watcher import Watcher


class PoolBuilder(Protocol):
    """Makes the volume group or thin pool."""

    def build(self, device: DevicePath | None) -> bool:
        """Make what is missing of the pool. Returns whether anything was missing."""


class ImageBuilder(Protocol):
    """Builds the share servers' image."""

    def build(self, progress: Callable[[str], None], *, fresh: bool = False) -> bool:
        """Build the image unless it is current, and report each step. Returns whether it was built."""


@frozen
class Doors:
    """The ways from the command line to the host; tests replace them."""

    open_host: Callable[[HostConfig, Events], Host] = bootstrap.open_host
    open_watcher: Callable[[HostConfig, Events], Watcher] = bootstrap.open_watcher
    examine: Callable[[HostConfig], tuple[Finding, ...]] = lambda config: bootstrap.examine(config)
    image_builder: Callable[[HostConfig], ImageBuilder] = lambda config: bootstrap.image_builder(config)
    pool_builder: Callable[[HostConfig, PoolName], PoolBuilder] = lambda config, pool: bootstrap.pool_builder(
        config, pool
    )
    open_client: Callable[[Place], AbstractContextManager[DemoClient]] = client_at
    require_client: Callable[[], None] = require_tools
    is_root: Callable[[], bool] = lambda: os.geteuid() == 0
    default_config: Path = MACHINE_SETTINGS


class _Watching(Events):
    """Prints events on standard error while the command works."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation

    def emit(self, event: Event) -> None:
        self._invocation.chat(f"{event.what}: {event.subject}")


class _Telling(Events):
    """Writes events to standard error, which goes to a service's journal."""

    def emit(self, event: Event) -> None:
        complain(printable(f"{event.what}: {event.subject}"))


# Not slotted: the cached properties live in the instance's dictionary.
@define(slots=False)
class Invocation:
    """One run: the global options fill it in, wherever they stand, and commands use it."""

    doors: Doors = field(factory=Doors)
    config_file: Path | None = None
    state_dir: Path | None = None
    verbose: bool = False
    out: Output = field(factory=Output)

    @cached_property
    def config(self) -> HostConfig:
        """The settings in effect. Raises InvalidInput."""
        return HostConfig.load(
            self.config_file, state_dir=self.state_dir, machine_settings=self.doors.default_config
        )

    @cached_property
    def events(self) -> Events:
        return _Watching(self)

    def reading(self) -> Host:
        """The host, for a command that changes nothing. Raises HostNotReady if it may not read the state."""
        folder = self.config.state_dir
        if not self.doors.is_root() and folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
            raise HostNotReady(
                f"the state folder {folder} can be read by root only",
                hint="run it as root, with sudo for example",
            )
        return self.doors.open_host(self.config, self.events)

    def changing(self) -> Host:
        """The host, for a command that changes something. Raises HostNotReady unless it runs as root."""
        config = self.config  # first, so that anybody is told of a wrong option
        if not self.doors.is_root():
            raise HostNotReady("changing the host needs root", hint="run it as root, with sudo for example")
        return self.doors.open_host(config, self.events)

    def watching(self) -> Watcher:
        """The watcher, which reports what it does. Raises HostNotReady unless it runs as root."""
        config = self.config
        if not self.doors.is_root():
            raise HostNotReady("changing the host needs root", hint="run it as root, with sudo for example")
        return self.doors.open_watcher(config, _Telling())

    def building_pool(self, pool: PoolName) -> PoolBuilder:
        """The builder of the pool. Raises HostNotReady unless it runs as root."""
        config = self.config
        if not self.doors.is_root():
            raise HostNotReady("making a pool needs root", hint="run it as root, with sudo for example")
        return self.doors.pool_builder(config, pool)

    def chat(self, line: str) -> None:
        """Print a line about what happens on standard error, with -v."""
        if self.verbose:
            complain(f"  {printable(line)}")

    def command(self, *words: str) -> str:
        """A shares-core command for this installation to paste into a shell, whatever its PATH."""
        program = "shares-core"
        if shutil.which(program) is None and Path(sys.argv[0]).name == program:
            program = str(Path(sys.argv[0]).absolute())
        options: list[str] = []
        if self.config_file is not None:
            options += ["--config", str(self.config_file.absolute())]
        if self.state_dir is not None:
            options += ["--state-dir", str(self.state_dir.absolute())]
        return shell(program, *options, *words)

    def worded(self, remedy: Remedy) -> str:
        """The remedy for a person at a shell, its commands of ours as ``command`` has them."""
        return worded(remedy, self.command)

    def tell_unreachable(self, server: ShareServer, state: RunState) -> None:
        """If the server does not run, so that nobody can use its shares, say so and how to start it."""
        if does_not_run(server, state):
            line = self.command("server", "start", str(server.name))
            self.out.lines("", f"server {server.name} does not run", f"next: {line}")


pass_invocation = click.make_pass_decorator(Invocation)
