"""Samba in memory: what it serves, and who is connected."""

from __future__ import annotations

from collections.abc import Mapping

from shares_core.domain.errors import BackendFailure
from shares_core.domain.names import ShareName, UserName
from shares_core.domain.secret import PasswordHash
from shares_core.domain.server import ShareServer
from shares_core.ports.smb import SmbConfig, SmbSessions
from shares_core.testing.clients import Session
from shares_core.testing.faults import halfway
from shares_core.testing.host import MemoryHost
from shares_core.testing.state import ServedShare


class MemorySmbConfig(SmbConfig):
    """The files that smbd reads are in the server's ``Folder``, what it took from them in its ``Container``.

    Half-done: the new accounts with the former shares, or both files written and smbd not told.
    """

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def apply(self, server: ShareServer, hashes: Mapping[UserName, PasswordHash]) -> None:
        folder = self._host.folders.get(server.id)
        if folder is None:
            raise BackendFailure(f"server {server.id} has no folder")
        folder.told = False
        folder.accounts = _accounts(server, hashes)
        halfway()
        folder.shares = _served(server)
        halfway()
        container = self._host.containers.get(server.id)
        if container is not None and container.running:
            container.loaded = folder.shares
            if not self._host.lagging:
                _take(self._host, server.id)
        folder.told = True

    def applied(self, server: ShareServer, hashes: Mapping[UserName, PasswordHash]) -> bool:
        folder = self._host.folders.get(server.id)
        wanted = _accounts(server, hashes), _served(server)
        return folder is not None and folder.told and (folder.accounts, folder.shares) == wanted


def _accounts(
    server: ShareServer, hashes: Mapping[UserName, PasswordHash]
) -> dict[UserName, PasswordHash | None]:
    return {account.name: hashes.get(account.name) for account in server.accounts}


def _served(server: ShareServer) -> tuple[ServedShare, ...]:
    return tuple(
        ServedShare(share.id, share.name, share.folder, share.rules)
        for share in server.shares
        if share.served
    )


class MemorySmbSessions(SmbSessions):
    """The connections in ``MemoryHost.sessions``."""

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def close_share(self, server: ShareServer, share: ShareName) -> None:
        for session in _take(self._host, server.id):
            _close(session, share)

    def close_user(self, server: ShareServer, share: ShareName, users: tuple[UserName, ...]) -> None:
        keys = {user.key for user in users}
        for session in _take(self._host, server.id):
            if session.user.casefold() in keys:
                _close(session, share)

    def end_user(self, server: ShareServer, user: UserName) -> None:
        for session in _take(self._host, server.id):
            if session.user.casefold() == user.key:
                session.end()


def _take(host: MemoryHost, server_id: str) -> tuple[Session, ...]:
    """Let every smbd process take the configuration that smbd has. Gives the sessions."""
    container = host.containers.get(server_id)
    sessions = host.sessions_of(server_id)
    for session in sessions:
        session.taken = container.loaded if container is not None else ()
    return sessions


def _close(session: Session, share: ShareName) -> None:
    for opened in tuple(session.files):
        if opened.share.name.key == share.key:
            opened.close()
