"""Every change of the catalogue: how to call it here, and what it means in the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import frozen
from hypothesis import strategies as st
from tests.catalogue import Call, call, operation_id, server_id
from tests.unit.machine.model import DEFAULT_HOME, UNTOLD, Model, Refused, Rules, Stage
from tests.unit.world import RO, RW, on

from shares_core.domain.access import AccessLevel, AccessRule
from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.errors import NotFound
from shares_core.domain.names import UserName
from shares_core.domain.network import InterfaceSpec
from shares_core.domain.options import ShareOptions
from shares_core.domain.presets import share_preset
from shares_core.domain.protection import Dialect, Encryption
from shares_core.domain.schedules import Schedule
from shares_core.domain.secret import Secret
from shares_core.domain.snapshot_views import ScheduledView
from shares_core.domain.snapshots import SnapshotSource
from shares_core.domain.views import AccessView, PasswordView

HOMES: Mapping[str, tuple[InterfaceSpec, ...]] = {
    DEFAULT_HOME: (InterfaceSpec(),),
    **{home: on(*home.split()) for home in ("br-a 10.0.0.5/24", "br-a 10.0.0.6/24", "br-b 10.0.0.5/24")},
}

#: What the model does, given the use case's answer (None while that is not known).
Meaning = Callable[[Model, Any], Iterator[Stage]]


@frozen(repr=False)
class Operation:
    """One call of a use case.

    ``server`` is the one that it works on, "" for all. ``repeats`` means that doing it twice equals once,
    unless each call generates a password; ``brings``, that it brings servers up or down; ``upgrades``, that
    it gives servers the current image; ``replaces``, that it may give a server another container;
    ``cancels``, that it ends an operation that was interrupted, or that another caller is at work on.
    ``share`` and ``users`` are whose open files it may close; None is everybody's; with ``exports`` also
    those of the share's snapshots. ``slot`` means that it
    holds its share for long, ``pauses``, that it closes the share for everybody where its pool copies while
    clients can only read. ``calls`` is its approximate number of port calls, so that faults strike.
    """

    work: Call
    server: str
    meaning: Meaning
    share: str | None = None
    users: frozenset[str] | None = None
    repeats: bool = True
    brings: bool = False
    upgrades: bool = False
    replaces: bool = False
    cancels: bool = False
    slot: bool = False
    pauses: bool = False
    exports: bool = False
    calls: int = 9

    def __repr__(self) -> str:
        return str(self.work)

    def may_disturb(self, server: str, share: str, user: str) -> bool:
        """Whether it may close a client's open file."""
        return (
            self.server in ("", server)
            and self.share in (None, share, *((share.partition("@")[0],) if self.exports else ()))
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
        call("servers.create", name, HOMES[home]),
        name,
        lambda model, _: model.create_server(name, home),
        users=frozenset(),
        calls=17,
    )


def set_protection(name: str, encryption: Encryption, min_protocol: Dialect) -> Operation:
    return Operation(
        call("servers.set", name, encryption=encryption, min_protocol=min_protocol),
        name,
        lambda model, _: model.set_protection(name, encryption, min_protocol),
        replaces=True,
        calls=9,
    )


def start(name: str) -> Operation:
    return Operation(
        call("servers.start", name),
        name,
        lambda model, _: model.want(name, running=True),
        users=frozenset(),
        brings=True,
        calls=17,
    )


def stop(name: str) -> Operation:
    return Operation(
        call("servers.stop", name),
        name,
        lambda model, _: model.want(name, running=False),
        brings=True,
        calls=10,
    )


def delete_server(name: str, *, with_shares: bool = True) -> Operation:
    return Operation(
        call("servers.delete", name, with_shares=with_shares),
        name,
        lambda model, _: model.delete_server(name, with_shares=with_shares),
        calls=16,
    )


def upgrade(name: str) -> Operation:
    return Operation(
        call("servers.upgrade", name),
        name,
        lambda model, _: model.look_at(name),
        users=frozenset(),
        upgrades=True,
        calls=14,
    )


def reconcile() -> Operation:
    return Operation(
        call("fleet.reconcile"),
        "",
        lambda model, _: iter(()),
        users=frozenset(),
        brings=True,
        upgrades=True,
        calls=24,
    )


def repair(name: str) -> Operation:
    return Operation(
        call("fleet.repair", server_id(name)),
        name,
        lambda model, _: model.look_at(name),
        users=frozenset(),
        brings=True,
        calls=24,
    )


def cancel(name: str, share: str) -> Operation:
    """Cancel whatever is under way on the share: it may have done nothing, and undoing restores what was."""

    def meaning(model: Model, answer: object) -> Iterator[Stage]:
        if answer is None:
            raise Refused(NotFound)
        return iter(())

    return Operation(
        call("operations.cancel", operation_id(name, share)),
        name,
        meaning,
        share,
        cancels=True,
        slot=True,
        calls=12,
    )


