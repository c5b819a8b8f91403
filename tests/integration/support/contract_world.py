"""A real host for the contracts' suites, with a new installation for each test."""

from __future__ import annotations

import re
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from attrs import evolve

from shares_core import FilePool, HostConfig, bootstrap
from shares_core.adapters.containers.runtime import DockerRuntime
from shares_core.adapters.linux.mountinfo import mount_at, mounts_below
from shares_core.adapters.linux.system import CallbackEvents
from shares_core.adapters.state.audit import DiskAuditTrails
from shares_core.adapters.state.layout import Layout
from shares_core.domain.audit import AuditEntry
from shares_core.domain.capacity import Capacity
from shares_core.domain.names import UserName
from shares_core.domain.secret import PasswordHash
from shares_core.domain.server import ShareServer
from shares_core.ports import Locks, Ports
from shares_core.ports.audit import AuditTrails
from shares_core.ports.events import Event
from shares_core.ports.progress import Progress
from shares_core.ports.runtime import ServerRuntime
from tests.contracts.audit import DAYS, FILES, ROOM, SERVER, TODAY, AuditWorld
from tests.contracts.events import EventsWorld
from tests.contracts.folders import FoldersWorld
from tests.contracts.locks import LocksWorld, Take, of_claims, of_share
from tests.contracts.progress import ProgressWorld
from tests.contracts.records import RecordsWorld
from tests.contracts.secrets import SecretsWorld
from tests.contracts.storage_world import POOL
from tests.contracts.values import UID
from tests.integration.support.killed import killed_in
from tests.testkit.leftovers import ROOT, remove_installation


class RealWorld(AuditWorld, EventsWorld, FoldersWorld, LocksWorld, ProgressWorld, RecordsWorld, SecretsWorld):
    """The contents of a state folder. ``close`` removes whatever exists then."""

    def __init__(self) -> None:
        self.state_dir = ROOT / f"run-{uuid.uuid4().hex[:8]}"
        self.config = HostConfig(state_dir=self.state_dir, pools=(FilePool(size=POOL),))
        self.layout = Layout(self.state_dir)
        self.trails = DiskAuditTrails(self.layout, DAYS, Capacity(ROOM), 10)
        self.cleanup = ExitStack()
        self.cleanup.callback(remove_installation, self.state_dir)
        self._heard: list[Event] = []
        self._ports = self.opened(self.config)

    def opened(self, config: HostConfig) -> Ports:
        """The ports of a configuration; their connection to Docker is closed at the end."""
        ports = bootstrap.ports(config, CallbackEvents(self._heard.append))
        ports = evolve(ports, audit=self.trails)
        self.cleanup.callback(_disconnect, ports.runtime)
        return ports

    def close(self) -> None:
        self.cleanup.close()

    @property
    def ports(self) -> Ports:
        return self._ports

    def killed_in(self, call: str, *arguments: object, where: str = "") -> None:
        killed_in(self.config, call, *arguments, where=where)

    # -- audit

    def others_trails(self) -> AuditTrails:
        return DiskAuditTrails(self.layout, DAYS, Capacity(ROOM), 10)

    def half_appended(self, former: str, bookmark: str, added: Sequence[AuditEntry]) -> None:
        where = "shares_core.adapters.state.audit.write_whole"
        self.killed_in("audit.append", SERVER, former, bookmark, {FILES: added}, TODAY, where=where)

    def traces(self) -> bool:
        return self.layout.audit.exists() and any(self.layout.audit.iterdir())

    # -- events

    def heard(self) -> tuple[Event, ...]:
        return tuple(self._heard)

    # -- locks

    def locks(self, timeout: float) -> Locks:
        from shares_core.adapters.state.locks import FileLocks

        return FileLocks(self.layout, timeout)

    def die_holding(self, take: Take) -> None:
        if take is of_claims:
            self.killed_in("locks.claims")
        elif take is of_share:
            self.killed_in("locks.share", "c" * 12)
        else:
            self.killed_in("locks.server", "a" * 12)

    def kept_locks(self) -> set[str]:
        return {path.stem for path in self.layout.locks.iterdir() if re.fullmatch("[0-9a-f]{12}", path.stem)}

    # -- progress

    def others_progress(self) -> Progress:
        from shares_core.adapters.state.progress import DiskProgress

        return DiskProgress(self.layout)

    # -- records and secrets

    def damage_record(self, server_id: str) -> None:
        path = self.layout.records / f"{server_id}.json"
        path.write_bytes(path.read_bytes()[:-20])

    def half_saved(self, server: ShareServer) -> None:
        self.killed_in("records.save", server, where="os.rename")

    def record_traces(self, server_id: str) -> object:
        return _files_about(self.layout.records, server_id)

    def damage_secrets(self, server_id: str) -> None:
        path = self.layout.secrets / f"{server_id}.json"
        path.write_bytes(path.read_bytes()[:-20])

    def half_put(self, server_id: str, hashes: Mapping[UserName, PasswordHash]) -> None:
        self.killed_in("secrets.put", server_id, hashes, where="os.rename")

    def secret_traces(self, server_id: str) -> object:
        return _files_about(self.layout.secrets, server_id)

    # -- folders

    def folder_owner(self, server_id: str) -> int | None:
        folder = self.layout.private(server_id)
        return folder.stat().st_uid if folder.exists() else None

    def passes_mounts_on(self, server_id: str) -> bool:
        mount = mount_at(self.layout.server(server_id)) or mount_at(self.layout.servers)
        return mount is not None and mount.shared

    def half_ensured_folders(self, server_id: str, step: int) -> None:
        folders = "shares_core.adapters.state.folders"
        where = {1: f"{folders}.DiskFolders._ensure_small", 2: "os.fchown"}[step]
        self.killed_in("folders.ensure", server_id, UID, where=where)

    def half_removed_folders(self, server_id: str) -> None:
        folders = "shares_core.adapters.state.folders"
        self.killed_in("folders.remove", server_id, where=f"{folders}.DiskFolders._release_shared_mount")

    def mounts(self) -> int:
        return len(mounts_below(self.layout.state_dir))

    def mount_below(self, server_id: str) -> None:
        target = self.layout.share(server_id, "5" * 12)
        target.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "contract", target], check=True)

    def unmount_below(self, server_id: str) -> None:
        subprocess.run(["umount", self.layout.share(server_id, "5" * 12)], check=True)


def _disconnect(runtime: ServerRuntime) -> None:
    """Close the connection: otherwise the sockets' warnings would be errors."""
    assert isinstance(runtime, DockerRuntime)
    client = getattr(runtime._docker._threads, "client", None)
    if client is not None:
        client.close()


def _files_about(folder: Path, server_id: str) -> dict[str, bytes]:
    found = folder.iterdir() if folder.exists() else ()
    return {path.name: path.read_bytes() for path in found if server_id in path.name}
