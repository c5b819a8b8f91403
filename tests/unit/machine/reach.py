"""What clients can do with a machine at one moment, and the most that the model allows."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen
from tests.unit.machine.model import RANK, UNTOLD, Model

from shares_core.domain.server import ShareServer
from shares_core.testing import MemoryHost
from shares_core.testing.hashes import digest

#: (server, share, user)
Grant = tuple[str, str, str]
#: (server, user)
Login = tuple[str, str]


def server_name(machine: MemoryHost, server_id: str) -> str:
    """The server's name, or its id if no record has it."""
    record = machine.records.get(server_id)
    return str(record.name) if isinstance(record, ShareServer) else server_id


@frozen
class Reach:
    """``rules`` are the ranks of what everybody can do with new connections, open ones and open files.

    ``logins`` are the hashes of the passwords that work.
    """

    rules: dict[Grant, int]
    logins: dict[Login, str]

    @classmethod
    def of(cls, machine: MemoryHost) -> Reach:
        rules: dict[Grant, int] = {}
        logins: dict[Login, str] = {}
        for server_id, container in machine.containers.items():
            if not container.running:
                continue
            name = server_name(machine, server_id)
            for (share, user), level in machine.admitted(server_id).items():
                rules[name, share, user] = RANK[level]
            for account, known in machine.folders[server_id].accounts.items():
                if known is not None:
                    logins[name, str(account)] = known.nt
        for session in machine.sessions:
            name = server_name(machine, session.server_id)
            for served in session.taken:
                rank = RANK[served.level(session.user)]
                if rank and machine.served_filesystem(session.server_id, served) is not None:
                    key = (name, str(served.name), session.user)
                    rules[key] = max(rank, rules.get(key, 0))
            for opened in session.files:
                key = (name, str(opened.share.name), session.user)
                rules[key] = max(1 + opened.writable, rules.get(key, 0))
        return cls(rules, logins)


@frozen
class Ceiling:
    """The most that any of several models allows."""

    rules: dict[Grant, int]
    logins: dict[Login, frozenset[str]]

    @classmethod
    def over(cls, models: Iterable[Model]) -> Ceiling:
        rules: dict[Grant, int] = {}
        logins: dict[Login, frozenset[str]] = {}
        for model in models:
            for grant, level in model.rules().items():
                rules[grant] = max(RANK[level], rules.get(grant, 0))
            for name, server in model.servers.items():
                for user, password in server.passwords.items():
                    hashed = password if password == UNTOLD else digest(password)
                    logins[name, user] = logins.get((name, user), frozenset()) | {hashed}
        return cls(rules, logins)

    def excess(self, reach: Reach) -> list[Grant | Login]:
        """Who can do more than this."""
        more: list[Grant | Login] = [g for g, rank in reach.rules.items() if rank > self.rules.get(g, 0)]
        for login, hashed in reach.logins.items():
            if self.logins.get(login, frozenset()).isdisjoint((hashed, UNTOLD)):
                more.append(login)
        return more
