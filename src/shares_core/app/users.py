"""Users of a server: list, set a password, remove."""

from __future__ import annotations

from attrs import frozen

from shares_core.app.registry import Held, Registry
from shares_core.app.settling import end_sessions
from shares_core.domain.access import Principal, without_principal
from shares_core.domain.intent import EndSessions
from shares_core.domain.names import UserName
from shares_core.domain.secret import Secret, require_secret
from shares_core.domain.server import Account
from shares_core.domain.views import PasswordOutcome, PasswordView
from shares_core.ports import Ports


@frozen
class Users:
    """The use cases about accounts. Every one may raise NotFound, BackendFailure and Busy."""

    _ports: Ports
    _registry: Registry

    def list(self, server: str) -> tuple[Account, ...]:
        """The server's accounts, by name: those without any rule too. Raises InvalidInput."""
        return tuple(sorted(self._registry.find(server).accounts, key=lambda account: account.name.key))

    def set_password(self, server: str, user: str, password: Secret | None = None) -> PasswordView:
        """Set the user's password, or generate one that is returned this once; ends the user's sessions.

        It only goes forward: after an error, either password may count, until it is set again. Raises
        InvalidInput.
        """
        require_secret(password)
        with self._registry.hold(server) as held:
            name = held.server.account(user).name
            if password is not None:
                change_password(held, name, password)
                return PasswordView(held.server, str(name), PasswordOutcome.SET)
            generated = self._ports.ids.new_password()
            change_password(held, name, generated)
            return PasswordView(held.server, str(name), PasswordOutcome.GENERATED, generated)

    def remove(self, server: str, user: str) -> None:
        """Remove the account with all its rules, and end its sessions. Raises InvalidInput.

        It only goes forward: after an error the next call carries on.
        """
        with self._registry.hold(server) as held:
            name = held.server.account(user).name
            without = held.server
            for share in without.shares_of(name):
                without = without.with_share(
                    share.with_rules(without_principal(share.rules, Principal(name)))
                )
            held.save(without.without_account(name).intending(EndSessions(name)))
            end_sessions(self._ports, held.server, name)
            held.save(held.server.intending(None))


def change_password(held: Held, name: UserName, password: Secret) -> None:
    """Give an account that exists another password, and end its sessions."""
    ports = held.ports
    held.save(held.server.intending(EndSessions(name)))
    ports.secrets.put(held.server.id, {name: ports.secrets.digest(password, ports.clock.now())})
    end_sessions(ports, held.server, name)
    held.save(held.server.intending(None))