# -- shares


def create_share(name: str, share: str, size: int) -> Operation:
    return Operation(
        call("shares.create", name, share, Capacity(size)),
        name,
        lambda model, _: model.create_share(name, share, size),
        share,
        users=frozenset(),
        slot=True,
        calls=16,
    )


def extend_share(name: str, share: str, size: int) -> Operation:
    return Operation(
        call("shares.extend", name, share, Capacity(size)),
        name,
        lambda model, _: model.extend_share(name, share, size),
        share,
        slot=True,
        calls=17,
    )


def shrink_share(name: str, share: str, size: int) -> Operation:
    return Operation(
        call("shares.shrink", name, share, Capacity(size), copy=True),
        name,
        lambda model, _: model.shrink_share(name, share, size),
        share,
        slot=True,
        calls=20,
    )


def set_options(name: str, share: str, options: ShareOptions) -> Operation:
    return Operation(
        call("shares.set", name, share, options),
        name,
        lambda model, _: model.set_options(name, share, options),
        share,
        calls=8,
    )


def rename_share(name: str, share: str, new: str) -> Operation:
    return Operation(
        call("shares.rename", name, share, new),
        name,
        lambda model, _: model.rename_share(name, share, new),
        share,
        repeats=False,
        exports=True,
        calls=8,
    )


def check_share(name: str, share: str) -> Operation:
    return Operation(
        call("shares.check", name, share),
        name,
        lambda model, _: model.check_share(name, share),
        share,
        slot=True,
        calls=18,
    )


def clone_share(name: str, share: str, source: tuple[str, str, str]) -> Operation:
    return Operation(
        call("shares.clone", name, share, SnapshotSource.parse("{}/{}@{}".format(*source)), copy=True),
        name,
        lambda model, _: model.clone_share(name, share, source),
        share,
        users=frozenset(),
        slot=True,
        calls=18,
    )


def delete_share(name: str, share: str) -> Operation:
    return Operation(
        call("shares.delete", name, share, with_snapshots=True),
        name,
        lambda model, _: model.delete_share(name, share),
        share,
        slot=True,
        exports=True,
        calls=9,
    )


# -- snapshots


def create_snapshot(name: str, share: str, snapshot: str) -> Operation:
    return Operation(
        call("snapshots.create", name, share, snapshot, copy=True),
        name,
        lambda model, _: model.create_snapshot(name, share, snapshot),
        share,
        users=frozenset(),
        repeats=False,
        slot=True,
        pauses=True,
        calls=14,
    )


def delete_snapshot(name: str, share: str, snapshot: str) -> Operation:
    return Operation(
        call("snapshots.delete", name, share, snapshot),
        name,
        lambda model, _: model.delete_snapshot(name, share, snapshot),
        share,
        users=frozenset(),
        repeats=False,
        slot=True,
        calls=12,
    )


def export_snapshot(name: str, share: str, snapshot: str) -> Operation:
    return Operation(
        call("snapshots.export", name, share, snapshot),
        name,
        lambda model, _: model.export_snapshot(name, share, snapshot),
        users=frozenset(),
    )


def unexport_snapshot(name: str, share: str, snapshot: str) -> Operation:
    return Operation(
        call("snapshots.unexport", name, share, snapshot),
        name,
        lambda model, _: model.unexport_snapshot(name, share, snapshot),
        f"{share}@{snapshot}",
    )


def extend_pool(size: int) -> Operation:
    return Operation(
        call("pool.extend", "default", Capacity(size)),
        "",
        lambda model, _: model.extend_pool(size),
        users=frozenset(),
        calls=2,
    )


def set_schedule(name: str, share: str) -> Operation:
    return Operation(
        call("schedules.set", name, share, _SCHEDULE),
        name,
        lambda model, _: model.set_schedule(name, share, _SCHEDULE),
        share,
        users=frozenset(),
    )


def clear_schedule(name: str, share: str) -> Operation:
    return Operation(
        call("schedules.clear", name, share),
        name,
        lambda model, _: model.set_schedule(name, share, None),
        share,
        users=frozenset(),
    )


def run_schedules() -> Operation:
    def meaning(model: Model, answer: tuple[ScheduledView, ...] | None) -> Iterator[Stage]:
        taken = None if answer is None else {(view.server, view.share) for view in answer if view.taken}
        return model.run_schedules(taken)

    return Operation(
        call("schedules.run"),
        "",
        meaning,
        users=frozenset(),
        slot=True,
        calls=18,
    )


