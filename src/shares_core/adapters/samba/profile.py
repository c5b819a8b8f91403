"""SMB as a service: what a container with smbd needs, and the paths inside it."""

from __future__ import annotations

from shares_core.domain.capacity import KIB, MIB, Capacity
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
    # smbd has no capability for binding ports below 1024.
    sysctls={"net.ipv4.ip_unprivileged_port_start": "0"},
    tmpfs=("/run", "/tmp", "/var/lib/samba", "/var/cache/samba", "/var/log/samba"),  # noqa: S108 - in there
)

#: How many requests a client may have in flight, each for 64 KiB of data, and the largest request: a faster
#: client is slowed down, where smbd would otherwise hold as much as the client sends.
CREDITS = 32
LARGEST_REQUEST = MIB
#: The memory of one busy connection: 1.3 MB with a logged-in user, most of it in the kernel, and what is in
#: flight.
_CONNECTION_BYTES = 2 * MIB + CREDITS * 64 * KIB


def connections_within(memory: Capacity, processes: int) -> int:
    """How many clients a server can have at once: one process each, and some left for ending connections."""
    by_memory: int = memory.bytes * 3 // 4 // _CONNECTION_BYTES
    return min(processes // 2, by_memory)
