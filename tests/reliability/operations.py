"""What is killed at every step: each operation with what it works on, and whether it was done."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import docker
from attrs import frozen

from shares_core import AccessLevel, AccessRule, Capacity, FileSystemKind, Host, NotFound, Secret
from shares_core.domain.capacity import MIB
from shares_core.domain.views import RunState

SERVER, KEPT, NEW = "kills", "kept", "new"
SMALL, LARGE = Capacity(32 * MIB), Capacity(48 * MIB)
#: Those who were granted something at the start. Bob may read, and nobody else but Ada may do anything.
ADA, BOB, CARL = "ada", "bob", "carl"
PASSWORD = Secret("kept by the test alone")


@frozen
class Operation:
    """``ready`` makes what it works on, ``done`` tells whether it was done.

    Where it ``narrows`` what Ada may do, that counts for what she had open before, too.
    """

    name: str
    work: Callable[[Host], object]
    ready: Callable[[Host], object]
    done: Callable[[Host], bool]
    narrows: bool = False


def level(host: Host, user: str) -> AccessLevel | None:
    rules = host.access.list(SERVER, KEPT)
    return next((rule.level for rule in rules if str(rule.principal.name) == user), None)


def has_share(host: Host, name: str = NEW) -> bool:
    return name in [str(view.share.name) for view in host.shares.list(SERVER)]


def without_share(host: Host) -> None:
    if has_share(host):
        host.shares.delete(SERVER, NEW)


def fresh_share(host: Host, kind: FileSystemKind = FileSystemKind.EXT4) -> None:
    without_share(host)
    size = max(SMALL, kind.smallest, key=lambda capacity: capacity.bytes)
    host.shares.create(SERVER, NEW, size, kind)
    host.access.allow(SERVER, NEW, ADA)


def capacity(host: Host) -> Capacity:
    return host.shares.show(SERVER, NEW).share.capacity


def has_carl(host: Host) -> bool:
    return CARL in [str(account.name) for account in host.users.list(SERVER)]


def without_carl(host: Host) -> None:
    if has_carl(host):
        host.users.remove(SERVER, CARL)


def without_server(host: Host) -> None:
    try:
        host.servers.delete("another", with_shares=True)
    except NotFound:
        return


def has_server(host: Host) -> bool:
    return "another" in [str(view.server.name) for view in host.servers.list() if hasattr(view, "server")]


_XFS_LARGE = Capacity(FileSystemKind.XFS.smallest.bytes + 16 * MIB)

#: What Manila asks for.
OPERATIONS = (
    Operation("create server", lambda h: h.servers.create("another"), without_server, has_server),
    Operation(
        "delete server",
        lambda h: h.servers.delete("another", with_shares=True),
        lambda h: (h.servers.create("another"), h.shares.create("another", "files", SMALL)),
        lambda h: not has_server(h),
    ),
    Operation("create share", lambda h: h.shares.create(SERVER, NEW, SMALL), without_share, has_share),
    Operation(
        "delete share", lambda h: h.shares.delete(SERVER, NEW), fresh_share, lambda h: not has_share(h)
    ),
    Operation(
        "extend ext4",
        lambda h: h.shares.extend(SERVER, NEW, LARGE),
        fresh_share,
        lambda h: capacity(h) == LARGE,
    ),
    Operation(
        "extend xfs",
        lambda h: h.shares.extend(SERVER, NEW, _XFS_LARGE),
        lambda h: fresh_share(h, FileSystemKind.XFS),
        lambda h: capacity(h) == _XFS_LARGE,
    ),
    Operation(
        "allow a new user",
        lambda h: h.access.allow(SERVER, KEPT, CARL, AccessLevel.READ_ONLY, PASSWORD),
        without_carl,
        lambda h: level(h, CARL) is not None,
    ),
    Operation(
        "lower a level",
        lambda h: h.access.allow(SERVER, KEPT, ADA, AccessLevel.READ_ONLY),
        lambda h: h.access.allow(SERVER, KEPT, ADA, AccessLevel.READ_WRITE),
        lambda h: level(h, ADA) is AccessLevel.READ_ONLY,
        narrows=True,
    ),
    Operation(
        "raise a level",
        lambda h: h.access.allow(SERVER, KEPT, ADA, AccessLevel.READ_WRITE),
        lambda h: h.access.allow(SERVER, KEPT, ADA, AccessLevel.READ_ONLY),
        lambda h: level(h, ADA) is AccessLevel.READ_WRITE,
    ),
    Operation(
        "deny",
        lambda h: h.access.deny(SERVER, KEPT, ADA),
        lambda h: h.access.allow(SERVER, KEPT, ADA, AccessLevel.READ_WRITE),
        lambda h: level(h, ADA) is None,
        narrows=True,
    ),
)


def start_another(host: Host) -> None:
    without_server(host)
    host.servers.create("another")
    host.shares.create("another", "files", SMALL)


def stop_another(host: Host) -> None:
    start_another(host)
    host.servers.stop("another")


def state(host: Host) -> RunState:
    return host.servers.show("another").state


def let_carl_in(host: Host) -> None:
    host.access.allow(SERVER, KEPT, CARL, AccessLevel.READ_ONLY, PASSWORD)


def let_ada_write_without_carl(host: Host) -> None:
    host.access.allow(SERVER, KEPT, ADA, AccessLevel.READ_WRITE)
    without_carl(host)


def end_container(host: Host) -> None:
    with closing(docker.from_env()) as client:
        client.api.remove_container(f"shares-{host.servers.show(SERVER).server.id}", force=True)


def always(host: Host) -> bool:
    return True


#: What people and the service do beside what Manila asks for.
FURTHER = (
    Operation(
        "stop", lambda h: h.servers.stop("another"), start_another, lambda h: state(h) is RunState.STOPPED
    ),
    Operation(
        "start", lambda h: h.servers.start("another"), stop_another, lambda h: state(h) is RunState.RUNNING
    ),
    Operation(
        "remove a user",
        lambda h: h.users.remove(SERVER, CARL),
        let_carl_in,
        lambda h: not has_carl(h),
    ),
    Operation(
        "set a password",
        lambda h: h.users.set_password(SERVER, ADA, PASSWORD),
        lambda h: None,
        always,
    ),
    Operation("check", lambda h: h.shares.check(SERVER, KEPT), lambda h: None, always),
    Operation("reconcile", lambda h: h.fleet.reconcile(), end_container, always),
    Operation(
        "replace the rules",
        lambda h: h.access.replace(
            SERVER,
            KEPT,
            [AccessRule.for_user(BOB, "ro"), AccessRule.for_user(CARL, "ro")],
            passwords={CARL: PASSWORD},
        ),
        let_ada_write_without_carl,
        lambda h: level(h, ADA) is None,  # what is taken away goes first, and what is given may be undone
        narrows=True,
    ),
)
