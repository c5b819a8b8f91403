"""Every use case that changes something, and how to see that it did."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen
from tests.unit.world import LARGE, PASSWORD, RO, RW, SMALL, World, on

from shares_core.bootstrap import Host
from shares_core.domain.access import AccessLevel, AccessRule
from shares_core.domain.names import UserName
from shares_core.domain.secret import Secret
from shares_core.domain.server import ShareServer
from shares_core.domain.share import FileSystemKind
from shares_core.testing import SmbRefused

OTHER = Secret("battery staple")


@frozen
class UseCase:
    """``done`` tells whether what ``work`` promises is there; ``undone`` that a failure leaves nothing.

    ``given`` makes the world what the use case is for.
    """

    name: str
    work: Callable[[Host], object]
    done: Callable[[World], bool]
    undone: bool = False
    given: Callable[[World], None] = lambda world: None


def has(world: World, share: str, user: str) -> AccessLevel | None:
    return world.admitted().get((share, user))


def logs_in(world: World, user: str, password: Secret) -> bool:
    try:
        world.connect(user, password).end()
    except SmbRefused:
        return False
    return True


def exists(world: World, server: str) -> bool:
    return any(isinstance(r, ShareServer) and str(r.name) == server for r in world.machine.records.values())


def build_image(world: World) -> None:
    """Another image, which the neighbour has already."""
    world.machine.image = world.machine.containers[world.machine.server_id("neighbour")].image = "image-2"


REPLACEMENT = [AccessRule.for_user("ada", RO), AccessRule.for_user("carl", RW)]
USE_CASES = [
    UseCase(
        "create server",
        lambda h: h.servers.create("new", on("br-n", "10.9.0.5/24")),
        lambda w: exists(w, "new") and bool(w.machine.links),
        undone=True,
    ),
    UseCase(
        "create share",
        lambda h: h.shares.create("tenant", "new", SMALL, FileSystemKind.EXT4),
        lambda w: w.record("tenant").find_share("new") is not None,
        undone=True,
    ),
    UseCase(
        "allow a new user",
        lambda h: h.access.allow("tenant", "files", "carl", RW, PASSWORD),
        lambda w: has(w, "files", "carl") is RW and logs_in(w, "carl", PASSWORD),
        undone=True,
    ),
    UseCase(
        "raise a level",
        lambda h: h.access.allow("tenant", "files", "bob", RW),
        lambda w: has(w, "files", "bob") is RW and logs_in(w, "bob", PASSWORD),
        undone=True,
    ),
    UseCase(
        "lower a level",
        lambda h: h.access.allow("tenant", "files", "ada", RO),
        lambda w: has(w, "files", "ada") is RO,
    ),
    UseCase(
        "deny", lambda h: h.access.deny("tenant", "files", "ada"), lambda w: has(w, "files", "ada") is None
    ),
    UseCase(
        "replace",
        lambda h: h.access.replace("tenant", "files", REPLACEMENT, {UserName("carl"): PASSWORD}),
        lambda w: w.admitted() == {("files", "ada"): RO, ("files", "carl"): RW},
    ),
    UseCase(
        "set a password",
        lambda h: h.users.set_password("tenant", "ada", OTHER),
        lambda w: logs_in(w, "ada", OTHER) and not logs_in(w, "ada", PASSWORD),
    ),
    UseCase(
        "remove a user",
        lambda h: h.users.remove("tenant", "ada"),
        lambda w: has(w, "files", "ada") is None and not logs_in(w, "ada", PASSWORD),
    ),
    UseCase(
        "extend",
        lambda h: h.shares.extend("tenant", "files", LARGE),
        lambda w: w.share("tenant", "files").capacity == LARGE,
    ),
    UseCase(
        "delete share",
        lambda h: h.shares.delete("tenant", "files"),
        lambda w: w.record("tenant").find_share("files") is None,
    ),
    UseCase("stop", lambda h: h.servers.stop("tenant"), lambda w: w.admitted() == {}),
    UseCase("start", lambda h: h.servers.start("tenant"), lambda w: w.admitted() != {}),
    UseCase("reconcile", lambda h: h.fleet.reconcile(), lambda w: w.admitted() != {}),
    UseCase(
        "check",
        lambda h: h.shares.check("tenant", "files"),
        lambda w: w.admitted() != {},
    ),
    UseCase(
        "upgrade",
        lambda h: h.servers.upgrade("tenant"),
        lambda w: w.machine.containers[w.machine.server_id("tenant")].image == "image-2",
        given=build_image,
    ),
    UseCase(
        "delete server",
        lambda h: h.servers.delete("tenant", with_shares=True),
        lambda w: not exists(w, "tenant"),
    ),
]
