"""Creating a server."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from shares_core.app.lifecycle.server import bring_up
from shares_core.app.operations.delete_server import DeleteServer, remove_server
from shares_core.app.operations.work import ServerWork
from shares_core.domain.operation import ServerOperation


@frozen(kw_only=True)
class CreateServer(ServerOperation):
    """Undone: recovery removes whatever exists of the server, and its record."""

    kind: ClassVar[str] = "server.create"

    def run(self, work: ServerWork) -> None:
        work.finish(bring_up(work.ports, work.server))

    def recover(self, work: ServerWork) -> None:
        # First record that the server goes, so that others that go at the same time know it. The last save
        # may have taken effect although it failed.
        work.journal(DeleteServer(id=self.id, since=self.since))
        remove_server(work)
