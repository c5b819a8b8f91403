"""Everything that a test run makes bears a prefix of its own, and what a killed run left is found by it."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
from pyroute2 import IPRoute, netns

from tests.integration.support.volume_groups import DISKS, remove_leftover_groups

#: State folders of test runs. Not below /tmp, which may be in memory.
ROOT = Path("/var/tmp/shares-core-tests")
#: Client namespaces, and bridges; the latter within the kernel's 15 characters.
NAMESPACE_PREFIX = "sctest-"
BRIDGE_PREFIX = "sct"


@contextmanager
def clean_host() -> Iterator[None]:
    """A run of tests, before which what former runs left is removed, unless another is under way."""
    ROOT.mkdir(mode=0o700, exist_ok=True)
    with ROOT.with_suffix(".lock").open("a") as lock:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_leftovers()
        fcntl.flock(lock, fcntl.LOCK_SH)  # whoever comes while another cleans waits here for that
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
    remove_leftover_groups()


def _remove_bridges() -> None:
    """Those whose installation is not known any more: a killed run's helpers may have made them last."""
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
        _remove_devices(installation)  # first: a port goes with its container, and its filter would be left
        _remove_containers(installation)
    _remove_filters_of_ports(state_dir / "records")
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
    """With its filter. A port's other end may have gone with its container already, and the port with it."""
    for command in (("ip", "link", "delete", name), ("nft", "delete", "table", "netdev", f"shares-{name}")):
        subprocess.run(command, check=False, capture_output=True)


def _remove_filters_of_ports(records: Path) -> None:
    """Those of the recorded interfaces: of a port that went with its container nothing else is left."""
    texts = [path.read_text(errors="replace") for path in records.rglob("*.json")]
    ids = {found for text in texts for found in re.findall('"([0-9a-f]{12})"', text)}
    listing = subprocess.run(["nft", "list", "tables", "netdev"], check=True, capture_output=True, text=True)
    for name in {f"shares-shc{each}" for each in ids}.intersection(listing.stdout.split()):
        subprocess.run(["nft", "delete", "table", "netdev", name], check=False, capture_output=True)


def unmount_below(folder: Path) -> None:
    """The deepest first; the table is read again, for a mount takes its copies in other places along."""
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
