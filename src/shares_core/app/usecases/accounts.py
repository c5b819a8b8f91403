"""Users of a server: list, set a password, remove."""

from __future__ import annotations

from attrs import frozen

from shares_core.app.leases import Leases
from shares_core.app.operations.end_sessions import EndSessions
from shares_core.app.operations.perform import begun, perform
from shares_core.app.operations.work import ServerWork
from shares_core.domain.access import Principal, without_principal
from shares_core.domain.names import UserName
from shares_core.domain.secret import Secret, require_secret
from shares_core.domain.server import Account
from shares_core.domain.views import PasswordOutcome, PasswordView
from shares_core.ports import Ports


@frozen
class Users:
    """The use cases about accounts. Every one may raise NotFound, BackendFailure and Busy."""

    _ports: Ports
    _leases: Leases

    def list(self, server: str) -> tuple[Account, ...]:
        """List the server's accounts by name, also those without any rule. Raises InvalidInput."""
        return tuple(sorted(self._leases.find(server).accounts, key=lambda account: account.name.key))

    def set_password(self, server: str, user: str, password: Secret | None = None) -> PasswordView:
        """Set the user's password, or generate one that is returned only once; ends the user's sessions.

        It only goes forward: after an error, either password may be valid, until it is set again. Raises
        InvalidInput.
        """
        require_secret(password)
        with self._leases.server(server) as held:
            name = held.server.account(user).name
            if password is not None:
                change_password(held, name, password)
                return PasswordView(held.server, str(name), PasswordOutcome.SET)
            generated = self._ports.ids.new_password()
            change_password(held, name, generated)
            return PasswordView(held.server, str(name), PasswordOutcome.GENERATED, generated)

    def remove(self, server: str, user: str) -> None:
        """Remove the account with all its rules, and end its sessions. Raises InvalidInput.

        It only goes forward: after an error, the next call carries on.
        """
        with self._leases.server(server) as held:
            name = held.server.account(user).name
            without = held.server
            for export in held.server.exports_of(name):
                without = without.with_rules(export.id, without_principal(export.rules, Principal(name)))
            held.hashes = {}
            held.journal(EndSessions(**begun(self._ports), user=name), without.without_account(name))
            perform(held)


def change_password(held: ServerWork, name: UserName, password: Secret) -> None:
    """Give an existing account another password, and end its sessions."""
    ports = held.ports
    held.hashes = {name: ports.secrets.digest(password, ports.clock.now())}
    held.journal(EndSessions(**begun(ports), user=name))
    perform(held)
