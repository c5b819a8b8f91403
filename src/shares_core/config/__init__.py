"""What an operator can configure, in Python or in a TOML file."""

from __future__ import annotations

from shares_core.config.settings import (
    MACHINE_SETTINGS,
    AuditSettings,
    DockerSettings,
    FilePool,
    HostConfig,
    LvmPool,
    PoolSettings,
    ServerSettings,
)

__all__ = [
    "MACHINE_SETTINGS",
    "AuditSettings",
    "DockerSettings",
    "FilePool",
    "HostConfig",
    "LvmPool",
    "PoolSettings",
    "ServerSettings",
]
