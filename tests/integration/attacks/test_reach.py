"""What a compromised smbd can reach: the kernel's interfaces, other tenants' data, the network."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shares_core import Capacity, InterfaceSpec
from shares_core.adapters.state.layout import Layout
from shares_core.domain.server import ShareServer
from tests.integration.conftest import Tenant
from tests.integration.support.intruder import Intruder, intruder_in, refused
from tests.integration.support.wire import namespace_of
from tests.testkit.clients import SmbClient, still_admitted
from tests.testkit.footprint import image_of
from tests.testkit.probes import Target, listening, reached, reaches_all
from tests.testkit.site import Site

OK = "NT_STATUS_OK"
NOT_PERMITTED = "ermission denied", "Operation not permitted", "Read-only file system", "must be root"
ABSENT = "No such file or directory"

_WRITABLE_FILES = "find /sys /proc/sys -type f -writable 2>/dev/null"

FORBIDDEN = (
    *(f"unshare --{kind} true" for kind in ("user", "mount", "net", "pid --fork", "uts", "ipc", "cgroup")),
    "unshare --user --map-root-user true",
    *(f"nsenter --target 1 --{kind} true" for kind in ("mount", "net", "pid")),
    "chroot / true",
    "pivot_root / /tmp",
    "setpriv --reuid 0 true",
    "setpriv --reuid 65534 true",
    "setpriv --clear-groups true",
    "runuser -u nobody true || (echo Operation not permitted; exit 1)",
    "hostname other",
    "dmesg",
    "date --set 2000-01-01",
    "ionice -c 1 true",
    "chrt -r 50 true",
    "renice -n -10 1",
    "choom -n -1000 -p 1",
    "prlimit --pid 1 --nofile=99999:99999",
    "ulimit -n 99999",
    "chown 0:0 /private/smbpasswd",
    "fsfreeze -f /shares/*",
    "fstrim /shares/*/data",
    "sysctl -w kernel.core_pattern=x",
    "sysctl -w net.ipv4.ip_forward=1",
    "sysctl -w net.ipv4.ip_unprivileged_port_start=1024",
    "echo 1 > /proc/sys/net/ipv4/ip_forward",
    "mkdir /sys/fs/cgroup/memory/x || mkdir /sys/fs/cgroup/x",
    "echo 99999 > /sys/fs/cgroup/pids/pids.max || echo 99999 > /sys/fs/cgroup/pids.max",
    "echo 9000 > /sys/class/net/eth0/mtu",
    f"for file in $({_WRITABLE_FILES}); do : >> $file && exit 0; done; echo Read-only file system; exit 1",
)
MISSING_OR_EMPTY = (
    "/dev/mem",
    "/dev/kmsg",
    "/dev/loop0",
    "/dev/loop-control",
    "/dev/fuse",
    "/dev/net/tun",
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/proc/kcore",
    "/proc/keys",
    "/proc/timer_list",
)


@pytest.fixture
def ada(tenant: Tenant) -> SmbClient:
    return tenant.user("ada")


def test_the_kernel_gives_nothing_away(ada: SmbClient, intruder: Intruder) -> None:
    """It cannot get or change any namespace, user, priority, clock, limit, sysctl or cgroup."""
    with still_admitted(ada):
        for command in FORBIDDEN:
            said = intruder.sh(command)
            try:
                refused(said, *NOT_PERMITTED, ABSENT)
            except AssertionError as error:
                raise AssertionError(f"{command}: {said}") from error
        for path in MISSING_OR_EMPTY:
            status, text = intruder.sh(f"head -c 1 {path}")
            assert (path, status == 0 and text != "") == (path, False)
        assert intruder.succeeds("head -c 1 /dev/zero | wc -c").strip() == "1"


def _as_user(uid: int, namespace: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run on the host as a server's user without capabilities, in a network namespace: half an escape."""
    return subprocess.run(
        [
            *(("nsenter", f"--net={namespace}") if namespace else ()),
            *("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--bounding-set=-all"),
            *("--inh-caps=-all", "--no-new-privs", *argv),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        cwd="/",
    )


def _of_others(site: Site, server: ShareServer, process: Path) -> tuple[Path, ...]:
    """Files that an intruder must not read: another server's, the host's; ``process`` is smbd's."""
    layout = Layout(site.config.state_dir)
    return (
        layout.records / f"{server.id}.json",
        layout.secrets / f"{server.id}.json",
        layout.private(server.id) / "smbpasswd",
        layout.config(server.id) / "smb.conf",
        layout.installation,
        image_of(site.config, server, "files"),
        process / "environ",
        process / "mem",
        process / "root" / "private" / "smbpasswd",
        Path(f"/proc/{os.getpid()}/environ"),
        Path("/etc/shadow"),
    )


def test_a_servers_user_reads_nothing_on_the_host(
    tenant: Tenant, ada: SmbClient, intruder: Intruder, remove_after: Callable[[str], str]
) -> None:
    """Even outside its container, its user cannot open other files, hashes, volumes, processes or Docker."""
    site = tenant.site
    other = remove_after("other-tenant")
    site.host.servers.create(other)
    site.host.shares.create(other, "files", Capacity.parse("32MiB"))
    site.allow(other, "files", "nora")
    server = site.host.servers.show(other).server
    with intruder_in(site, other) as neighbour:
        theirs = Path(f"/proc/{neighbour.pid()}")
    for path in _of_others(site, server, theirs):
        with path.open("rb"):  # it is there
            pass
        said = _as_user(intruder.uid(), "", "head", "-c", "1", str(path))
        assert (path, said.returncode, "Permission denied" in said.stderr) == (path, 1, True)
    folder = Layout(site.config.state_dir).share(server.id, server.shares[0].id) / "data"
    assert folder.is_dir()
    said = _as_user(intruder.uid(), "", "ls", str(folder))
    assert (said.returncode, "Permission denied" in said.stderr) == (2, True)
    said = _as_user(intruder.uid(), "", "kill", "-0", theirs.name)
    assert (said.returncode, "Operation not permitted" in said.stderr) == (1, True)
    connect = "import socket; socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')"
    assert subprocess.run([sys.executable, "-c", connect], check=False).returncode == 0
    said = _as_user(intruder.uid(), "", "/usr/bin/python3", "-c", connect)
    assert "PermissionError" in said.stderr
    own = _as_user(intruder.uid(), "", "head", "-c", "1", f"/proc/{intruder.pid()}/environ")
    assert own.returncode == 0  # what is its own it reads
    assert ada.do("files", "ls").status == OK


def test_it_sees_no_more_of_the_host_than_ids(tenant: Tenant, ada: SmbClient, intruder: Intruder) -> None:
    """What the kernel shows to everybody (/proc, /sys) has no name of a tenant, share or user."""
    site = tenant.site
    other = "name-of-a-tenant"
    site.host.servers.create(other)
    try:
        site.host.shares.create(other, "name-of-a-share", Capacity.parse("32MiB"))
        site.allow(other, "name-of-a-share", "name-of-a-user")
        seen = intruder.sh(
            "cat /proc/mounts /proc/*/mountinfo /proc/*/cmdline /proc/partitions /etc/hosts /etc/hostname;"
            " env; find /sys/block /sys/class/net -maxdepth 1; cat /sys/block/loop*/loop/backing_file"
        )[1]
        assert "/shares" in seen
        assert "name-of-a" not in seen
    finally:
        site.host.servers.delete(other, with_shares=True)
    assert ada.do("files", "ls").status == OK


_RAW = """
import socket
raw = socket.SOCK_RAW
for kind in (
    (socket.AF_PACKET, raw, 0x300),
    (socket.AF_PACKET, socket.SOCK_DGRAM, 0),
    (socket.AF_INET, raw, 1),
    (socket.AF_INET6, raw, 58),
):
    try:
        socket.socket(*kind)
    except PermissionError:
        print("refused")
"""


def test_it_makes_no_packets_of_its_own(tenant: Tenant, ada: SmbClient, intruder: Intruder) -> None:
    """Raw and packet sockets are refused, and so is changing its interface, addresses or routes."""
    inside = namespace_of(tenant.site, tenant.server)
    said = _as_user(intruder.uid(), inside, "/usr/bin/python3", "-c", _RAW)
    assert said.stdout.split() == ["refused"] * 4
    for change in (
        "address add 10.213.0.99/24 dev eth0",
        "link set eth0 address 02:00:00:00:00:99",
        "route add default via 10.213.0.1",
        "neigh replace 10.213.0.200 lladdr 02:00:00:00:00:99 dev eth0",
    ):
        said = _as_user(intruder.uid(), inside, "ip", *change.split())
        assert (change, "Operation not permitted" in said.stderr) == (change, True)
    assert ada.do("files", "ls").status == OK


def test_another_port_that_it_opens_is_reached_by_nobody(tenant: Tenant, ada: SmbClient) -> None:
    """It may listen on any port inside, but its port to the network passes only SMB answers."""
    inside = namespace_of(tenant.site, tenant.server)
    with listening(inside) as listener, still_admitted(ada):
        assert reaches_all(inside, {Target("tcp", "127.0.0.1", listener.port)})
        tried = {Target("tcp", tenant.address, listener.port)}
        assert reached(tenant.namespace.name, tried) == set()
        assert reached(None, tried) == set()
        assert reaches_all(tenant.namespace.name, {Target("tcp", tenant.address, 445)})


def test_it_calls_nobody_even_through_a_gateway(site: Site, remove_after: Callable[[str], str]) -> None:
    """Even with a working gateway it reaches neither a name server nor an Internet address."""
    bridge = site.new_bridge()
    server = remove_after("caller")
    spec = InterfaceSpec.parse(bridge=bridge, addresses=["10.77.0.10/24"], gateways=["10.77.0.1"])
    site.host.servers.create(server, [spec])
    site.host.shares.create(server, "files", Capacity.parse("32MiB"))
    gateway = site.client_on(bridge, "10.77.0.1/24")
    world = "198.51.100.7"
    gateway.run("ip", "address", "add", f"{world}/32", "dev", "lo")
    client = site.client_on(bridge, "10.77.0.20/24")
    client.run("ip", "route", "add", "default", "via", "10.77.0.1")
    user = site.client_on(bridge, "10.77.0.30/24")  # a client without a route for asking a name server
    ada = site.smb(user, "10.77.0.10", "ada", site.allow(server, "files", "ada"))
    with listening(gateway.name) as listener, intruder_in(site, server) as intruder, still_admitted(ada):
        there = {Target(kind, world, listener.port) for kind in ("tcp", "udp")}
        assert reaches_all(client.name, there, listener)  # the gateway is one
        for address in (world, "10.77.0.1", "10.77.0.20"):
            for kind in ("tcp", "udp"):
                intruder.sh(f"timeout 0.5 bash -c 'echo {address} > /dev/{kind}/{address}/{listener.port}'")
        said = intruder.sh(f"exec 9<>/dev/udp/{world}/53 && echo query >&9; timeout 0.3 head -c 1 <&9")
        assert said[0] != 0
        assert listener.heard() == set()
        assert intruder.sh(f"timeout 0.5 bash -c ': > /dev/tcp/{world}/{listener.port}'")[0] == 124
        intruder.succeeds("timeout 2 bash -c ': > /dev/tcp/127.0.0.1/445'")  # so it can open connections
