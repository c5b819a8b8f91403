"""``python -m benchmarks [ROUNDS]``: the medians of each operation and of its floor, and their ratio.

``python -m benchmarks scale [ROUNDS]`` measures how long calls take beside 0, 300 and 1,000 other shares,
``python -m benchmarks folders [ROUNDS]`` how long clients take in folders of 1,000, 10,000 and 100,000 files,
``python -m benchmarks snapshots [ROUNDS]`` how long snapshots, clones and going back to one take.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import uuid
from ipaddress import IPv4Network
from pathlib import Path

from attrs import evolve
from tests.testkit.clients import ClientNamespace
from tests.testkit.leftovers import ROOT, clean_host, remove_installation

import shares_core
from benchmarks import folders, scale, slots, snapshots
from benchmarks.floor import Floor, run
from benchmarks.lvm import CREATE, DELETE, EXTEND, LvmFloor
from benchmarks.lvm import GOALS as LVM_GOALS
from benchmarks.measuring import PASSWORD, USER, Client, Times, as_installed
from shares_core import Capacity, FileSystemKind, HostConfig, LvmPool, Secret
from shares_core.domain.addresses import BridgeName
from shares_core.domain.network import DefaultNetwork
from shares_core.domain.pools import VolumeGroupName

SIZE, LARGER = Capacity.parse("1GiB"), Capacity.parse("2GiB")
LVM_SIZE, LVM_LARGER = Capacity.parse("256MiB"), Capacity.parse("512MiB")
SERVER, SHARE, GROWING = "bench", "files", "growing"
SHARE_CREATE, DENY = "share create, until a client has it", "deny"
#: An operation's goal, as a multiple of its floor.
GOALS = {"server create": 1.4, SHARE_CREATE: 2.0, DENY: 1.5, "allow": 2.0} | LVM_GOALS
#: In seconds: Manila's driver takes this long to end somebody's access, and does not end sessions.
DENY_GOAL = 0.2
IMPORT_GOAL = 0.1
FLOOR_NETWORK = "10.214.0.1/24", "10.214.0.2/24"


def floor_round(floor: Floor, times: Times) -> None:
    """Take the bare steps once."""
    floor.served = []
    floor.write_config()
    times.measure("server create", floor.create_server)
    with_client = _wire(floor)
    try:
        session = with_client.connect()
        times.measure(
            SHARE_CREATE,
            lambda: floor.create_share(SHARE, SIZE.bytes),
            lambda: floor.allow(SHARE),
            lambda: with_client.has(session, SHARE),
        )
        times.measure(DENY, lambda: floor.deny(SHARE))
        times.measure("allow", lambda: floor.allow(SHARE))
        with_client.has(session, SHARE)
        times.measure("share extend, offline", lambda: floor.extend_offline(SHARE, LARGER.bytes))
        times.measure("share delete", lambda: floor.delete_share(SHARE))
        session.connection.disconnect(close=False)
        floor.create_share(GROWING, SIZE.bytes, "xfs")
        times.measure("share extend, online", lambda: floor.extend_online(GROWING, LARGER.bytes))
        times.measure("server stop", lambda: floor.stop_server(GROWING))
        times.measure("server start", lambda: floor.start_server(GROWING, "xfs"))
        floor.delete_share(GROWING)
        times.measure("server delete", floor.delete_server)
    finally:
        with_client.namespace.remove()


def _wire(floor: Floor) -> Client:
    """A client with its own wire to the bare container."""
    inside, outside = FLOOR_NETWORK
    namespace = ClientNamespace(f"sctest-{uuid.uuid4().hex[:8]}")
    run("ip", "netns", "add", namespace.name)
    pid = str(floor.pid())
    ends = ("name", "eth0", "netns", pid)
    run("ip", "-n", namespace.name, "link", "add", "eth0", "type", "veth", "peer", *ends)
    run("nsenter", "-t", pid, "-n", "ip", "address", "add", inside, "dev", "eth0")
    run("nsenter", "-t", pid, "-n", "ip", "link", "set", "eth0", "up")
    run("ip", "-n", namespace.name, "address", "add", outside, "dev", "eth0")
    run("ip", "-n", namespace.name, "link", "set", "eth0", "up")
    return Client(namespace, inside.split("/")[0])


def our_round(host: shares_core.Host, times: Times) -> None:
    """The same with the library, with all that it does besides."""
    times.measure("server create", lambda: host.servers.create(SERVER))
    interface = host.servers.show(SERVER).server.interfaces[0]
    host.shares.create(SERVER, "other", Capacity.parse("16MiB"))
    host.access.allow(SERVER, "other", USER, password=Secret(PASSWORD))
    namespace = ClientNamespace.create(interface.attachment.device, "10.213.7.200/24")
    client = Client(namespace, str(interface.addresses[0].ip))
    try:
        session = client.connect()
        times.measure(
            SHARE_CREATE,
            lambda: host.shares.create(SERVER, SHARE, SIZE),
            lambda: host.access.allow(SERVER, SHARE, USER),
            lambda: client.has(session, SHARE),
        )
        times.measure(DENY, lambda: host.access.deny(SERVER, SHARE, USER))
        times.measure("allow", lambda: host.access.allow(SERVER, SHARE, USER))
        client.has(session, SHARE)
        times.measure("share extend, offline", lambda: host.shares.extend(SERVER, SHARE, LARGER))
        times.measure("share delete", lambda: host.shares.delete(SERVER, SHARE))
        session.connection.disconnect(close=False)
        host.shares.delete(SERVER, "other")
        host.shares.create(SERVER, GROWING, SIZE, FileSystemKind.XFS)
        times.measure("share extend, online", lambda: host.shares.extend(SERVER, GROWING, LARGER))
        times.measure("server stop", lambda: host.servers.stop(SERVER))
        times.measure("server start", lambda: host.servers.start(SERVER))
        host.shares.delete(SERVER, GROWING)
        times.measure("server delete", lambda: host.servers.delete(SERVER))
    finally:
        namespace.remove()


def lvm_rounds(lvm: LvmFloor, host: shares_core.Host, floor_times: Times, our_times: Times) -> None:
    """Both sides once; the group has a further volume, as on every host but a new one."""
    floor_times.measure(CREATE, lambda: lvm.create(GROWING, LVM_SIZE.bytes))
    floor_times.measure(EXTEND, lambda: lvm.extend(GROWING, LVM_LARGER.bytes))
    floor_times.measure(DELETE, lambda: lvm.delete(GROWING))
    our_times.measure(CREATE, lambda: host.shares.create(SERVER, GROWING, LVM_SIZE))
    our_times.measure(EXTEND, lambda: host.shares.extend(SERVER, GROWING, LVM_LARGER))
    our_times.measure(DELETE, lambda: host.shares.delete(SERVER, GROWING))


def measure_lvm(group: str, config: HostConfig, floor: Floor, rounds: int) -> tuple[Times, Times]:
    """The floor's times and ours on logical volumes of the group."""
    host = shares_core.open_host(config)
    floor.create_server()
    try:
        host.servers.create(SERVER)
        host.shares.create(SERVER, "other", Capacity.parse("16MiB"))
        lvm = LvmFloor(floor, group)
        floor_times, our_times = Times(), Times()
        for number in range(rounds + 1):
            if number == 1:
                floor_times, our_times = Times(), Times()
            lvm_rounds(lvm, host, floor_times, our_times)
        return floor_times, our_times
    finally:
        host.servers.delete(SERVER, with_shares=True)
        floor.delete_server()


