"""A compromised smbd: whatever its user can do inside its container, with the image's tools."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import docker
import pytest
from attrs import frozen

from shares_core import NotFound, SharesError
from tests.integration.support.inside import executed
from tests.testkit.probes import until
from tests.testkit.site import Site

_WRITABLE = "find / -path /proc -prune -o -path /sys -prune -o -type d -writable -print"
_STOP = "/tmp/stop-it"
_TO_THE_AGENT = """
for process in /proc/[0-9]*; do
  {{ read -r name < $process/comm; }} 2>/dev/null
  if [[ $name == agent ]]; then kill -{signal} ${{process#/proc/}}; found=yes; fi
done
[[ $found ]]
"""


@frozen
class Intruder:
    """What runs as smbd's user inside one server's container."""

    api: docker.APIClient
    site: Site
    server: str

    @property
    def name(self) -> str:
        return f"shares-{self.site.host.servers.show(self.server).server.id}"

    def run(self, *argv: str) -> tuple[int, str]:
        """Run a command to its end; its exit status and what it said, its complaints after the rest."""
        status, said, complaints = executed(self.api, self.name, *argv)
        return status, said + complaints

    def sh(self, script: str) -> tuple[int, str]:
        """Run a script of bash to its end."""
        return self.run("bash", "-c", script)

    def succeeds(self, script: str) -> str:
        """Run a script that has to succeed; gives what it said, without complaints."""
        status, said, complaints = executed(self.api, self.name, "bash", "-c", script)
        assert status == 0, said + complaints
        return said

    def writable(self) -> list[str]:
        """Every folder that a server's user can write to, wherever it is."""
        return executed(self.api, self.name, "bash", "-c", _WRITABLE)[1].splitlines()

    def start(self, script: str) -> str:
        """Start a script and leave it running."""
        created = self.api.exec_create(self.name, ["bash", "-c", script])
        self.api.exec_start(created["Id"], detach=True)
        return str(created["Id"])

    def kill_agent(self, signal: str = "KILL") -> None:
        """Signal what answers the host, and all that it has begun."""
        self.succeeds(_TO_THE_AGENT.format(signal=signal))

    @contextmanager
    def looping(self, step: str) -> Iterator[None]:
        """Repeat a step of bash for as long as the block lasts, and the container."""
        self.succeeds(f"rm -f {_STOP} {_STOP}ed")
        self.start(f"while [ ! -e {_STOP} ]; do {step}\n: > /tmp/began; done; : > {_STOP}ped")
        assert until(lambda: self.sh("[ -e /tmp/began ]")[0] == 0)
        try:
            yield
        finally:
            with suppress(docker.errors.APIError, NotFound):  # it ended with its container
                self.sh(f": > {_STOP}")

    def inspected(self) -> dict[str, Any]:
        return dict(self.api.inspect_container(self.name))

    def pid(self) -> int:
        """The number that the host knows the container's first process by."""
        return int(self.inspected()["State"]["Pid"])

    def uid(self) -> int:
        return self.site.host.servers.show(self.server).server.uid


@contextmanager
def canary(folder: Path) -> Iterator[Path]:
    """A file of root's on the host, which is as it was when the block ends."""
    path = folder / "canary"
    path.write_text("untouched")
    before = path.stat()
    yield path
    after = path.stat()
    assert path.read_text() == "untouched"
    assert [getattr(before, f"st_{what}") for what in ("ino", "mode", "uid", "gid", "nlink", "mtime_ns")] == [
        getattr(after, f"st_{what}") for what in ("ino", "mode", "uid", "gid", "nlink", "mtime_ns")
    ]


@contextmanager
def in_time(seconds: float = 60.0) -> Iterator[None]:
    """The block does not hang: it is over in time."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


@contextmanager
def cleanly() -> Iterator[None]:
    """What is done either succeeds or raises one of the library's own errors, in time."""
    with in_time():
        try:
            yield
        except SharesError:
            return


@contextmanager
def intruder_in(site: Site, server: str) -> Iterator[Intruder]:
    """An intruder in a server, with a connection to Docker of its own."""
    client = docker.from_env()
    try:
        yield Intruder(client.api, site, server)
    finally:
        client.close()


def refused(said: tuple[int, str], *words: str) -> None:
    """A command failed, for one of these reasons."""
    status, text = said
    assert status != 0, text
    if not any(word in text for word in words):
        pytest.fail(f"it failed for another reason: {text}")
