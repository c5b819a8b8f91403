"""The servers' folders, below a mount that passes new mounts on to containers."""

from __future__ import annotations

import os
import shutil

from shares_core.adapters.commands import run
from shares_core.adapters.disk.errors import os_errors
from shares_core.adapters.disk.files import make_private_folder, open_folder
from shares_core.adapters.layout import Layout
from shares_core.adapters.locking import file_lock
from shares_core.adapters.mounts import mount_at, mounts_below
from shares_core.domain.errors import BackendFailure
from shares_core.ports.folders import ServerFolders


class DiskFolders(ServerFolders):
    """Folders in the state folder (see Layout)."""

    def __init__(self, layout: Layout, lock_timeout: float) -> None:
        self._layout = layout
        self._lock_timeout = lock_timeout

    def ensure(self, server_id: str, uid: int) -> None:
        layout = self._layout
        with os_errors(f"making the folders of server {server_id}"):
            make_private_folder(layout.state_dir)
            make_private_folder(layout.servers)
            self._ensure_shared_mount()
            make_private_folder(layout.server(server_id))
            for folder in (layout.config(server_id), layout.shares(server_id)):
                folder.mkdir(mode=0o755, exist_ok=True)
                folder.chmod(0o755)
            layout.private(server_id).mkdir(mode=0o700, exist_ok=True)
            with open_folder(layout.private(server_id)) as private:
                os.fchown(private, uid, uid)

    def _ensure_shared_mount(self) -> None:
        """Bind the folder onto itself, in a peer group of its own: rslave mounts need a shared one above."""
        servers = self._layout.servers
        if (mount := mount_at(servers)) is not None and mount.shared:
            return
        make_private_folder(self._layout.locks)
        with file_lock(self._layout.locks / "mount.lock", self._lock_timeout, str(servers)):
            if mount_at(servers) is None:
                run(("mount", "--bind", str(servers), str(servers)))
            if not getattr(mount_at(servers), "shared", False):
                # Private first: else the mount stays in the peer group of the one that it was made from.
                run(("mount", "--make-private", str(servers)))
                run(("mount", "--make-shared", str(servers)))

    def remove(self, server_id: str) -> None:
        folder = self._layout.server(server_id)
        if mounted := mounts_below(folder):
            raise BackendFailure(
                f"{folder} is not removed: {mounted[0].target} is still mounted",
                hint="end what uses it, then try again",
            )
        with os_errors(f"removing {folder}"):
            shares = self._layout.shares(server_id)
            for mount_point in shares.iterdir() if shares.is_dir() else ():
                mount_point.rmdir()  # raises where anything lies in it: that would be somebody's data
            # smbd owned one of these folders; on Linux, rmtree works with descriptors and follows no link.
            if folder.exists():
                shutil.rmtree(folder)

    def list(self) -> tuple[str, ...]:
        servers = self._layout.servers
        with os_errors(f"listing {servers}"):
            return tuple(sorted(entry.name for entry in servers.iterdir())) if servers.is_dir() else ()
