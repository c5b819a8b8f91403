"""Changing what a server demands of its clients."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from shares_core.app.lifecycle.container import replace_container
from shares_core.app.lifecycle.publish import publish
from shares_core.app.operations.work import ServerWork
from shares_core.domain.operation import ServerOperation
from shares_core.domain.server import DesiredState


@frozen(kw_only=True)
class SetProtection(ServerOperation):
    """Only goes forward: enforces the recorded protection.

    It ``restarts`` a running server that demands more now, in a new container: a connection keeps the
    protocol that was agreed on when it began, and nobody says which that was.
    """

    kind: ClassVar[str] = "server.set"
    forward_only: ClassVar[bool] = True

    restarts: bool

    def run(self, work: ServerWork) -> None:
        ports, server = work.ports, work.server
        publish(ports, server)
        if self.restarts and server.desired is DesiredState.RUNNING:
            replace_container(ports, server)
        work.finish(server)

    def recover(self, work: ServerWork) -> None:
        self.run(work)
