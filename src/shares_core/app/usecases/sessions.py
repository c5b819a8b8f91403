"""Who is connected to a server: list, close, open files."""

from __future__ import annotations

from ipaddress import ip_address

from attrs import frozen

from shares_core.app.leases import Leases
from shares_core.domain.errors import InvalidInput
from shares_core.domain.names import key_of
from shares_core.domain.server import ShareServer
from shares_core.domain.sessions import ClosedSessions, OpenFile, SmbSession
from shares_core.ports import Ports

_WHOSE = "give one of user, address and id"


@frozen
class Sessions:
    """The use cases about sessions. Every one may raise NotFound, InvalidInput and BackendFailure.

    They wait for nobody, and a server that does not run has none. What they return is what the server's Samba
    says: on a compromised server it may be a lie.
    """

    _ports: Ports
    _leases: Leases

    def list(self, server: str, share: str | None = None) -> tuple[SmbSession, ...]:
        """The sessions by user, of the whole server or those that use a share."""
        found, name = self._named(server, share)
        return tuple(each for each in self._connected(found) if name is None or name in each.shares)

    def files(self, server: str, share: str | None = None) -> tuple[OpenFile, ...]:
        """The open files and folders by share and path, of the whole server or of a share."""
        found, name = self._named(server, share)
        files = self._ports.smb_sessions.files(found)
        return tuple(
            sorted(
                (each for each in files if name in (None, each.share)),
                key=lambda each: (key_of(each.share), each.path, each.since, each.connection),
            )
        )

    def _connected(self, server: ShareServer) -> tuple[SmbSession, ...]:
        sessions = self._ports.smb_sessions.sessions(server)
        return tuple(sorted(sessions, key=lambda each: (key_of(each.user), each.since, each.id)))

    def _named(self, server: str, share: str | None) -> tuple[ShareServer, str | None]:
        """The server, and the share's name as its record has it."""
        found = self._leases.find(server)
        return found, str(found.export(share).name) if share is not None else None

    def close(
        self, server: str, *, user: str | None = None, address: str | None = None, id: str | None = None
    ) -> ClosedSessions:
        """End the connections with a user's sessions, with those from an address, or with one session.

        Others on the same connection, who are named, end too. The rules stay: clients may come back, and most
        do by themselves, to what they had open if it was durable; ``access.deny`` keeps them out. Closes
        nothing if there is no such session.
        """
        found = self._leases.find(server)
        if sum(each is not None for each in (user, address, id)) != 1:
            raise InvalidInput("say whose sessions to close", hint=_WHOSE)
        name = str(found.account(user).name) if user is not None else None
        client = _address(address) if address is not None else None
        there = self._connected(found)
        closed = tuple(s for s in there if s.user == name or s.address == client or s.id == id)
        connections = {session.connection for session in closed}
        if connections:
            self._ports.smb_sessions.end_connections(found, tuple(sorted(connections)))
        alongside = (session for session in there if session.connection in connections)
        return ClosedSessions(closed, tuple(session for session in alongside if session not in closed))


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise InvalidInput(f"{text!a} is not an address", hint="give a client's, like 10.254.0.9") from None
