"""How long other calls take while a share of the server is checked, and on an idle server."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tests.testkit.clients import ClientNamespace
from tests.testkit.slowed import slowed

import shares_core
from benchmarks.measuring import PASSWORD, USER, Client, Times
from shares_core import Capacity, Secret

#: An operation's goal, as a multiple of its time on an idle server.
GOAL = 1.5
_SERVER, _CHECKED, _OTHER, _NEW = "slots", "checked", "other", "new"
_SIZE = Capacity.parse("64MiB")
_SECONDS = 60.0


def measure(host: shares_core.Host, folder: Path, rounds: int) -> tuple[Times, Times]:
    """Measure the times on an idle server, and while an e2fsck that does not end holds one of its shares."""
    host.servers.create(_SERVER)
    interface = host.servers.show(_SERVER).server.interfaces[0]
    namespace = ClientNamespace.beside(interface)
    client = Client(namespace, str(interface.addresses[0].ip))
    try:
        for share in (_CHECKED, _OTHER):
            host.shares.create(_SERVER, share, _SIZE)
        host.access.allow(_SERVER, _OTHER, USER, password=Secret(PASSWORD))
        idle, busy = Times(), Times()
        for number in range(rounds + 1):  # the first round warms up, and does not count
            if number == 1:
                idle, busy = Times(), Times()
            for times, meanwhile in (
                (idle, nullcontext()),
                (busy, _checking(host, folder / f"slow-{number}")),
            ):
                host.access.allow(_SERVER, _CHECKED, USER)
                with meanwhile:
                    _round(host, client, times)
        return idle, busy
    finally:
        namespace.remove()
        host.servers.delete(_SERVER, with_shares=True)


def _round(host: shares_core.Host, client: Client, times: Times) -> None:
    session = client.connect()
    client.has(session, _OTHER)
    times.measure("deny", lambda: host.access.deny(_SERVER, _OTHER, USER))
    times.measure("allow", lambda: host.access.allow(_SERVER, _OTHER, USER))
    times.measure("deny, on the share that is checked", lambda: host.access.deny(_SERVER, _CHECKED, USER))
    times.measure("share create", lambda: host.shares.create(_SERVER, _NEW, _SIZE))
    host.shares.delete(_SERVER, _NEW)
    times.measure("server show", lambda: host.servers.show(_SERVER))
    session.connection.disconnect(close=False)
    times.measure("server stop", lambda: host.servers.stop(_SERVER))
    times.measure("server start", lambda: host.servers.start(_SERVER))


@contextmanager
def _checking(host: shares_core.Host, folder: Path) -> Iterator[None]:
    """Check a share, with a slow tool, during the block."""
    path = os.environ["PATH"]
    with slowed(folder, "e2fsck") as slow, ThreadPoolExecutor(1) as thread:
        os.environ["PATH"] = slow.path
        checking = thread.submit(host.shares.check, _SERVER, _CHECKED)
        try:
            slow.wait()
            yield
        finally:
            slow.let_go()
            os.environ["PATH"] = path
            checking.result(_SECONDS)


def report(idle: Times, busy: Times) -> None:
    print(f"\n{'median, while a share is checked':38} {'idle':>9} {'checked':>9} {'ratio':>7} {'goal':>7}")
    for operation, seconds in busy.seconds.items():
        alone, beside = statistics.median(idle.seconds[operation]), statistics.median(seconds)
        times = f"{beside / alone:6.2f}x {GOAL:6.1f}x"
        print(f"{operation:38} {alone * 1000:6.0f} ms {beside * 1000:6.0f} ms {times}")