def revert(name: str, share: str, snapshot: str) -> Operation:
    return Operation(
        call("snapshots.revert", name, share, snapshot, older=True, copy=True),
        name,
        lambda model, _: model.revert(name, share, snapshot),
        share,
        repeats=False,
        slot=True,
        calls=18,
    )


# -- access and users


def allow(name: str, share: str, user: str, level: AccessLevel, password: str | None) -> Operation:
    return Operation(
        call("access.allow", name, share, user, level, _secret(password)),
        name,
        lambda model, answer: model.allow(name, share, user, level, password, _told(answer)),
        share if password is None else None,
        frozenset({user}),
        calls=10,
    )


def deny(name: str, share: str, user: str) -> Operation:
    return Operation(
        call("access.deny", name, share, user),
        name,
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

    return Operation(
        call("access.replace", name, share, given, secrets),
        name,
        meaning,
        share,
        calls=14,
    )


def set_password(name: str, user: str, password: str | None) -> Operation:
    return Operation(
        call("users.set_password", name, user, _secret(password)),
        name,
        lambda model, answer: model.set_password(name, user, password or _told(answer)),
        users=frozenset({user}),
        repeats=password is not None,
    )


def remove_user(name: str, user: str) -> Operation:
    return Operation(
        call("users.remove", name, user),
        name,
        lambda model, _: model.remove_user(name, user),
        users=frozenset({user}),
    )


# -- all of them

_SHARES = st.sampled_from(["x", "x", "y"])
_EXPORTS = st.sampled_from(["x", "x", "y", "x@s"])
_SCHEDULE = Schedule(hourly=3)
_SNAPSHOTS = st.sampled_from(["s", "s", "t"])
_USERS = st.sampled_from(["ada", "ada", "bob"])
_HOMES = st.sampled_from(sorted(HOMES, reverse=True))
_LEVELS = st.sampled_from([RW, RO])
_OPTIONS = st.sampled_from([share_preset("default"), share_preset("archive")])
_RULES = st.dictionaries(_USERS, _LEVELS, max_size=2)


def drawn(
    servers: st.SearchStrategy[str],
    sizes: st.SearchStrategy[int],
    passwords: st.SearchStrategy[str | None],
    *,
    new: st.SearchStrategy[str] | None = None,
) -> dict[str, st.SearchStrategy[Operation]]:
    """Every change of the catalogue, by its path. ``new`` are the names for new servers."""
    there, build = (servers, _SHARES), st.builds
    return {
        "servers.create": build(create_server, servers if new is None else new, _HOMES),
        "servers.set": build(set_protection, servers, st.sampled_from(Encryption), st.sampled_from(Dialect)),
        "servers.start": build(start, servers),
        "servers.stop": build(stop, servers),
        "servers.upgrade": build(upgrade, servers),
        "servers.delete": build(delete_server, servers, with_shares=st.booleans()),
        "shares.create": build(create_share, *there, sizes),
        "shares.clone": build(clone_share, *there, st.tuples(servers, _SHARES, _SNAPSHOTS)),
        "shares.set": build(set_options, *there, _OPTIONS),
        "shares.rename": build(rename_share, *there, _SHARES),
        "shares.extend": build(extend_share, *there, sizes),
        "shares.shrink": build(shrink_share, *there, sizes),
        "shares.check": build(check_share, *there),
        "shares.delete": build(delete_share, *there),
        "snapshots.create": build(create_snapshot, *there, _SNAPSHOTS),
        "snapshots.delete": build(delete_snapshot, *there, _SNAPSHOTS),
        "snapshots.revert": build(revert, *there, _SNAPSHOTS),
        "snapshots.export": build(export_snapshot, *there, _SNAPSHOTS),
        "snapshots.unexport": build(unexport_snapshot, *there, _SNAPSHOTS),
        "pool.extend": build(extend_pool, st.sampled_from([72 * MIB, 160 * MIB])),
        # On one share, so that one whose snapshot fails does not stand between two others.
        "schedules.set": build(set_schedule, st.just("a"), st.just("x")),
        "schedules.clear": build(clear_schedule, *there),
        "schedules.run": build(run_schedules),
        "access.allow": build(allow, servers, _EXPORTS, _USERS, _LEVELS, passwords),
        "access.deny": build(deny, servers, _EXPORTS, _USERS),
        "access.replace": build(replace, servers, _EXPORTS, _RULES, st.just({"bob": "two"})),
        "users.set_password": build(set_password, servers, _USERS, passwords),
        "users.remove": build(remove_user, servers, _USERS),
        "operations.cancel": build(cancel, *there),
        "fleet.reconcile": build(reconcile),
        "fleet.repair": build(repair, servers),
    }
