"""Finding servers by name, and holding one while working on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, frozen

from shares_core.app.serving import run_state
from shares_core.app.settling import settle
from shares_core.domain.errors import NotFound, RecordUnreadable, SharesError
from shares_core.domain.intent import Intent
from shares_core.domain.names import ServerName
from shares_core.domain.server import ShareServer
from shares_core.domain.views import RunState
from shares_core.ports import Ports


@define
class Held:
    """One server while its lock is held.

    ``server`` is what its record says now, ``found`` how its container was when the lock was taken, and
    ``settled`` what an earlier call had left open then.
    """

    ports: Ports
    server: ShareServer
    found: RunState
    settled: Intent | None = None

    def save(self, server: ShareServer) -> ShareServer:
        """Write the record, and go on from it."""
        self.ports.records.save(server)
        self.server = server
        return server


@frozen
class Registry:
    """The servers of this host, by name."""

    ports: Ports

    def find(self, name: str) -> ShareServer:
        """The server as recorded, without waiting for anybody.

        Raises InvalidInput, NotFound, or RecordUnreadable where the name may stand in such a record.
        """
        wanted = ServerName(name)
        found = self.ports.records.load_all()
        for server in found:
            if isinstance(server, ShareServer) and server.name.key == wanted.key:
                return server
        for error in found:
            if isinstance(error, RecordUnreadable):
                raise error
        raise NotFound("server", name, hint="'shares-core server list' lists those that are there")

    @contextmanager
    def hold(self, name: str, *, even_unsettled: bool = False) -> Iterator[Held]:
        """Hold the server's lock, with whatever an earlier crash left open settled.

        Raises as ``find`` does, Busy, and what settling raises: ``even_unsettled`` is for those who take the
        whole server down, which needs no settling and must always be possible.
        """
        with self.hold_id(self.find(name).id, name, even_unsettled=even_unsettled) as held:
            yield held

    @contextmanager
    def hold_id(self, server_id: str, name: str, *, even_unsettled: bool = False) -> Iterator[Held]:
        """The same for a server that was found before."""
        with self.ports.locks.server(server_id):
            found = self.ports.runtime.inspect(server_id)  # raises without Docker: nothing has changed yet
            recorded = self.ports.records.load(server_id)
            try:
                settled = settle(self.ports, recorded) if recorded is not None else None
            except SharesError:
                if not even_unsettled:
                    raise
                settled = recorded
            if settled is None or recorded is None:  # deleted while this caller waited
                self.ports.locks.forget(server_id)
                raise NotFound("server", name, hint="'shares-core server list' lists those that are there")
            yield Held(self.ports, settled, run_state(settled, found.state), recorded.intent)

    def others(self, server_id: str = "") -> tuple[ShareServer, ...]:
        """Every other server. Raises RecordUnreadable: what that one holds cannot be known to be free."""
        servers = []
        for record in self.ports.records.load_all():
            if isinstance(record, RecordUnreadable):
                raise record
            if record.id != server_id:
                servers.append(record)
        return tuple(servers)
