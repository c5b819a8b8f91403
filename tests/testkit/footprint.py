"""All that an installation has on the host, found without the code under test."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import docker
from pyroute2 import IPRoute

from shares_core import FilePool, HostConfig
from shares_core.domain.server import ShareServer
from tests.settings import folder_of
from tests.testkit.leftovers import BRIDGE_PREFIX, FAMILIES, owners_of_tables, tables_without_device

#: The prefix of this run's bridges: other runs may work on the same machine.
RUN_BRIDGES = f"{BRIDGE_PREFIX}{os.getpid() % 100000}"
#: The files of the pool and the installation, made once and kept; lock files of what servers share.
_KEPT = (
    "demo.lock",
    "bridges.lock",
    "claims.lock",
    "installation.lock",
    "mount.lock",
    "pool.lock",
    "installation.json",
    "pool.json",
)


def footprint(config: HostConfig) -> dict[str, list[str]]:
    """Containers, devices, filters, mounts, loop devices and files; equal before and after means no trace."""
    installation = _installation(config)
    return {
        "containers": _containers(installation),
        "devices": devices(installation),
        "filters": _filters(installation),
        "mounts": [path for path in mounts_below(config.state_dir) if not _is_servers_own(config, path)],
        "loops": loops_below(config.state_dir, *_pool_folders(config)),
        "files": _files(config),
    }


def everything(config: HostConfig) -> list[object]:
    """The footprint with what the records and the secrets say; equal before and after means no change."""
    folders = (config.state_dir / name for name in ("records", "secrets"))
    paths = [path for folder in folders for path in sorted(folder.glob("*"))]
    return [footprint(config), {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}]


def _is_servers_own(config: HostConfig, path: str) -> bool:
    """Whether it is the file system of a server's folder, which a reboot removes and the next start mounts.

    Also the mount above it, while such a folder exists.
    """
    servers = config.state_dir / "servers"
    return Path(path).parent == servers or (Path(path) == servers and any(servers.iterdir()))


def _installation(config: HostConfig) -> str:
    path = config.state_dir / "installation.json"
    return str(json.loads(path.read_bytes())["id"]) if path.exists() else "none"


def containers_of(installation: str) -> list[str]:
    """The ids of the installation's containers."""
    client = docker.from_env()
    try:
        found = client.api.containers(all=True, filters={"label": f"shares-core.installation={installation}"})
        return sorted(entry["Id"] for entry in found)
    finally:
        client.close()


def _containers(installation: str) -> list[str]:
    return containers_of(installation)


def devices(installation: str) -> list[str]:
    """The names of the installation's bridges and ports."""
    with IPRoute() as netlink:
        links = [(str(link.get("ifname")), link.get("ifalias") or "") for link in netlink.get_links()]
    return sorted(name for name, alias in links if alias.split(":")[:2] == ["shares-core", installation])


def tables() -> list[str]:
    """The names of all of shares-core's packet filters."""
    return sorted(owners_of_tables())


def _filters(installation: str) -> list[str]:
    """Those with the installation's id, and those of its devices and this run's bridges, even without device.

    If a port went with its container and its filter lacks the id that it should bear, nothing more is known.
    """
    ours = {f"shares-{name}" for name in devices(installation)}
    return sorted(
        f"{family} {name}"
        for family in FAMILIES
        for name, owner in owners_of_tables(family).items()
        if owner == f"shares-core:{installation}"
        or name in ours
        or name.startswith(f"shares-{RUN_BRIDGES}")
        or (not owner and name in tables_without_device())
    )


def mounts_below(folder: Path) -> list[str]:
    """The mounts below a folder, with the servers' shared mount."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    targets = [line.split(" ")[4] for line in lines]
    return sorted(target for target in targets if target.startswith(f"{folder}/"))


def loops_below(*folders: Path) -> list[str]:
    """The files below the folders that are attached to loop devices."""
    listing = subprocess.run(
        ["losetup", "--json", "--list"], check=True, capture_output=True, text=True
    ).stdout
    found = json.loads(listing)["loopdevices"] if listing.strip() else []
    files = (str(entry["back-file"]) for entry in found)
    return sorted(f for f in files if any(f.startswith(f"{folder}/") for folder in folders))


def _files(config: HostConfig) -> list[str]:
    """Files and folders, without those in mounted file systems or written by Samba."""
    found = []
    for folder in {config.state_dir, *_pool_folders(config)}:
        for path in folder.rglob("*") if folder.exists() else ():
            inner = path.relative_to(folder).parts
            if path.name in _KEPT or (len(inner) > 2 and inner[0] == "servers"):
                continue  # everything in a server's folder is rendered when it starts
            if len(inner) == 1 and path.is_dir():
                continue  # the state folder's own parts
            found.append(str(path))
    return sorted(set(found))


def image_of(config: HostConfig, server: ShareServer, share: str) -> Path:
    """The file of a share's volume."""
    volume = server.share(share).volume
    return folder_of(config, volume.pool) / f"{volume.id}.img"


def _pool_folders(config: HostConfig) -> list[Path]:
    return [pool.folder for pool in config.pools if isinstance(pool, FilePool)]
