"""The servers' folders, below a mount that passes new mounts on to containers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shares_core.adapters.linux.commands import run
from shares_core.adapters.linux.files import make_private_folder, open_folder
from shares_core.adapters.linux.mountinfo import is_mounted, mount_and_above, mounts_below
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.linux.polling import wait_until
from shares_core.adapters.state.layout import Layout
from shares_core.adapters.state.locks import file_lock
from shares_core.domain.errors import BackendFailure, CommandFailed
from shares_core.domain.remedy import HostTool, Remedy
from shares_core.ports.folders import ServerFolders

#: A server's folder holds little, which is rendered again whenever the server is brought up. In bounded
#: memory, the service can neither fill the host's disk through it, nor run what it writes, nor make a link
#: that is followed.
_SMALL = "mode=0700,size=64m,nr_inodes=16384,nodev,nosuid,noexec,nosymfollow"
_UNMOUNT_SECONDS = 20.0
_RELEASE_SECONDS = 1.0


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
            with self._mounting():  # in one step: removing the last folder removes the mount too
                self._ensure_shared_mount()
                make_private_folder(layout.server(server_id))
            self._ensure_small(server_id)
            for folder in (layout.config(server_id), layout.shares(server_id)):
                folder.mkdir(mode=0o755, exist_ok=True)
                folder.chmod(0o755)
            layout.private(server_id).mkdir(mode=0o700, exist_ok=True)
            with open_folder(layout.private(server_id)) as private:
                os.fchown(private, uid, uid)

    def ensured(self, server_id: str, uid: int) -> bool:
        layout = self._layout
        with os_errors(f"looking at the folders of server {server_id}"):
            parts = layout.config(server_id), layout.shares(server_id), layout.private(server_id)
            if not _passes_on(layout.servers) or not all(map(Path.is_dir, parts)):
                return False
            return layout.private(server_id).lstat().st_uid == uid

    @contextmanager
    def _mounting(self) -> Iterator[None]:
        """Keep others from making or removing the shared mount meanwhile. Raises Busy."""
        make_private_folder(self._layout.locks)
        with file_lock(self._layout.locks / "mount.lock", self._lock_timeout, str(self._layout.servers)):
            yield

    def _ensure_shared_mount(self) -> None:
        """Bind the folder onto itself, in its own peer group: rslave mounts need a shared mount above."""
        servers = self._layout.servers
        if _passes_on(servers):
            return
        if not is_mounted(servers):
            run(("mount", "--bind", str(servers), str(servers)), outlives=False)
        if not _passes_on(servers):
            run(("mount", "--make-private", str(servers)))
            run(("mount", "--make-shared", str(servers)))

    def _release_shared_mount(self) -> None:
        """Unmount it if no server has a folder below it, unless something uses it anyway."""
        servers = self._layout.servers
        if not is_mounted(servers) or os.listdir(servers):
            return

        def gone() -> bool:
            with suppress(CommandFailed):
                run(("umount", str(servers)), outlives=False)
            return not is_mounted(servers)

        with self._mounting():
            if not os.listdir(servers):
                wait_until(gone, _RELEASE_SECONDS)  # a reader that lists the folders uses it for a moment

    def _ensure_small(self, server_id: str) -> None:
        """Mount the server's folder; if it holds anything, it is in use and stays as it is."""
        folder = self._layout.server(server_id)
        if not is_mounted(folder) and not os.listdir(folder):
            # A late mount would cover what the next caller has mounted there.
            run(("mount", "-t", "tmpfs", "-o", _SMALL, "shares-core", str(folder)), outlives=False)

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
                mount_point.rmdir()  # raises if it holds anything, which would be somebody's data
            # What the service left goes with the mount, however deeply it is nested.
            self._unmount(folder)
            if folder.exists():
                shutil.rmtree(folder)
            self._release_shared_mount()

    def _unmount(self, folder: Path) -> None:
        def gone() -> bool:
            with suppress(CommandFailed):
                if is_mounted(folder):
                    run(("umount", str(folder)))
            return not is_mounted(folder)

        if not wait_until(gone, _UNMOUNT_SECONDS):
            raise BackendFailure(
                f"{folder} cannot be unmounted",
                hint=Remedy.of(HostTool("fuser", ("-vm", str(folder))), " shows by what"),
            )

    def list(self) -> tuple[str, ...]:
        servers = self._layout.servers
        with os_errors(f"listing {servers}"):
            return tuple(sorted(entry.name for entry in servers.iterdir())) if servers.is_dir() else ()


def _passes_on(servers: Path) -> bool:
    """Whether the mount passes on what is mounted below it, but not to the mount that it was made from.

    If that is shared, as systemd's ``/`` is, a new bind is its peer, and everything below is mounted twice.
    If it left its peer while something is mounted below, that could not be unmounted in the peer; so then it
    stays.
    """
    mount, above = mount_and_above(servers)
    if mount is None or not mount.shared:
        return False
    return above is None or above.peers != mount.peers or bool(mounts_below(servers))
