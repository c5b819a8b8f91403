"""Ending a user's sessions, after a new password or the removal of an account."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from shares_core.app.lifecycle.publish import publish
from shares_core.app.operations.work import ServerWork
from shares_core.domain.names import UserName
from shares_core.domain.operation import ServerOperation


@frozen(kw_only=True)
class EndSessions(ServerOperation):
    """Only goes forward: enforces the account's recorded password, or its removal."""

    kind: ClassVar[str] = "account.end_sessions"
    forward_only: ClassVar[bool] = True

    user: UserName

    def run(self, work: ServerWork) -> None:
        ports, server = work.ports, work.server
        ports.secrets.put(server.id, work.hashes)
        if server.find_account(self.user) is None:
            ports.secrets.remove(server.id, (self.user,))
        publish(ports, server)
        ports.smb_sessions.end_user(server, self.user)
        work.finish(server)

    def recover(self, work: ServerWork) -> None:
        self.run(work)
