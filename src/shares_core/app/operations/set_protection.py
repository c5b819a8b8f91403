"""Changing what a server demands of its clients."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from shares_core.app.lifecycle.audit import remove_container
from shares_core.app.lifecycle.container import run_container
from shares_core.app.lifecycle.publish import publish
from shares_core.app.operations.work import ServerWork
from shares_core.domain.operation import ServerOperation
from shares_core.domain.server import DesiredState


@frozen(kw_only=True)
class SetProtection(ServerOperation):
    """Only goes forward: enforces the recorded protection.

    It ``restarts`` a running server that demands more now, in another container of the same image: a
    connection keeps the protocol that it began with, and Samba does not say which that is. It is done when
    the former container has gone, with all connections.
    """

    kind: ClassVar[str] = "server.set"
    forward_only: ClassVar[bool] = True

    restarts: bool

    def run(self, work: ServerWork) -> None:
        ports, server = work.ports, work.server
        publish(ports, server)
        if not self.restarts:
            work.finish(server)
            return
        image = ports.runtime.inspect(server.id).image
        remove_container(ports, server)
        work.finish(server)
        # If this fails, the next reconcile brings the server up; nothing else has to wait for it.
        if server.desired is DesiredState.RUNNING:
            run_container(ports, server, image)

    def recover(self, work: ServerWork) -> None:
        self.run(work)
