"""A separate process that uses the library: beside others, or killed in the middle of its work.

Run as ``python -m tests.integration.support.worker``; reads one JSON document with what to do, prints
``ready``, waits for a line, works, and prints one JSON document with what came of it.
"""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve

from shares_core import Capacity, FilePool, Host, HostConfig, SharesError, bootstrap
from shares_core.domain.addresses import BridgeName
from shares_core.domain.network import DefaultNetwork
from shares_core.ports import Ports
from tests.integration.support.killed import arm
from tests.testkit.probes import until

REPOSITORY = Path(__file__).parents[3]


class Worker:
    """The process, from outside."""

    def __init__(self, config: HostConfig, *job: str, kill_at: str = "") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.support.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        pool = config.pool()
        assert isinstance(pool, FilePool)
        document = {
            "state_dir": str(config.state_dir),
            "pool_dir": str(pool.folder),
            "pool_size": pool.size.bytes,
            "bridge": str(config.network.bridge),
            "subnet": str(config.network.subnet),
            "job": job,
            "kill_at": kill_at,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(document) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "ready\n", self._process.communicate()[1]

    def go(self) -> None:
        """Let it start its work."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """Kill it; the commands that it has started go on."""
        self._process.kill()

    def result(self) -> dict[str, Any]:
        """Its result: ``id``, or ``error`` with the error's code; empty if it was killed."""
        out, errors = self._process.communicate(timeout=60)
        if self._process.returncode == -signal.SIGKILL:
            return {}
        assert self._process.returncode == 0, errors
        return dict(json.loads(out))


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    until(lambda: False)


def _dying(ports: Ports, where: str) -> Ports:
    """Ports with a verb that kills the process: ``before:storage.attach``, ``after:records.save:2``.

    ``in:`` with a function's full name is for kills inside a verb.
    """
    when, name, *count = where.split(":")
    port_name, verb = name.split(".")
    port = copy.copy(getattr(ports, port_name))
    real: Callable[..., Any] = getattr(port, verb)
    left = int(count[0]) if count else 1

    def killing(*given: Any, **named: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and when == "before":
            _die()
        answer = real(*given, **named)
        if left == 0 and when == "after":
            _die()
        return answer

    setattr(port, verb, killing)
    return evolve(ports, **{port_name: port})


def _work(host: Host, job: list[str]) -> str:
    match job:
        case ["create server", name]:
            return host.servers.create(name).server.id
        case ["delete server", name]:
            host.servers.delete(name, with_shares=True)
            return ""
        case ["create share", server, name, size]:
            return host.shares.create(server, name, Capacity.parse(size)).share.id
        case ["extend share", server, name, size]:
            return host.shares.extend(server, name, Capacity.parse(size)).share.share.id
        case ["delete share", server, name]:
            host.shares.delete(server, name)
            return ""
        case ["allow", server, name, user]:
            return str(host.access.allow(server, name, user).outcome)
        case ["deny", server, name, user]:
            return str(host.access.deny(server, name, user))
    raise ValueError(job)


def main() -> None:
    """Do what the first line says."""
    from ipaddress import IPv4Network

    document = json.loads(sys.stdin.readline())
    config = HostConfig(
        state_dir=Path(document["state_dir"]),
        pools=(FilePool(dir=document["pool_dir"], size=Capacity(document["pool_size"])),),
        network=DefaultNetwork(BridgeName(document["bridge"]), IPv4Network(document["subnet"])),
    )
    ports = bootstrap.ports(config)
    if document["kill_at"].startswith("in:"):
        arm(document["kill_at"].removeprefix("in:"))
    elif document["kill_at"]:
        ports = _dying(ports, document["kill_at"])
    host = bootstrap.host(ports, config.network)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    try:
        outcome = {"id": _work(host, document["job"])}
    except SharesError as error:
        outcome = {"error": error.code, "message": error.message}
    sys.stdout.write(json.dumps(outcome))


if __name__ == "__main__":
    main()
