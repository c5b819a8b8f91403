"""SMB as a service: what a container with smbd needs, and where things are inside it."""

from __future__ import annotations

from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.service import (
    Capabilities,
    FolderMount,
    Identity,
    ServerFolder,
    ServiceProfile,
    TcpPort,
)

CONFIG_FOLDER = "/config"
PRIVATE_FOLDER = "/private"
SHARES_FOLDER = "/shares"
PORT = TcpPort(445)

SMB = ServiceProfile(
    process="smbd",
    image="samba",
    ports=(PORT,),
    probe=PORT,
    mounts=(
        FolderMount(ServerFolder.CONFIG, CONFIG_FOLDER, read_only=True),
        FolderMount(ServerFolder.PRIVATE, PRIVATE_FOLDER),
        FolderMount(ServerFolder.SHARES, SHARES_FOLDER, live=True),
    ),
    identity=Identity(),
    capabilities=Capabilities(dropped=("ALL",)),
    # smbd has no capability to bind a port below 1024 with.
    sysctls={"net.ipv4.ip_unprivileged_port_start": "0"},
    tmpfs=("/run", "/tmp", "/var/lib/samba", "/var/cache/samba", "/var/log/samba"),  # noqa: S108 - in there
)

#: What one connection takes, with its user logged in: measured at 1.3 MB, most of it the kernel's.
_CONNECTION_BYTES = 2 * MIB


def connections_within(memory: Capacity, processes: int) -> int:
    """How many clients fit into a server at once: a process each, with room left to throw them out."""
    by_memory: int = memory.bytes * 3 // 4 // _CONNECTION_BYTES
    return min(processes // 2, by_memory)
