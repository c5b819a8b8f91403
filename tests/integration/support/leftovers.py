"""Everything that a test run makes bears a prefix of its own, and what a killed run left is found by it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import docker
from pyroute2 import IPRoute, netns

#: State folders of test runs. Not below /tmp, which may be in memory.
ROOT = Path("/var/tmp/shares-core-tests")
#: Client namespaces, and bridges; the latter within the kernel's 15 characters.
NAMESPACE_PREFIX = "sctest-"
BRIDGE_PREFIX = "sct"


def remove_leftovers() -> None:
    """Remove what former runs left, by their prefixes and by their installations' ids."""
    ROOT.mkdir(mode=0o700, exist_ok=True)
    for name in netns.listnetns():
        if name.startswith(NAMESPACE_PREFIX):
            netns.remove(name)
    for state_dir in ROOT.iterdir():
        remove_installation(state_dir)


def remove_installation(state_dir: Path) -> None:
    """Remove whatever an installation has on the host, without the code under test."""
    identity = state_dir / "installation.json"
    installation = json.loads(identity.read_bytes())["id"] if identity.is_file() else None
    if installation:
        _remove_devices(installation)  # first: a port goes with its container, and its filter would be left
        _remove_containers(installation)
    _unmount_below(state_dir)
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
        # A port's other end may already have gone with its container, and the port with it.
        subprocess.run(["ip", "link", "delete", name], check=False, capture_output=True)
        table = ["nft", "delete", "table", "netdev", f"shares-{name}"]
        subprocess.run(table, check=False, capture_output=True)


def _unmount_below(folder: Path) -> None:
    table = Path("/proc/self/mountinfo").read_text()
    targets = [line.split(" ")[4] for line in table.splitlines()]
    for target in sorted((t for t in targets if t.startswith(f"{folder}/")), key=len, reverse=True):
        subprocess.run(["umount", "--lazy", target], check=True)


def _detach_loops_below(folder: Path) -> None:
    listing = subprocess.run(
        ["losetup", "--json", "--list"], check=True, capture_output=True, text=True
    ).stdout
    for device in json.loads(listing)["loopdevices"] if listing.strip() else []:
        if str(device["back-file"]).startswith(f"{folder}/"):
            subprocess.run(["losetup", "--detach", device["name"]], check=True)
