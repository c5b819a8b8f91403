"""How one server's container is confined, in one place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from shares_core.adapters.state.layout import Layout
from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.service import FolderMount, ServiceProfile


@frozen
class Limits:
    """How much of the host one server may use."""

    memory: Capacity
    processes: int
    open_files: int = 16384
    log_megabytes: int = 5
    scratch: Capacity = Capacity(64 * MIB)


def fingerprint(settings: Mapping[str, Any]) -> str:
    """12 hexadecimal digits over the settings and the user: a container's label for its confinement."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def container_settings(
    profile: ServiceProfile, layout: Layout, server_id: str, uid: int, limits: Limits
) -> dict[str, Any]:
    """docker-py's host settings for one server: all of its confinement, in one place. Pure."""
    from docker.types import LogConfig, Ulimit

    user, group = profile.identity.of(uid)
    owned = f"uid={user},gid={group},mode=0700,nosuid,nodev,noexec"
    scratch = f"{owned},size={limits.scratch.bytes}"
    return {
        **_capabilities(profile),
        "security_opt": ["no-new-privileges"],
        "read_only": True,
        "network_mode": "none",
        "ipc_mode": "private",
        "sysctls": {
            **profile.sysctls,
            # Docker turns IPv6 off in a namespace without a network; all addresses come from the record.
            "net.ipv6.conf.all.disable_ipv6": "0",
            "net.ipv6.conf.default.disable_ipv6": "0",
            "net.ipv6.conf.all.accept_ra": "0",
            "net.ipv6.conf.default.accept_ra": "0",
        },
        "mounts": [_mount(layout, server_id, mount) for mount in profile.mounts],
        "tmpfs": dict.fromkeys(profile.tmpfs, scratch),
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
        },  # a restarted container loses its interfaces: reconcile plugs them in
    }


def _capabilities(profile: ServiceProfile) -> dict[str, list[str]]:
    # An empty list has another fingerprint than no list, which would make every container outdated.
    given = {"cap_drop": profile.capabilities.dropped, "cap_add": profile.capabilities.added}
    return {setting: list(names) for setting, names in given.items() if names}


def _mount(layout: Layout, server_id: str, mount: FolderMount) -> Mapping[str, Any]:
    from docker.types import Mount

    bound: Mapping[str, Any] = Mount(
        mount.target,
        str(layout.folder(server_id, mount.folder)),
        type="bind",
        read_only=mount.read_only,
        propagation="rslave" if mount.live else None,
    )
    return bound
