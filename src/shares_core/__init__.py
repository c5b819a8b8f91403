"""Turn a Linux host into a fleet of small, isolated SMB file servers.

>>> import shares_core
>>> host = shares_core.open_host()
>>> host.servers.create("tenant-a")  # doctest: +SKIP
"""

from __future__ import annotations

from shares_core.bootstrap import Host, open_host
from shares_core.config import AuditSettings, DockerSettings, FilePool, HostConfig, LvmPool, ServerSettings
from shares_core.domain.access import AccessLevel, AccessRule, RefusedUser, rules_for
from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import (
    AddressTaken,
    AlreadyExists,
    BackendFailure,
    Busy,
    Cancelled,
    CommandFailed,
    Conflict,
    HostNotReady,
    InvalidInput,
    NoCapacity,
    NotEmpty,
    NotFound,
    RecordUnreadable,
    ShareDamaged,
    ShareFailed,
    SharesError,
    WouldLoseData,
)
from shares_core.domain.network import InterfaceSpec
from shares_core.domain.options import RecycleBin, ShareOptions, TimeMachine
from shares_core.domain.pools import PoolKind, SnapshotWay, ThinPoolName, VolumeGroupName
from shares_core.domain.presets import PRESETS, Preset, server_preset, share_preset
from shares_core.domain.protection import Dialect, Encryption, Protection
from shares_core.domain.remedy import Call, HostTool, Packages, Parameter, Remedy, UseCase
from shares_core.domain.secret import Secret
from shares_core.domain.share import FileSystemKind
from shares_core.domain.snapshots import SnapshotSource
from shares_core.domain.volume import PoolName

__all__ = [
    "PRESETS",
    "AccessLevel",
    "AccessRule",
    "AddressTaken",
    "AlreadyExists",
    "AuditSettings",
    "BackendFailure",
    "Busy",
    "Call",
    "Cancelled",
    "Capacity",
    "CommandFailed",
    "Conflict",
    "Dialect",
    "DockerSettings",
    "Encryption",
    "FilePool",
    "FileSystemKind",
    "Host",
    "HostConfig",
    "HostNotReady",
    "HostTool",
    "InterfaceSpec",
    "InvalidInput",
    "LvmPool",
    "NoCapacity",
    "NotEmpty",
    "NotFound",
    "Packages",
    "Parameter",
    "PoolKind",
    "PoolName",
    "Preset",
    "Protection",
    "RecordUnreadable",
    "RecycleBin",
    "RefusedUser",
    "Remedy",
    "Secret",
    "ServerSettings",
    "ShareDamaged",
    "ShareFailed",
    "ShareOptions",
    "SharesError",
    "SnapshotSource",
    "SnapshotWay",
    "ThinPoolName",
    "TimeMachine",
    "UseCase",
    "VolumeGroupName",
    "WouldLoseData",
    "open_host",
    "rules_for",
    "server_preset",
    "share_preset",
]
