"""The one catalogue of all changes, for every test that tries all of them.

Every public method of the use cases that changes something, by its path, with the operations that it begins.
The use cases' tests, the state machine, the interleaved callers, the kills and the campaign of callers call
through ``call``, and ``tests/unit/test_catalogue.py`` fails if one of them leaves a change out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from inspect import getmembers, isfunction
from operator import attrgetter
from typing import Any

from attrs import fields, frozen

from shares_core.bootstrap import Host
from shares_core.domain.secret import Secret

#: The names of public methods that only read.
LOOKERS = frozenset({"list", "show", "log", "files", "audit"})
#: What changes nothing that is recorded or on the host: it ends connections, which end at any time anyway.
PASSING = frozenset({"sessions.close"})

#: The operations that each change may begin, by their wire names, without those that it recovers.
CHANGES: Mapping[str, frozenset[str]] = {
    path: frozenset(kinds.split())
    for path, kinds in {
        "servers.create": "server.create",
        "servers.set": "server.set",
        "servers.start": "",
        "servers.stop": "",
        "servers.upgrade": "",
        "servers.delete": "server.delete",
        "shares.create": "share.create",
        "shares.clone": "share.create",
        "shares.set": "share.set",
        "shares.rename": "share.rename",
        "shares.extend": "share.extend",
        "shares.shrink": "share.shrink",
        "shares.check": "share.check",
        "shares.delete": "share.delete",
        "snapshots.create": "snapshot.create",
        "snapshots.delete": "snapshot.delete",
        "snapshots.revert": "share.revert",
        "snapshots.export": "",
        "snapshots.unexport": "snapshot.unexport",
        "pool.extend": "",
        "schedules.set": "",
        "schedules.clear": "",
        "schedules.run": "snapshot.create snapshot.delete",
        "access.allow": "access.grant access.restrict account.end_sessions",
        "access.deny": "access.restrict",
        "access.replace": "access.grant access.restrict",
        "users.set_password": "account.end_sessions",
        "users.remove": "account.end_sessions",
        "operations.cancel": "",
        "fleet.reconcile": "",
        "fleet.repair": "",
    }.items()
}


def changing_methods(host: Host) -> Iterator[str]:
    """The paths of all public methods in the code that do not only read."""
    for group in fields(type(host)):
        for name, _ in getmembers(type(getattr(host, group.name)), isfunction):
            path = f"{group.name}.{name}"
            if not name.startswith("_") and name not in LOOKERS and path not in PASSING:
                yield path


@frozen
class Found:
    """An argument that is looked up at the time of the call."""

    text: str
    find: Callable[[Host], object]

    def __str__(self) -> str:
        return self.text


@frozen
class Call:
    """One call of a change."""

    path: str
    args: tuple[object, ...] = ()
    kwargs: Mapping[str, object] = {}

    def __call__(self, host: Host) -> Any:
        args = [arg.find(host) if isinstance(arg, Found) else arg for arg in self.args]
        return attrgetter(self.path)(host)(*args, **self.kwargs)

    def __str__(self) -> str:
        given = [arg.reveal() if isinstance(arg, Secret) else str(arg) for arg in self.args]
        given += [f"{name}={value}" for name, value in self.kwargs.items()]
        return f"{self.path}({', '.join(given)})"


def call(path: str, *args: object, **kwargs: object) -> Call:
    """A call of the change at that path. Raises KeyError if the catalogue does not have it."""
    CHANGES[path]
    return Call(path, args, kwargs)


def server_id(name: str) -> Found:
    """The server's id at the time of the call, which raises NotFound if it does not exist."""
    return Found(f"id of {name}", lambda host: host.servers.show(name).server.id)


def operation_id(server: str, share: str) -> Found:
    """The id of the operation on that share; if there is none, an unused id."""

    def find(host: Host) -> str:
        found = (view.id for view in host.operations.list() if (view.server, view.share) == (server, share))
        return next(found, "0" * 12)

    return Found(f"operation on {server}/{share}", find)
