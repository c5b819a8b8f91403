"""Repairing what differs on one server."""

from __future__ import annotations

from contextlib import suppress

from attrs import evolve, frozen

from shares_core.app.leases import Leases, at_work
from shares_core.app.lifecycle.server import bring_down, bring_up
from shares_core.app.operations.work import ServerWork
from shares_core.app.reconcile.observe import observe
from shares_core.app.reconcile.plan import needs, plan
from shares_core.domain.drift import Drift, Repair
from shares_core.domain.errors import NotFound, SharesError
from shares_core.domain.server import DesiredState, ShareServer
from shares_core.domain.share import CifsShare, ShareStatus
from shares_core.ports import Ports


def bring_up_held(held: ServerWork, *, upgrade: bool = False) -> None:
    """Record that the held server should run, bring it up, and record the state of its shares."""
    server = held.server
    if server.desired is not DesiredState.RUNNING:
        server = held.save(server.wanting(DesiredState.RUNNING))
    brought = bring_up(held.ports, server, upgrade=upgrade)
    if brought != server:
        held.save(brought)


def bring_down_held(held: ServerWork) -> None:
    """Record that the held server should be stopped, and bring it down.

    Leaves shares that somebody is at work on: at its end, an operation unmounts a stopped server's share.
    """
    server = held.server
    if server.desired is not DesiredState.STOPPED:
        server = held.save(server.wanting(DesiredState.STOPPED))
    bring_down(held.ports, server, leave=at_work(held.ports, (server,)))


def bring_to_desired(held: ServerWork, *, upgrade: bool) -> None:
    """Bring the held server up or down, as its record says."""
    if held.server.desired is DesiredState.RUNNING:
        bring_up_held(held, upgrade=upgrade)
    else:
        bring_down_held(held)


@frozen
class Repaired:
    """One server after its repair; None if it is gone by now.

    ``drifts`` is what differed while it was held, ``recovered`` whether an operation on the server itself was
    recovered first.
    """

    server: ShareServer | None
    drifts: tuple[Drift, ...]
    recovered: bool

    @property
    def was_well(self) -> bool:
        return not self.drifts and not self.recovered


def repair(ports: Ports, leases: Leases, record: ShareServer, *, upgrade: bool) -> Repaired:
    """Hold one server, look at it again, and repair what differs.

    Raises NotFound if the server is gone, Busy, and the error of a failed repair.
    """
    with leases.server_by_id(record.id, str(record.name)) as held:
        drifts = plan(held.server, observe(ports, (held.server,), upgrade=upgrade))
        if needs(drifts, Repair.SERVER):
            bring_to_desired(held, upgrade=upgrade)
        server, recovered = held.server, held.recovered
    recover_shares(leases, server)
    current = ports.records.load(record.id)
    if current is not None and _made_executable(ports, leases, current):
        current = ports.records.load(record.id)
    return Repaired(current, drifts, recovered)


def _made_executable(ports: Ports, leases: Leases, server: ShareServer) -> bool:
    """Go on giving the files of former releases their execute bit, and record for which shares that is done.

    Waits for no walk: it goes on inside, and the next call asks again. Returns whether any share was done.
    """
    if server.desired is not DesiredState.RUNNING:
        return False
    lacking = [s for s in server.shares if s.status is ShareStatus.READY and not s.volume.executable]
    done = [share.id for share in lacking if _is_executable(ports, server, share)]
    if done:
        with suppress(NotFound), leases.server_by_id(server.id, str(server.name)) as held:
            current = held.server
            for share in current.shares:
                if share.id in done:
                    current = current.with_share(evolve(share, volume=share.volume.made_executable()))
            held.save(current)
    return bool(done)


def _is_executable(ports: Ports, server: ShareServer, share: CifsShare) -> bool:
    """Whether all is done; an error is not the server's trouble, and the next call tries again."""
    try:
        return ports.smb_files.make_executable(server, share)
    except SharesError:
        return False


def recover_shares(leases: Leases, server: ShareServer) -> None:
    """Recover what is interrupted on the server's shares.

    A failed share says why itself. Raises the first error about a share that is being made or removed.
    """
    failures = leases.recover_shares(server)
    for share, error in failures:
        if not share.is_whole:
            raise error
