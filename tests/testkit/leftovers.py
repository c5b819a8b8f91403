"""Removing what killed test runs left: everything that a run makes has a prefix."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
from pyroute2 import IPRoute, netns
from pyroute2.nftables.main import NFTables

from tests.testkit.slow_disks import leftover_slow_disks
from tests.testkit.volume_groups import (
    DISKS,
    has_device_mapper,
    remove_leftover_disks,
    remove_leftover_groups,
)

#: The state folders of test runs. Not below /tmp, which may be in memory.
ROOT = Path("/var/tmp/shares-core-tests")
#: Client namespaces, and bridges; the latter within the kernel's 15 characters.
NAMESPACE_PREFIX = "sctest-"
BRIDGE_PREFIX = "sct"
#: nftables' families of shares-core's tables, by their names. The numbers are linux/netfilter.h's.
FAMILIES = {"netdev": 5, "inet": 1, "bridge": 7}


@contextmanager
def clean_host() -> Iterator[None]:
    """A test run, before which the leftovers of former runs are removed, unless another run is under way."""
    ROOT.mkdir(mode=0o700, exist_ok=True)
    with ROOT.with_suffix(".lock").open("a") as lock:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_leftovers()
        fcntl.flock(lock, fcntl.LOCK_SH)  # a run that starts during a cleaning waits here
        yield


def remove_leftovers() -> None:
    """Remove what former runs left, by their prefixes and by their installations' ids."""
    ROOT.mkdir(mode=0o700, exist_ok=True)
    for name in netns.listnetns():
        if name.startswith(NAMESPACE_PREFIX):
            netns.remove(name)
    for state_dir in ROOT.iterdir():
        if state_dir != DISKS:
            remove_installation(state_dir)
    _remove_bridges()
    _remove_tables(tables_without_device())
    if has_device_mapper():
        slow = leftover_slow_disks()
        remove_leftover_groups()
        for disk in slow:
            disk.remove()
        remove_leftover_disks()


def _remove_bridges() -> None:
    """Remove the bridges of unknown installations: a killed run's helpers may have made them last."""
    with IPRoute() as netlink:
        names = [str(link.get("ifname")) for link in netlink.get_links()]
    for name in names:
        if name.startswith(BRIDGE_PREFIX):
            _remove_device(name)


def remove_installation(state_dir: Path) -> None:
    """Remove whatever an installation has on the host, without the code under test."""
    identity = state_dir / "installation.json"
    installation = json.loads(identity.read_bytes()).get("id") if identity.is_file() else None
    if installation:
        _remove_devices(installation)
        _remove_containers(installation)
        for family in FAMILIES:
            owners = owners_of_tables(family)
            _remove_tables(name for name, owner in owners.items() if owner.endswith(installation))
    # Before their disk is unmounted, which takes their paths away; what is in use goes with its mount.
    _detach_loops_below(state_dir)
    unmount_below(state_dir)
    _detach_loops_below(state_dir)
    shutil.rmtree(state_dir, ignore_errors=True)


def _remove_containers(installation: str) -> None:
    client = docker.from_env()
    try:
        filters = {"label": f"shares-core.installation={installation}"}
        for container in client.containers.list(all=True, filters=filters):
            container.remove(force=True, v=True)
    finally:
        client.close()


def _remove_devices(installation: str) -> None:
    with IPRoute() as netlink:
        links = [
            (link["index"], link.get("ifname"), link.get("ifalias") or "") for link in netlink.get_links()
        ]
    ours = [link for link in links if link[2].split(":")[:2] == ["shares-core", installation]]
    for _, name, _ in ours:
        _remove_device(name)


def _remove_device(name: str) -> None:
    """Remove it with its filter. A port may already have gone with its container."""
    subprocess.run(("ip", "link", "delete", name), check=False, capture_output=True)
    _remove_tables([f"shares-{name}"])


def owners_of_tables(family: str = "netdev") -> dict[str, str]:
    """shares-core's packet filters, each with its mark of ownership. Uses netlink, because nft takes long."""
    with NFTables(nfgen_family=FAMILIES[family]) as nftables:
        found = {str(table.get("name")): table.get("userdata") or "" for table in nftables.get_tables()}
    return {name: owner for name, owner in found.items() if name.startswith("shares-")}


def tables_without_device() -> set[str]:
    """The packet filters of ports and of test runs' bridges that no longer exist."""
    named = (name for family in FAMILIES for name in owners_of_tables(family))
    ours = {name for name in named if name.startswith(("shares-shc", f"shares-{BRIDGE_PREFIX}"))}
    with IPRoute() as netlink:
        return ours - {f"shares-{link.get('ifname')}" for link in netlink.get_links()}


def _remove_tables(names: Iterable[str]) -> None:
    for name in names:
        for family in FAMILIES:
            subprocess.run(["nft", "delete", "table", family, name], check=False, capture_output=True)


def unmount_below(folder: Path) -> None:
    """Unmount the deepest first; reads the table again, because a mount takes its copies along."""
    while targets := _mounts_below(folder):
        subprocess.run(["umount", "--lazy", max(targets, key=len)], check=True)


def _mounts_below(folder: Path) -> list[str]:
    table = Path("/proc/self/mountinfo").read_text()
    targets = [line.split(" ")[4] for line in table.splitlines()]
    return [target for target in targets if target.startswith(f"{folder}/")]


def _detach_loops_below(folder: Path) -> None:
    listing = subprocess.run(
        ["losetup", "--json", "--list"], check=True, capture_output=True, text=True
    ).stdout
    for device in json.loads(listing)["loopdevices"] if listing.strip() else []:
        if str(device["back-file"]).startswith(f"{folder}/"):
            subprocess.run(["losetup", "--detach", device["name"]], check=True)
