"""What differs between a record and the host: every record with every possible observation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import pytest
from attrs import evolve, frozen
from tests.contracts.operations import share_operations
from tests.unit.adapters.values import INTERFACE, SERVER, SHARE

from shares_core.app.operations.end_sessions import EndSessions
from shares_core.app.operations.perform import Begun
from shares_core.app.reconcile.observe import Observation
from shares_core.app.reconcile.plan import plan
from shares_core.domain.drift import Drift, DriftKind
from shares_core.domain.names import UserName
from shares_core.domain.operation import ShareStatus
from shares_core.domain.server import DesiredState
from shares_core.domain.share import CifsShare, Failure
from shares_core.domain.views import RunState

# -- the table


@frozen
class Seen:
    """One thing as recorded and as observed, with its drifts if the server should run, and if not.

    ``record`` changes the server, ``seen`` the observation.
    """

    running: tuple[DriftKind, ...] = ()
    stopped: tuple[DriftKind, ...] = ()
    record: Mapping[str, Any] = {}
    seen: Mapping[str, Any] = {}


K = DriftKind
IDS = frozenset({SERVER.id})
OUTDATED, FOLDERS, CONFIGURATION = (K.CONTAINER_OUTDATED,), (K.FOLDERS_MISSING,), (K.CONFIGURATION_DIFFERS,)
MISSING, LEFT = (K.INTERFACE_MISSING,), (K.INTERFACE_LEFT,)
DEVICES, UNPLUGGED = frozenset({INTERFACE.host_device}), frozenset({INTERFACE})
INTERRUPTED, UP = (K.OPERATION_INTERRUPTED,), (K.CONTAINER_LEFT,)
DENYING = {"operation": EndSessions(**Begun(id="0badc0ffee00", since=1), user=UserName("ada"))}

CONTAINER = [
    Seen((K.CONTAINER_DOWN,)),
    Seen((K.CONTAINER_DOWN,), UP, seen={"states": {SERVER.id: RunState.STOPPED}}),
    Seen((K.CONTAINER_DOWN,), UP, seen={"states": {SERVER.id: RunState.UNKNOWN}}),
    Seen((), UP, seen={"states": {SERVER.id: RunState.RUNNING}}),
]
IMAGE = [Seen(), Seen(OUTDATED, seen={"outdated": IDS})]
FOLDER = [Seen(), Seen(FOLDERS, seen={"without_folders": IDS})]
SMB_CONF = [Seen(), Seen(CONFIGURATION, seen={"misconfigured": IDS})]
INTERFACES = [
    Seen(stopped=LEFT, seen={"devices": DEVICES}),
    Seen(MISSING, seen={"unplugged": UNPLUGGED}),
    Seen(MISSING, LEFT, seen={"devices": DEVICES, "unplugged": UNPLUGGED}),
]
OWN_OPERATION = [
    Seen(),
    Seen(INTERRUPTED, INTERRUPTED, record=DENYING),
    Seen(record=DENYING, seen={"held": IDS}),
]


def share_in(status: ShareStatus, failure: Failure | None = None) -> CifsShare:
    operations = (each for each in share_operations(SHARE.id) if each.status is status)
    return evolve(SHARE, operation=next(operations, None), failure=failure)


def of(share: CifsShare, running: Iterable[K] = (), stopped: Iterable[K] = (), **how: bool) -> Seen:
    """A share, perhaps in trouble, mounted although it should not be, or held by another caller."""
    seen: dict[str, Any] = {"held": frozenset({share.id})} if how.get("held") else {}
    seen |= {"left": frozenset({share.id})} if how.get("left") else {}
    seen |= {"troubles": {(SERVER.id, share.id): "is not mounted"}} if how.get("troubled") else {}
    return Seen(tuple(running), tuple(stopped), {"shares": (share,)}, seen)


S = ShareStatus
FORMER = evolve(share_in(S.READY), volume=evolve(SHARE.volume, executable=False))
GONE, DAMAGE = Failure.unavailable("gone"), Failure.damaged("damage")
SHARES = [
    Seen(),
    of(share_in(S.READY)),
    of(share_in(S.READY), [K.SHARE_TROUBLED], [], troubled=True),
    of(share_in(S.READY), [], [K.SHARE_LEFT], left=True),
    of(share_in(S.READY), [], [], troubled=True, left=True, held=True),
    of(share_in(S.FAILED, GONE), [K.SHARE_FAILED], [], troubled=True),
    of(share_in(S.FAILED, GONE), [K.SHARE_FAILED], [K.SHARE_LEFT], left=True),
    of(share_in(S.FAILED, GONE), [], [], left=True, held=True),
    of(share_in(S.FAILED, DAMAGE), [K.SHARE_DAMAGED], []),
    of(share_in(S.FAILED, DAMAGE), [K.SHARE_DAMAGED], [K.SHARE_LEFT], left=True, troubled=True),
    # An operation is recovered if nobody is at work on it, tried before or not.
    *(
        row
        for status in (S.CREATING, S.EXTENDING, S.CHECKING, S.DELETING)
        for failure in (None, GONE)
        for row in (
            of(share_in(status, failure), INTERRUPTED, INTERRUPTED, troubled=True),
            of(share_in(status, failure), INTERRUPTED, [*INTERRUPTED, K.SHARE_LEFT], left=True),
            of(share_in(status, failure), [], [], held=True, left=True, troubled=True),
        )
    ),
    # An extension waits until a person has decided about the damage, which a check does.
    of(share_in(S.EXTENDING, DAMAGE), [K.SHARE_DAMAGED], []),
    of(share_in(S.EXTENDING, DAMAGE), [], [], held=True),
    of(share_in(S.CHECKING, DAMAGE), [*INTERRUPTED, K.SHARE_DAMAGED], INTERRUPTED),
    of(share_in(S.CHECKING, DAMAGE), [], [], held=True),
    # Files of a former release are changed while they are served.
    of(FORMER, [K.FILES_NOT_EXECUTABLE], []),
    of(FORMER, [K.SHARE_TROUBLED], [], troubled=True),
    of(FORMER, [], [], held=True),
]
#: Drifts that another drift includes: ending that ends them too.
INCLUDED = {K.CONTAINER_DOWN: K.CONTAINER_OUTDATED, K.FOLDERS_MISSING: K.CONFIGURATION_DIFFERS}


def joined(rows: Iterable[Seen]) -> Observation:
    """Everything observed; ``held`` has both servers and shares."""
    seen: dict[str, Any] = {}
    for row in rows:
        for name, value in row.seen.items():
            seen[name] = seen[name] | value if name in seen else value
    return Observation(**seen)


@pytest.mark.parametrize("desired", DesiredState)
@pytest.mark.parametrize("own", OWN_OPERATION, ids=["idle", "interrupted", "held"])
def test_the_plan_names_every_drift_and_no_other(desired: DesiredState, own: Seen) -> None:
    """For each record and each host: only that one if the server cannot be observed."""
    for rows in product(CONTAINER, IMAGE, FOLDER, SMB_CONF, INTERFACES, SHARES, [own]):
        record: dict[str, Any] = {"shares": ()}
        for row in rows:
            record |= row.record
        server, observed = evolve(SERVER, desired=desired, **record), joined(rows)
        expected = [kind for row in rows for kind in getattr(row, desired)]
        for kind, included in INCLUDED.items():
            if kind in expected and included in expected:
                expected.remove(included)
        assert sorted(expected) == sorted(drift.kind for drift in plan(server, observed)), rows
        unseen = evolve(observed, unobservable={SERVER.id: "Docker does not answer"})
        assert (Drift(K.UNOBSERVABLE, detail="Docker does not answer"),) == plan(server, unseen)


def test_observations_of_other_servers_are_not_a_drift() -> None:
    """Only a server's own things count."""
    everything = [CONTAINER[3], IMAGE[1], FOLDER[1], SMB_CONF[1], SHARES[2], SHARES[3], OWN_OPERATION[2]]
    observed = evolve(joined(everything), unobservable={SERVER.id: "Docker does not answer"})
    other = evolve(
        SERVER,
        id="000000000000",
        interfaces=(),
        shares=(evolve(SHARE, id="5ccccccccccc"),),
    )
    assert () == plan(evolve(other, desired=DesiredState.STOPPED), observed)
    up = evolve(observed, states={other.id: RunState.RUNNING})
    assert () == plan(evolve(other, desired=DesiredState.RUNNING), up)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([Seen()], "the container is absent"),
        ([OWN_OPERATION[1], CONTAINER[3]], "an operation (account.end_sessions) on server tenant-a was"),
        ([SHARES[2], CONTAINER[3]], "share R&D 2026 is not mounted"),
        ([SHARES[5], CONTAINER[3]], "share R&D 2026 has failed: gone"),
        (
            [INTERFACES[1], CONTAINER[3]],
            f"interface {INTERFACE.host_device} is not attached to tenant-a, or not filtered and let through",
        ),
    ],
)
def test_a_drift_says_what_it_is_about(rows: list[Seen], told: str) -> None:
    """In words for people."""
    record: dict[str, Any] = {"shares": ()}
    for row in rows:
        record |= row.record
    server = evolve(SERVER, desired=DesiredState.RUNNING, **record)
    (drift,) = plan(server, joined(rows))
    assert str(drift).startswith(told)
