"""The host of the campaigns, observed without the code under test."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import docker
from attrs import frozen

from shares_core import FilePool, HostConfig
from shares_core.adapters.state.layout import Layout
from shares_core.adapters.state.records import DiskRecords
from shares_core.app.operations import OPERATIONS
from shares_core.domain.pools import volume_name
from shares_core.domain.server import DesiredState, ShareServer
from shares_core.domain.share import CifsShare, ShareStatus
from shares_core.domain.volume import PoolName
from tests.settings import group_of, volumes_in
from tests.testkit.footprint import devices, loops_below, mounts_below
from tests.testkit.leftovers import owners_of_tables
from tests.testkit.volume_groups import lvm

#: A command that ends with its parent, however that ends.
ALONE = ("setpriv", "--pdeathsig", "KILL")


@frozen
class Seen:
    """All that an installation has on the host, or should have: equal if the host is as recorded."""

    containers: frozenset[str]
    running: frozenset[str]
    devices: frozenset[str]
    filters: frozenset[str]
    mounts: frozenset[str]
    volumes: frozenset[str]
    attached: frozenset[str]


def records(config: HostConfig) -> tuple[ShareServer, ...]:
    """Every record, all of them readable."""
    found = DiskRecords(Layout(config.state_dir), OPERATIONS).load_all()
    unreadable = [record for record in found if not isinstance(record, ShareServer)]
    assert not unreadable, unreadable
    return tuple(record for record in found if isinstance(record, ShareServer))


def as_recorded(config: HostConfig) -> Seen:
    """What should exist according to the records, which have no operation under way and no failed share."""
    servers = records(config)
    unsettled = [str(server.name) for server in servers if server.operations]
    assert not unsettled, f"unfinished: {unsettled}"
    failed = [
        f"{server.name}/{share.name} is {share.status}: {share.reason}"
        for server in servers
        for share in server.shares
        if share.status is not ShareStatus.READY
    ]
    assert not failed, failed
    up = [server for server in servers if server.desired is DesiredState.RUNNING]
    shares = [(server, share) for server in servers for share in server.shares]
    served = [(server, share) for server, share in shares if server in up]
    interfaces = [interface for server in up for interface in server.interfaces]
    bridges = {interface.attachment.device for server in servers for interface in server.interfaces}
    there = bridges | {interface.host_device for interface in interfaces}
    return Seen(
        containers=frozenset(server.id for server in up),
        running=frozenset(server.id for server in up),
        devices=frozenset(there),
        filters=frozenset(f"shares-{name}" for name in there),
        mounts=frozenset(
            str(Layout(config.state_dir).share(server.id, each))
            for server, share in served
            for each in share.mount_ids
        ),
        volumes=frozenset(ref.id for _, share in shares for ref in share.refs),
        attached=frozenset(ref.id for _, share in served for ref in share.refs),
    )


def as_it_is(config: HostConfig) -> Seen:
    """What exists according to Docker, the kernel and LVM."""
    installation = json.loads((config.state_dir / "installation.json").read_text())["id"]
    client = docker.from_env()
    try:
        label = f"shares-core.installation={installation}"
        found = client.api.containers(all=True, filters={"label": label})
    finally:
        client.close()
    server = "shares-core.server"
    names = {*devices(installation), str(config.network.bridge)}
    mark, named = f"shares-core:{installation}", {f"shares-{name}" for name in names}
    mounts = frozenset(path for path in mounts_below(config.state_dir) if "/shares/" in path)
    volumes, attached = _volumes(config, installation)
    return Seen(
        containers=frozenset(each["Labels"][server] for each in found),
        running=frozenset(each["Labels"][server] for each in found if each["State"] == "running"),
        devices=frozenset(devices(installation)),
        filters=frozenset(
            name for name, owner in owners_of_tables().items() if owner == mark or name in named
        ),
        mounts=mounts,
        volumes=volumes,
        attached=attached,
    )


def _volumes(config: HostConfig, installation: str) -> tuple[frozenset[str], frozenset[str]]:
    """The ids of all volumes of all pools, and of those that have a device."""
    found = [_volumes_of(config, pool.name, installation) for pool in config.pools]
    return frozenset().union(*(there for there, _ in found)), frozenset().union(*(a for _, a in found))


def _volumes_of(
    config: HostConfig, pool: PoolName, installation: str
) -> tuple[frozenset[str], frozenset[str]]:
    if isinstance(config.pool(pool), FilePool):
        folder = volumes_in(config, pool)
        there = folder.iterdir() if folder.is_dir() else ()  # made with the first share
        files = [path for path in there if path.suffix in (".img", ".part")]
        attached = frozenset(Path(path).stem for path in loops_below(folder))
        return frozenset(path.stem for path in files), attached
    options = ("--noheadings", "--separator", "|", "--options", "lv_name,lv_active,lv_tags")
    rows = [line.strip().split("|") for line in lvm("lvs", *options, group_of(config, pool)).splitlines()]
    ours = [row for row in rows if f"shares-core:installation:{installation}" in row[2].split(",")]
    names = {row[0].removeprefix(volume_name("")): row[1] for row in ours}
    return frozenset(names), frozenset(name for name, active in names.items() if active)


def mount_point(config: HostConfig, server: ShareServer, share: CifsShare) -> Path:
    return Layout(config.state_dir).share(server.id, share.id)


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def synced(path: Path) -> None:
    """Make what was written to the file system reach its disk."""
    subprocess.run(("sync", "--file-system", path), check=True)