def import_seconds(rounds: int) -> float:
    """The median time to import the library, without the interpreter's own start."""
    code = "import time; t = time.perf_counter(); import shares_core; print(time.perf_counter() - t)"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=as_installed()
        ).stdout
        for _ in range(rounds)
    ]
    return statistics.median(map(float, runs))


def report(floor: Times, ours: Times, rounds: int) -> None:
    print(f"{'median':38} {'floor':>9} {'ours':>9} {'ratio':>7} {'goal':>7}")
    for operation, measured in ours.seconds.items():
        bare, full = statistics.median(floor.seconds[operation]), statistics.median(measured)
        times = f"{GOALS[operation]:6.1f}x" if operation in GOALS else ""
        line = f"{operation:38} {bare * 1000:6.0f} ms {full * 1000:6.0f} ms {full / bare:6.2f}x {times:>7}"
        print(line.rstrip())
    for what, median, goal in (
        (f"{DENY}, in any case", statistics.median(ours.seconds[DENY]), DENY_GOAL),
        ("import shares_core", import_seconds(rounds), IMPORT_GOAL),
    ):
        print(f"{what:38} {'':9} {median * 1000:6.0f} ms {'':7} {goal * 1000:4.0f} ms")
    print(f"{rounds} rounds")


def main() -> None:
    arguments = sys.argv[1:]
    with clean_host():
        if arguments[:1] == ["scale"]:
            scale.measure(_rounds(arguments[1:]))
        elif arguments[:1] == ["folders"]:
            folders.measure(_rounds(arguments[1:]))
        elif arguments[:1] == ["snapshots"]:
            snapshots.measure(_rounds(arguments[1:]))
        else:
            measure(_rounds(arguments))


def _rounds(arguments: list[str]) -> int:
    return int(arguments[0]) if arguments else 10


def measure(rounds: int) -> None:
    """Measure all rows, both sides in turns. Leaves nothing."""
    state_dir = ROOT / f"bench-{uuid.uuid4().hex[:8]}"
    lvm_dir = state_dir.with_name(f"{state_dir.name}-lvm")
    network = DefaultNetwork(BridgeName("sctbench"), IPv4Network("10.213.7.0/24"))
    config = evolve(HostConfig(state_dir=state_dir), network=network)
    host = shares_core.open_host(config)
    floor = Floor(Path(tempfile.mkdtemp(prefix="floor-", dir=ROOT)), config.docker.image, "sctest-floor")
    floor_times, our_times = Times(), Times()
    idle, busy = Times(), Times()
    try:
        floor.prepare()
        for number in range(rounds + 1):  # the first round warms both up, and does not count
            if number == 1:
                floor_times, our_times = Times(), Times()
            floor_round(floor, floor_times)
            our_round(host, our_times)
        idle, busy = slots.measure(host, floor.folder, rounds)
        if group := os.environ.get("SHARES_CORE_TEST_VG"):
            on_lvm = evolve(
                config,
                state_dir=lvm_dir,
                network=DefaultNetwork(BridgeName("sctbenchlvm"), IPv4Network("10.213.8.0/24")),
                pools=(LvmPool(volume_group=VolumeGroupName(group)),),
            )
            bare, full = measure_lvm(group, on_lvm, floor, rounds)
            floor_times.seconds |= bare.seconds
            our_times.seconds |= full.seconds
    finally:
        floor.remove_all()
        remove_installation(state_dir)
        remove_installation(lvm_dir)
    report(floor_times, our_times, rounds)
    slots.report(idle, busy)


if __name__ == "__main__":
    main()
