"""Samba in memory: what it serves, and who is connected."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from shares_core.domain.audit import AuditAction, AuditEntry
from shares_core.domain.errors import BackendFailure
from shares_core.domain.names import ShareName, UserName, key_of
from shares_core.domain.secret import PasswordHash
from shares_core.domain.server import ShareServer
from shares_core.domain.sessions import OpenFile, SmbSession
from shares_core.domain.share import CifsShare
from shares_core.domain.views import LogLine, RecycledFiles
from shares_core.ports.processes import ServerProcesses
from shares_core.ports.smb import SmbConfig, SmbFiles, SmbSessions
from shares_core.testing.clients import Session
from shares_core.testing.faults import halfway
from shares_core.testing.host import AUDIT, MemoryHost
from shares_core.testing.processes import REVOKE
from shares_core.testing.state import MemoryFileSystem, ServedShare

#: Where all clients in memory are, and how they talk.
ADDRESS, CIPHER = "10.254.0.9", "AES-128-GCM"


class MemorySmbConfig(SmbConfig):
    """The files that smbd reads are in the server's ``Folder``, what it has loaded in its ``Container``.

    Half-done: the new accounts with the former shares, or both files written but smbd not told.
    """

    def __init__(self, host: MemoryHost, processes: ServerProcesses) -> None:
        self._host = host
        self._processes = processes

    def apply(self, server: ShareServer, hashes: Mapping[UserName, PasswordHash]) -> None:
        folder = self._host.folders.get(server.id)
        if folder is None:
            raise BackendFailure(f"server {server.id} has no folder")
        folder.told = False
        folder.accounts = _accounts(server, hashes)
        halfway()
        folder.shares = _served(server)
        halfway()
        self._processes.signal(server.id, "SIGHUP")
        folder.told = True

    def applied(self, server: ShareServer, hashes: Mapping[UserName, PasswordHash]) -> bool:
        folder = self._host.folders.get(server.id)
        wanted = _accounts(server, hashes), _served(server)
        return folder is not None and folder.told and (folder.accounts, folder.shares) == wanted

    def explained(self, server: ShareServer, text: str) -> str:
        return text

    def is_audit(self, text: str) -> bool:
        return text.startswith(f"{AUDIT}\t")

    def audited(
        self, server: ShareServer, share_ids: Collection[str], lines: Sequence[LogLine]
    ) -> Mapping[str, Sequence[AuditEntry]]:
        users = {account.name.key: str(account.name) for account in server.accounts}
        found: dict[str, list[AuditEntry]] = {}
        for line in filter(lambda each: self.is_audit(each.text), lines):
            _, share_id, action, user, path = line.text.split("\t")
            if share_id in share_ids:
                name = users.get(key_of(user), f"?{user}")
                entry = AuditEntry(line.time, AuditAction(action), (name,), ADDRESS, path)
                found.setdefault(share_id, []).append(entry)
        return found


def _accounts(
    server: ShareServer, hashes: Mapping[UserName, PasswordHash]
) -> dict[UserName, PasswordHash | None]:
    return {account.name: hashes.get(account.name) for account in server.accounts}


def _served(server: ShareServer) -> tuple[ServedShare, ...]:
    return tuple(
        ServedShare(export.mount_id, export.name, export.share.folder, export.rules_now, export.share.options)
        for export in server.exports
        if export.served
    )


class MemorySmbSessions(SmbSessions):
    """The connections that ``MemoryProcesses`` end."""

    def __init__(self, host: MemoryHost, processes: ServerProcesses) -> None:
        self._host = host
        self._processes = processes

    def close_share(self, server: ShareServer, share: ShareName) -> None:
        self._revoke(server, "close-share", str(share), "")

    def close_user(self, server: ShareServer, share: ShareName, users: tuple[UserName, ...]) -> None:
        self._revoke(server, "close-user", str(share), "", *map(str, users))

    def connections(
        self, server: ShareServer, share: ShareName, users: tuple[UserName, ...]
    ) -> Mapping[UserName, int]:
        counted = self._revoke(server, "count-user", str(share), *map(str, users)).split()
        return dict(zip(users, map(int, counted or ["0"] * len(users)), strict=True))

    def end_user(self, server: ShareServer, user: UserName) -> None:
        self._revoke(server, "end-user", str(user))

    def sessions(self, server: ShareServer) -> tuple[SmbSession, ...]:
        return tuple(
            SmbSession(
                *(str(each.number), user, ADDRESS, 0, "SMB3_11", CIPHER),
                tuple(sorted({str(opened.share.name) for opened in each.files})),
                each.number,
            )
            for user, each in self._connected(server)
        )

    def files(self, server: ShareServer) -> tuple[OpenFile, ...]:
        return tuple(
            OpenFile(
                *(str(opened.share.name), opened.name, (user,), "rw" if opened.writable else "r"),
                *(0, 0, each.number),
            )
            for user, each in self._connected(server)
            for opened in each.files
        )

    def _connected(self, server: ShareServer) -> list[tuple[str, Session]]:
        """The sessions, each with its user's name."""
        if not self._processes.signal(server.id, "0"):
            return []
        users = {account.name.key: str(account.name) for account in server.accounts}
        return [(users.get(key_of(each.user), each.user), each) for each in self._host.sessions_of(server.id)]

    def end_connections(self, server: ShareServer, connections: tuple[int, ...]) -> None:
        self._revoke(server, "end-connections", *map(str, connections))

    def _revoke(self, server: ShareServer, *arguments: str) -> str:
        try:
            return self._processes.run(server.id, REVOKE, *arguments)
        except BackendFailure:
            # If the server does not run, or has stopped meanwhile, its connections have ended.
            if self._processes.signal(server.id, "SIGHUP"):
                raise
            return ""


class MemorySmbFiles(SmbFiles):
    """The files on a host's mounted shares. One call does all of the work."""

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def make_executable(self, server: ShareServer, share: CifsShare) -> bool:
        self._filesystem(server, share, "make-executable").executable = True
        return True

    def recycled(self, server: ShareServer, share: CifsShare) -> RecycledFiles:
        held = self._filesystem(server, share, "count-recycled").recycled
        return RecycledFiles(sum(map(len, held)), len(held))

    def _filesystem(self, server: ShareServer, share: CifsShare, what: str) -> MemoryFileSystem:
        container = self._host.containers.get(server.id)
        filesystem = self._host.mounted_filesystem(server.id, share.id)
        if container is None or not container.running or filesystem is None:
            raise BackendFailure(f"{what} in server {server.id}: the server does not run")
        return filesystem
