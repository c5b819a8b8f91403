"""How long a call takes beside other shares: its cost should not depend on them."""

from __future__ import annotations

import statistics
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path

from attrs import evolve
from tests.testkit.leftovers import ROOT, remove_installation

import shares_core
from benchmarks.measuring import PASSWORD, USER, Times, as_installed
from shares_core import Capacity, HostConfig, Secret
from shares_core.domain.addresses import BridgeName
from shares_core.domain.network import DefaultNetwork

SERVERS, OTHERS = 50, (0, 300, 1000)
#: The goal for a call with all shares, as a multiple of its time without others.
GOAL = 1.3
#: The goal, in seconds, for a command with all shares.
LIST_GOALS = {"share list": 0.7, "server list": 0.15}
_MEASURED, _SIZE = "measured", Capacity.parse("16MiB")
_MAKERS = 4


def measure(rounds: int, servers: int = SERVERS, others: tuple[int, ...] = OTHERS) -> None:
    """Print all rows. Leaves nothing."""
    state_dir = ROOT / f"scale-{uuid.uuid4().hex[:8]}"
    network = DefaultNetwork(BridgeName("sctscale"), IPv4Network("10.213.9.0/24"))
    config = evolve(HostConfig(state_dir=state_dir), network=network)
    host = shares_core.open_host(config)
    names = [f"server-{number}" for number in range(servers)]
    try:
        with ThreadPoolExecutor(_MAKERS) as makers:
            list(makers.map(host.servers.create, names))
        columns, there = [], 0
        for wanted in others:
            _fill(host, names, range(there, wanted))
            there = wanted
            columns.append(_column(host, names[0], rounds))
        report(columns, others, servers)
        _report_lists(config, rounds)
    finally:
        remove_installation(state_dir)


def _fill(host: shares_core.Host, names: list[str], numbers: range) -> None:
    """Make shares with these numbers, spread evenly over the servers."""

    def make(number: int) -> None:
        host.shares.create(names[number % len(names)], f"files-{number}", _SIZE)

    with ThreadPoolExecutor(_MAKERS) as makers:
        list(makers.map(make, numbers))


def _column(host: shares_core.Host, server: str, rounds: int) -> Times:
    """Measure each call on its own share, once in each round; the first round warms up."""
    times = Times()
    for number in range(rounds + 1):
        if number == 1:
            times = Times()
        times.measure("share create", lambda: host.shares.create(server, _MEASURED, _SIZE))
        times.measure("allow", lambda: host.access.allow(server, _MEASURED, USER, password=Secret(PASSWORD)))
        times.measure("share show", lambda: host.shares.show(server, _MEASURED))
        times.measure("deny", lambda: host.access.deny(server, _MEASURED, USER))
        host.shares.delete(server, _MEASURED)
    return times


def report(columns: list[Times], others: tuple[int, ...], servers: int) -> None:
    """Print a row for each call."""
    heads = "".join(f"{number:>9}" for number in others)
    print(f"{f'median, {servers} servers, other shares':38}{heads} {'ratio':>7} {'goal':>7}")
    for call in columns[0].seconds:
        medians = [statistics.median(column.seconds[call]) for column in columns]
        shown = "".join(f"{median * 1000:6.0f} ms" for median in medians)
        print(f"{call:38}{shown} {medians[-1] / medians[0]:6.2f}x {GOAL:6.1f}x")


def _report_lists(config: HostConfig, rounds: int) -> None:
    """Print how long listing all of them takes, with the start of the interpreter."""
    program = (str(Path(sys.executable).with_name("shares-core")), "--config", str(_written(config)))

    def at_the_command_line(command: str) -> None:
        argv = (*program, *command.split())
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, env=as_installed())

    times = Times()
    for _ in range(rounds):
        for command in LIST_GOALS:
            times.measure(command, partial(at_the_command_line, command))
    for command, goal in LIST_GOALS.items():
        median = statistics.median(times.seconds[command])
        print(f"{f'{command}, at the command line':38}{median * 1000:6.0f} ms {goal * 1000:35.0f} ms")
    print(f"{rounds} rounds")


def _written(config: HostConfig) -> Path:
    """Write these settings to a file."""
    path = config.state_dir / "shares-core.toml"
    path.write_text(f'state_dir = "{config.state_dir}"\n')
    return path
