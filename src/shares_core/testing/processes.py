"""The processes of servers in memory: each connection's smbd, and the scripts run beside them."""

from __future__ import annotations

from shares_core.domain.errors import BackendFailure
from shares_core.domain.names import key_of
from shares_core.ports.processes import Script, ServerProcesses
from shares_core.testing.clients import OpenFile, Session
from shares_core.testing.host import MemoryHost
from shares_core.testing.state import Container

#: The only script known here: it closes shares and ends connections.
REVOKE = Script("revoke", "")


class MemoryProcesses(ServerProcesses):
    """A SIGHUP makes smbd load the server's ``Folder``, ``REVOKE`` ends ``MemoryHost.sessions``.

    On a ``lagging`` host the processes of open connections reload only when ``REVOKE`` waits for them.
    """

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def signal(self, server_id: str, name: str) -> bool:
        container = self._running(server_id)
        if container is None:
            return False
        if name == "SIGHUP":
            container.loaded = self._host.folders[server_id].shares
            if not self._host.lagging:
                self._settled(server_id, container)
        return True

    def run(self, server_id: str, script: Script, *arguments: str, seconds: float | None = None) -> str:
        container = self._running(server_id)
        if container is None:
            raise BackendFailure(f"running {script.name} in server {server_id}: the server does not run")
        sessions = self._settled(server_id, container)
        match (script.name, *arguments):
            case (REVOKE.name, "close-share", share, _):
                _close(sessions, share)
            case (REVOKE.name, "close-user", share, _, *users):
                _close(_of(sessions, users), share)
            case (REVOKE.name, "count-user", share, *users):
                return " ".join(str(len(_using(_of(sessions, [user]), share))) for user in users)
            case (REVOKE.name, "end-connections", *numbers):
                for session in sessions:
                    if str(session.number) in numbers:
                        session.end()
            case (REVOKE.name, "end-user", user):
                for session in _of(sessions, [user]):
                    session.end()
            case _:
                raise BackendFailure(f"{script.name} in server {server_id} failed: there is no such script")
        return ""

    def _running(self, server_id: str) -> Container | None:
        container = self._host.containers.get(server_id)
        return container if container is not None and container.running and not container.foreign else None

    def _settled(self, server_id: str, container: Container) -> tuple[Session, ...]:
        """The sessions, after each one's process has loaded smbd's configuration."""
        sessions = self._host.sessions_of(server_id)
        for session in sessions:
            session.taken = container.loaded
        return sessions


def _of(sessions: tuple[Session, ...], users: list[str]) -> tuple[Session, ...]:
    keys = {key_of(user) for user in users}
    return tuple(session for session in sessions if key_of(session.user) in keys)


def _using(sessions: tuple[Session, ...], share: str) -> list[Session]:
    return [session for session in sessions if _opened(session, share)]


def _close(sessions: tuple[Session, ...], share: str) -> None:
    for session in sessions:
        for opened in _opened(session, share):
            opened.close()


def _opened(session: Session, share: str) -> list[OpenFile]:
    return [opened for opened in session.files if opened.share.name.key == key_of(share)]
