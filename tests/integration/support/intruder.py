"""A compromised smbd: whatever its user can do inside the container, with the image's tools."""

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
  {{ read -r name < $process/comm; }} 2>/dev/null || continue
  if [[ $name == agent ]]; then kill -{signal} ${{process#/proc/}}; found=yes; fi
done
[[ $found ]]
"""


@frozen
class Intruder:
    """Commands that run as smbd's user inside a server's container."""

    api: docker.APIClient
    site: Site
    server: str

    @property
    def name(self) -> str:
        return f"shares-{self.site.host.servers.show(self.server).server.id}"

    def run(self, *argv: str) -> tuple[int, str]:
        """Run a command: its exit status and output, standard error last."""
        status, said, complaints = executed(self.api, self.name, *argv)
        return status, said + complaints

    def sh(self, script: str) -> tuple[int, str]:
        """Run a bash script."""
        return self.run("bash", "-c", script)

    def succeeds(self, script: str) -> str:
        """Run a script that has to succeed. Returns its standard output."""
        status, said, complaints = executed(self.api, self.name, "bash", "-c", script)
        assert status == 0, said + complaints
        return said

    def writable(self) -> list[str]:
        """Every folder that the server's user can write to."""
        return executed(self.api, self.name, "bash", "-c", _WRITABLE)[1].splitlines()

    def start(self, script: str) -> str:
        """Start a script and leave it running."""
        created = self.api.exec_create(self.name, ["bash", "-c", script])
        self.api.exec_start(created["Id"], detach=True)
        return str(created["Id"])

    def kill_agent(self, signal: str = "KILL") -> None:
        """Signal the agent and all that it has started."""
        self.succeeds(_TO_THE_AGENT.format(signal=signal))

    @contextmanager
    def looping(self, step: str) -> Iterator[None]:
        """Repeat a bash command during the block, while the container lives."""
        self.succeeds(f"rm -f {_STOP} {_STOP}ed")
        self.start(f"while [ ! -e {_STOP} ]; do {step}\n: > /tmp/began; done; : > {_STOP}ped")
        assert until(lambda: self.sh("[ -e /tmp/began ]")[0] == 0)
        try:
            yield
        finally:
            with suppress(docker.errors.APIError, NotFound):  # it ended with its container
                # Said again: what the step does to every process may strike whoever says it, too.
                until(lambda: self.sh(f": > {_STOP}; [ -e {_STOP}ped ]")[0] == 0)

    def inspected(self) -> dict[str, Any]:
        return dict(self.api.inspect_container(self.name))

    def pid(self) -> int:
        """The host's process id of the container's first process."""
        return int(self.inspected()["State"]["Pid"])

    def uid(self) -> int:
        return self.site.host.servers.show(self.server).server.uid


@contextmanager
def impostor(intruder: Intruder, does: str) -> Iterator[None]:
    """Stops the agent and takes its requests, until the block ends."""
    intruder.kill_agent("STOP")
    intruder.start(
        f"""
        exec 3<>/config/agent/requests; echo $$ > /tmp/impostor
        while read -r name <&3; do answer=/config/agent/$name.answer; {{ {does}; }} 3<&- & done
        """
    )
    assert until(lambda: intruder.sh("[ -s /tmp/impostor ]")[0] == 0)
    try:
        yield
    finally:
        intruder.succeeds("kill $(< /tmp/impostor); rm /tmp/impostor")
        intruder.kill_agent("CONT")


@contextmanager
def canary(folder: Path) -> Iterator[Path]:
    """A file of root on the host, which must not change during the block."""
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
    """Check that the block ends in time."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


@contextmanager
def cleanly() -> Iterator[None]:
    """Check that the block either succeeds or raises one of the library's errors, in time."""
    with in_time():
        try:
            yield
        except SharesError:
            return


@contextmanager
def intruder_in(site: Site, server: str) -> Iterator[Intruder]:
    """An intruder in a server, with its own connection to Docker."""
    client = docker.from_env()
    try:
        yield Intruder(client.api, site, server)
    finally:
        client.close()


def refused(said: tuple[int, str], *words: str) -> None:
    """Check that a command failed for one of these reasons."""
    status, text = said
    assert status != 0, text
    if not any(word in text for word in words):
        pytest.fail(f"it failed for another reason: {text}")
