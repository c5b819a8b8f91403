"""One process of many that call the library at once: ``python -m tests.reliability.calling``.

It reads a JSON document with its job. Each of its threads does random operations on its own users and shares
among what all share, and writes each to a file, before and after: what was answered is then certain, even
after a power cut.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import IO, Any

from attrs import define, field, frozen

from shares_core import AccessLevel, AccessRule, Capacity, Host, HostConfig, SharesError, open_host
from shares_core.domain.capacity import MIB
from tests.catalogue import call, server_id

#: Shares that stay, on each server: everybody's users come and go there.
STABLE = ("stable-0", "stable-1", "stable-2", "stable-3")
SIZES = (16 * MIB, 24 * MIB, 40 * MIB)
#: What callers report of operations that change nothing of their own.
_LOOK: dict[str, Any] = {"verb": "look"}
Choice = tuple[float, dict[str, Any], Callable[[Host], object]]
#: The changes of the catalogue that no caller does here, and why.
LEFT_OUT = {
    "operations.cancel": "whoever was at it gets an error, which is a fault here; the kills try it",
    **dict.fromkeys(
        (
            *("shares.clone", "snapshots.create", "snapshots.delete", "snapshots.revert"),
            *("snapshots.export", "snapshots.unexport"),
            *("schedules.set", "schedules.clear", "schedules.run"),
        ),
        "their pool cannot share blocks, so it would copy; the kills try both",
    ),
    "pool.extend": "their pool is a folder of files; the kills try it on an xfs image",
    "shares.set": "it disconnects clients that write, which is a fault here; the kills try it",
    "shares.shrink": "it disconnects clients that write, which is a fault here; the kills try it",
    "shares.rename": "it disconnects clients that write, which is a fault here; the kills try it",
    "servers.set": "it ends the connections of clients that write, which is a fault here; the kills try it",
}


@frozen
class Job:
    """The job of one process. ``resting`` are the servers that anybody may stop and start.

    ``operations`` is for each thread; 0 means until the process is killed.
    """

    config: HostConfig
    seed: int
    process: int
    threads: int
    operations: int
    servers: tuple[str, ...]
    resting: tuple[str, ...]
    folder: Path


@define
class Telling:
    """A thread's file: a JSON document a line, on the disk before each operation begins and after it."""

    file: IO[str]
    number: int = 0

    def begin(self, **what: object) -> None:
        self.number += 1
        self._write({"number": self.number, "at": time.monotonic(), **what})

    def end(self, error: str = "", message: str = "") -> None:
        self._write({"ended": self.number, "at": time.monotonic(), "error": error, "message": message})

    def _write(self, document: dict[str, object]) -> None:
        self.file.write(json.dumps(document) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())


@define
class Caller:
    """One thread, with its own user on the shares that stay, and its own share."""

    job: Job
    host: Host
    thread: int
    random: Random = field(init=False)
    size: int = 0

    def __attrs_post_init__(self) -> None:
        self.random = Random(f"{self.job.seed}/{self.job.process}/{self.thread}")

    @property
    def key(self) -> str:
        return f"{self.job.process}-{self.thread}"

    @property
    def user(self) -> str:
        return f"user-{self.key}"

    @property
    def home(self) -> str:
        """The server of its own share."""
        return self.job.servers[(self.job.process * self.job.threads + self.thread) % len(self.job.servers)]

    def run(self) -> None:
        with (self.job.folder / f"told-{self.key}.jsonl").open("a") as file:
            telling, done = Telling(file), 0
            while not self.job.operations or done < self.job.operations:
                self._one(telling)
                done += 1

    def _one(self, telling: Telling) -> None:
        choices = self.choices()
        what, work = self.random.choices(choices, weights=[weight for weight, *_ in choices])[0][1:]
        telling.begin(**what)
        try:
            work(self.host)
        except SharesError as error:
            telling.end(error.code, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and is none of those allowed
            telling.end(type(error).__name__, repr(error))
        else:
            self._remember(what)
            telling.end()

    def _remember(self, what: dict[str, Any]) -> None:
        match what["verb"]:
            case "delete share":
                self.size = 0
            case "create share" | "extend":
                self.size = what["size"]

    def choices(self) -> list[Choice]:
        """What it may do now, with weights, and how to report it."""
        return [*self._on_what_all_have(), *self._on_its_own(), *self._with_servers()]

    def _on_what_all_have(self) -> Iterator[Choice]:
        user = self.user
        server, share = self.random.choice(self.job.servers), self.random.choice(STABLE)
        level = self.random.choice(list(AccessLevel))
        rule = {"server": server, "share": share, "user": user}
        allow = {"verb": "allow", **rule, "level": str(level)}
        yield 40, allow, call("access.allow", server, share, user, level)
        yield 8, {"verb": "deny", **rule}, call("access.deny", server, share, user)
        yield 2, {"verb": "remove user", "server": server, "user": user}, call("users.remove", server, user)
        yield 12, _LOOK, lambda host: (host.servers.list(), host.shares.list(server))
        yield 4, _LOOK, call("servers.create", server)
        yield 2, _LOOK, call("users.set_password", server, user)
        yield 2, _LOOK, call("access.deny", server, "own-0-0", user)
        yield 2, _LOOK, call("fleet.reconcile", dry_run=True)
        yield 0.5, _LOOK, call("fleet.reconcile")
        yield 0.5, _LOOK, call("fleet.repair", server_id(server))
        yield 0.5, _LOOK, call("servers.upgrade", server)

    def _on_its_own(self) -> Iterator[Choice]:
        """What it may do on the share that only this caller works on."""
        home, share = self.home, f"own-{self.key}"
        own: dict[str, Any] = {"server": home, "share": share}
        if not self.size:
            size = self.random.choice(SIZES)
            create = {"verb": "create share", **own, "size": size}
            yield 12, create, call("shares.create", home, share, Capacity(size))
            return
        larger = self.size + 8 * MIB
        rules = [AccessRule.for_user(self.user, self.random.choice(list(AccessLevel)))]
        replace = {"verb": "replace", **own, "user": self.user, "level": str(rules[0].level)}
        extend = {"verb": "extend", **own, "size": larger}
        yield 8, {"verb": "delete share", **own}, call("shares.delete", home, share)
        yield 4, extend, call("shares.extend", home, share, Capacity(larger))
        yield 4, replace, call("access.replace", home, share, rules)
        yield 1, {"verb": "check", **own}, call("shares.check", home, share)

    def _with_servers(self) -> Iterator[Choice]:
        """What it may do with its own server, and with those that anybody may stop and start."""
        name = f"own-{self.key}"
        yield 0.5, {"verb": "create server", "server": name}, call("servers.create", name)
        yield 0.5, {"verb": "delete server", "server": name}, call("servers.delete", name)
        if self.job.resting:
            resting = self.random.choice(self.job.resting)
            yield 1, _LOOK, call("servers.stop", resting)
            yield 1, _LOOK, call("servers.start", resting)


def main() -> None:
    """Do the job on standard input."""
    job: Job = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - from our parent
    host = open_host(job.config)
    threads = [
        threading.Thread(target=Caller(job, host, thread).run, daemon=True) for thread in range(job.threads)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
