"""Restricting access: rules that let users do less."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from shares_core.app.lifecycle.publish import publish
from shares_core.app.operations.work import ServerWork
from shares_core.domain.names import UserName
from shares_core.domain.operation import ServerOperation
from shares_core.domain.server import ShareServer
from shares_core.ports import Ports


@frozen(kw_only=True)
class RestrictAccess(ServerOperation):
    """Only goes forward: the record already holds the new rules, and ``users`` lose their connections."""

    kind: ClassVar[str] = "access.restrict"
    forward_only: ClassVar[bool] = True

    export_id: str
    users: tuple[UserName, ...]

    def run(self, work: ServerWork) -> None:
        revoke(work.ports, work.server, self.export_id, self.users)
        work.finish(work.server)

    def recover(self, work: ServerWork) -> None:
        self.run(work)


def revoke(ports: Ports, server: ShareServer, export_id: str, users: tuple[UserName, ...]) -> None:
    """Enforce the recorded, more restrictive rules, also on those who are connected."""
    publish(ports, server)
    export = server.export_by_id(export_id)
    if export is not None and users:
        ports.smb_sessions.close_user(server, export.name, users)
