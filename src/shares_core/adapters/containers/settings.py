"""How one server's container is confined, in one place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from shares_core.adapters.state.layout import Layout
from shares_core.domain.capacity import MIB, Capacity

#: What one connection takes, with its user logged in: measured at 1.3 MB, most of it the kernel's.
_CONNECTION_BYTES = 2 * MIB


@frozen
class Limits:
    """What one server may use of the host."""

    memory: Capacity
    processes: int
    open_files: int = 16384
    log_megabytes: int = 5
    scratch: Capacity = Capacity(64 * MIB)

    @property
    def connections(self) -> int:
        """How many clients fit at once: a process each, and room left to throw them out with."""
        by_memory: int = self.memory.bytes * 3 // 4 // _CONNECTION_BYTES
        return min(self.processes // 2, by_memory)


def fingerprint(settings: Mapping[str, Any]) -> str:
    """12 hexadecimal digits over the settings: a container bears what it was confined by, its user too."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def container_settings(layout: Layout, server_id: str, uid: int, limits: Limits) -> dict[str, Any]:
    """docker-py's host settings for one server: everything that confines it, in one place. Pure."""
    from docker.types import LogConfig, Mount, Ulimit

    owned = f"uid={uid},gid={uid},mode=0700,nosuid,nodev,noexec"
    scratch = f"{owned},size={limits.scratch.bytes}"
    folders = ("/run", "/tmp", "/var/lib/samba", "/var/cache/samba", "/var/log/samba")  # noqa: S108 - in there
    return {
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "read_only": True,
        "network_mode": "none",
        "ipc_mode": "private",
        "sysctls": {
            # smbd has no capability to bind a port below 1024 with.
            "net.ipv4.ip_unprivileged_port_start": "0",
            # Docker turns IPv6 off in a namespace without network; addresses come from the record alone.
            "net.ipv6.conf.all.disable_ipv6": "0",
            "net.ipv6.conf.default.disable_ipv6": "0",
            "net.ipv6.conf.all.accept_ra": "0",
            "net.ipv6.conf.default.accept_ra": "0",
        },
        "mounts": [
            Mount("/config", str(layout.config(server_id)), type="bind", read_only=True),
            Mount("/private", str(layout.private(server_id)), type="bind"),
            Mount("/shares", str(layout.shares(server_id)), type="bind", propagation="rslave"),
        ],
        "tmpfs": dict.fromkeys(folders, scratch),
        "mem_limit": limits.memory.bytes,
        "memswap_limit": limits.memory.bytes,
        "pids_limit": limits.processes,
        "ulimits": [
            Ulimit(name="nofile", soft=limits.open_files, hard=limits.open_files),
            Ulimit(name="core", soft=0, hard=0),
        ],
        "log_config": LogConfig(
            type="json-file", config={"max-size": f"{limits.log_megabytes}m", "max-file": "2"}
        ),
        "restart_policy": {
            "Name": "no"
        },  # a restarted container has lost its interfaces: reconcile plugs them
    }
