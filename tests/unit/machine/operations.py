"""Every use case that changes something: how it is called, and what it means in the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import field, frozen
from tests.unit.machine.model import DEFAULT_HOME, UNTOLD, Model, Rules, Stage
from tests.unit.world import on

from shares_core.bootstrap import Host
from shares_core.domain.access import AccessLevel, AccessRule
from shares_core.domain.capacity import Capacity
from shares_core.domain.names import UserName
from shares_core.domain.network import InterfaceSpec
from shares_core.domain.secret import Secret
from shares_core.domain.views import AccessView, PasswordView

HOMES: Mapping[str, tuple[InterfaceSpec, ...]] = {
    DEFAULT_HOME: (InterfaceSpec(),),
    **{home: on(*home.split()) for home in ("br-a 10.0.0.5/24", "br-a 10.0.0.6/24", "br-b 10.0.0.5/24")},
}

#: What the model does, given what the use case answered (None while that is not known).
Meaning = Callable[[Model, Any], Iterator[Stage]]


@frozen
class Operation:
    """One call of a use case.

    ``server`` is the one that it works on, "" for all. ``repeats`` says that doing it twice equals once, as
    it does unless each time makes up another password; ``brings``, that it brings servers up or down.
    ``share`` and ``users`` are whose open files it may close; None is everybody's. ``slot`` says that it
    holds its share for long. ``calls`` is about how many port calls it makes, so that faults are aimed where
    they strike.
    """

    text: str
    server: str
    work: Callable[[Host], Any] = field(repr=False)
    meaning: Meaning = field(repr=False)
    share: str | None = None
    users: frozenset[str] | None = None
    repeats: bool = True
    brings: bool = False
    slot: bool = False
    calls: int = 9

    def __str__(self) -> str:
        return self.text

    def may_disturb(self, server: str, share: str, user: str) -> bool:
        """Whether a client's open file may be closed by it."""
        return (
            self.server in ("", server)
            and self.share in (None, share)
            and (self.users is None or user in self.users)
        )

    def keeps_busy(self, other: Operation) -> bool:
        """Whether the other one may find a share that this one is at work on, or recovers."""
        return (self.slot or self.brings) and (not self.server or other.server in ("", self.server))


def _secret(password: str | None) -> Secret | None:
    return None if password is None else Secret(password)


def _told(answer: AccessView | PasswordView | None) -> str:
    return answer.password.reveal() if answer is not None and answer.password is not None else UNTOLD


# -- servers


def create_server(name: str, home: str) -> Operation:
    return Operation(
        f"create server {name} at {home}",
        name,
        lambda host: host.servers.create(name, HOMES[home]),
        lambda model, _: model.create_server(name, home),
        users=frozenset(),
        calls=17,
    )


def start(name: str) -> Operation:
    return Operation(
        f"start {name}",
        name,
        lambda host: host.servers.start(name),
        lambda model, _: model.want(name, running=True),
        users=frozenset(),
        brings=True,
        calls=17,
    )


def stop(name: str) -> Operation:
    return Operation(
        f"stop {name}",
        name,
        lambda host: host.servers.stop(name),
        lambda model, _: model.want(name, running=False),
        brings=True,
        calls=10,
    )


def delete_server(name: str, *, with_shares: bool = True) -> Operation:
    return Operation(
        f"delete server {name}" + " with its shares" * with_shares,
        name,
        lambda host: host.servers.delete(name, with_shares=with_shares),
        lambda model, _: model.delete_server(name, with_shares=with_shares),
        calls=16,
    )


def reconcile() -> Operation:
    return Operation(
        "reconcile",
        "",
        lambda host: host.fleet.reconcile().servers,
        lambda model, _: iter(()),
        users=frozenset(),
        brings=True,
        calls=24,
    )


# -- shares


def create_share(name: str, share: str, size: int) -> Operation:
    return Operation(
        f"create share {name}/{share} of {size}",
        name,
        lambda host: host.shares.create(name, share, Capacity(size)),
        lambda model, _: model.create_share(name, share, size),
        share,
        users=frozenset(),
        slot=True,
        calls=16,
    )


def extend_share(name: str, share: str, size: int) -> Operation:
    return Operation(
        f"extend {name}/{share} to {size}",
        name,
        lambda host: host.shares.extend(name, share, Capacity(size)),
        lambda model, _: model.extend_share(name, share, size),
        share,
        slot=True,
        calls=17,
    )


def check_share(name: str, share: str) -> Operation:
    return Operation(
        f"check {name}/{share}",
        name,
        lambda host: host.shares.check(name, share),
        lambda model, _: model.check_share(name, share),
        share,
        slot=True,
        calls=18,
    )


def delete_share(name: str, share: str) -> Operation:
    return Operation(
        f"delete share {name}/{share}",
        name,
        lambda host: host.shares.delete(name, share),
        lambda model, _: model.delete_share(name, share),
        share,
        slot=True,
        calls=9,
    )


# -- access and users


def allow(name: str, share: str, user: str, level: AccessLevel, password: str | None) -> Operation:
    return Operation(
        f"allow {user} {level} on {name}/{share}" + (f" with {password}" if password else ""),
        name,
        lambda host: host.access.allow(name, share, user, level, _secret(password)),
        lambda model, answer: model.allow(name, share, user, level, password, _told(answer)),
        share if password is None else None,
        frozenset({user}),
        calls=10,
    )


def deny(name: str, share: str, user: str) -> Operation:
    return Operation(
        f"deny {user} on {name}/{share}",
        name,
        lambda host: host.access.deny(name, share, user),
        lambda model, _: model.deny(name, share, user),
        share,
        frozenset({user}),
    )


def replace(name: str, share: str, rules: Rules, passwords: Mapping[str, str]) -> Operation:
    given = [AccessRule.for_user(user, level) for user, level in rules.items()]
    secrets = {UserName(user): Secret(password) for user, password in passwords.items()}

    def meaning(model: Model, answer: tuple[AccessView, ...] | None) -> Iterator[Stage]:
        told = {str(view.rule.principal.name): _told(view) for view in answer or ()}
        return model.replace(name, share, rules, passwords, told)

    shown = ", ".join(f"{user} {level}" for user, level in rules.items()) or "nobody"
    return Operation(
        f"replace the rules of {name}/{share}: {shown}",
        name,
        lambda host: host.access.replace(name, share, given, secrets),
        meaning,
        share,
        calls=14,
    )


def set_password(name: str, user: str, password: str | None) -> Operation:
    return Operation(
        f"set the password of {user} on {name}" + (f" to {password}" if password else ""),
        name,
        lambda host: host.users.set_password(name, user, _secret(password)),
        lambda model, answer: model.set_password(name, user, password or _told(answer)),
        users=frozenset({user}),
        repeats=password is not None,
    )


def remove_user(name: str, user: str) -> Operation:
    return Operation(
        f"remove user {user} of {name}",
        name,
        lambda host: host.users.remove(name, user),
        lambda model, _: model.remove_user(name, user),
        users=frozenset({user}),
    )
