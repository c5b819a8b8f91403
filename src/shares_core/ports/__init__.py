"""What the use cases need of a host, in the domain's words.

Every ``ensure`` returns what already fits, makes what is missing and raises Conflict if something differs;
every ``remove`` of what is absent succeeds. Each docstring says what a half-done call leaves. Any verb may
raise BackendFailure or HostNotReady.
"""

from __future__ import annotations

from attrs import frozen

from shares_core.ports.audit import AuditTrails
from shares_core.ports.clock import Clock
from shares_core.ports.events import Events
from shares_core.ports.filesystems import FileSystems
from shares_core.ports.folders import ServerFolders
from shares_core.ports.ids import Ids
from shares_core.ports.locks import Locks
from shares_core.ports.network import Network
from shares_core.ports.processes import Script, ServerProcesses
from shares_core.ports.progress import Progress
from shares_core.ports.records import Records
from shares_core.ports.runtime import ServerRuntime
from shares_core.ports.secrets import Secrets
from shares_core.ports.smb import SmbConfig, SmbFiles, SmbSessions
from shares_core.ports.storage import BlockStorage
from shares_core.ports.workers import Workers


@frozen
class Ports:
    """One of each port: all that the use cases know of a host."""

    runtime: ServerRuntime
    processes: ServerProcesses
    folders: ServerFolders
    storage: BlockStorage
    filesystems: FileSystems
    network: Network
    smb_config: SmbConfig
    smb_sessions: SmbSessions
    smb_files: SmbFiles
    records: Records
    secrets: Secrets
    audit: AuditTrails
    locks: Locks
    progress: Progress
    clock: Clock
    ids: Ids
    events: Events
    workers: Workers


__all__ = [
    "AuditTrails",
    "BlockStorage",
    "Clock",
    "Events",
    "FileSystems",
    "Ids",
    "Locks",
    "Network",
    "Ports",
    "Progress",
    "Records",
    "Script",
    "Secrets",
    "ServerFolders",
    "ServerProcesses",
    "ServerRuntime",
    "SmbConfig",
    "SmbFiles",
    "SmbSessions",
    "Workers",
]
