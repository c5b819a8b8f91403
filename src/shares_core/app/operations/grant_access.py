"""Granting access: rules that let users do more."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from shares_core.app.lifecycle.publish import publish
from shares_core.app.operations.restrict_access import revoke
from shares_core.app.operations.work import ServerWork
from shares_core.domain.access import AccessRule, restricted
from shares_core.domain.names import UserName
from shares_core.domain.operation import ServerOperation
from shares_core.domain.server import ShareServer


@frozen(kw_only=True)
class GrantAccess(ServerOperation):
    """Undone: the record still holds the former rules, without the ``accounts`` made for the new ones."""

    kind: ClassVar[str] = "access.grant"

    export_id: str
    rules: tuple[AccessRule, ...]
    accounts: tuple[UserName, ...] = ()

    def run(self, work: ServerWork) -> None:
        server = self._granted(work.server)
        work.ports.secrets.put(server.id, work.hashes)
        publish(work.ports, server)
        work.finish(server)

    def _granted(self, server: ShareServer) -> ShareServer:
        server = server.with_rules(self.export_id, self.rules)
        for name in self.accounts:
            server = server.with_account(name)
        return server

    def recover(self, work: ServerWork) -> None:
        """Go back to the recorded rules, also for those who connected under the new ones."""
        ports = work.ports
        # The last save may have taken effect although it failed.
        server = work.save(work.server)
        export = server.export_by_id(self.export_id)
        if export is not None:
            came_in = tuple(principal.name for principal in restricted(self.rules, export.rules))
            revoke(ports, server, export.id, came_in)
            # A connection would outlive its account, and serve the next account of that name.
            for name in self.accounts:
                ports.smb_sessions.end_user(server, name)
            ports.secrets.remove(server.id, self.accounts)
        work.finish(server)
