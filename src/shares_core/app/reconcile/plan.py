"""What differs between a record and the host. Pure: reconcile repairs what a dry run prints."""

from __future__ import annotations

from collections.abc import Iterator

from shares_core.app.reconcile.observe import Observation
from shares_core.domain.drift import Drift, DriftKind, Repair
from shares_core.domain.server import DesiredState, ShareServer
from shares_core.domain.share import CifsShare, ShareStatus
from shares_core.domain.views import RunState


def plan(server: ShareServer, observed: Observation) -> tuple[Drift, ...]:
    """Every drift of the server; none if the host is as its record says.

    What somebody is at work on is not a drift: it ends with the operation.
    """
    if server.id in observed.unobservable:
        return (Drift(DriftKind.UNOBSERVABLE, detail=observed.unobservable[server.id]),)
    drifts = [*_interrupted(server, observed)]
    stopped = server.desired is DesiredState.STOPPED
    drifts += _left_up(server, observed) if stopped else _not_up(server, observed)
    return tuple(drifts)


def needs(drifts: tuple[Drift, ...], repair: Repair) -> bool:
    """Whether this repair is among those that end the drifts."""
    return any(drift.repair is repair for drift in drifts)


def _interrupted(server: ShareServer, observed: Observation) -> Iterator[Drift]:
    if server.operation is not None and server.id not in observed.held:
        yield Drift(DriftKind.OPERATION_INTERRUPTED, f"server {server.name}", server.operation.kind)
    for share in server.shares:
        if share.operation is not None and share.is_recoverable and share.id not in observed.held:
            detail = share.operation.kind + (f": {share.reason}" if share.reason else "")
            yield Drift(DriftKind.OPERATION_INTERRUPTED, f"share {share.name}", detail)


def _not_up(server: ShareServer, observed: Observation) -> Iterator[Drift]:
    """The drifts of a server that should run."""
    state = observed.states.get(server.id, RunState.ABSENT)
    if state is not RunState.RUNNING:
        yield Drift(DriftKind.CONTAINER_DOWN, detail=state)
    elif server.id in observed.outdated:
        yield Drift(DriftKind.CONTAINER_OUTDATED)
    if server.id in observed.without_folders:
        yield Drift(DriftKind.FOLDERS_MISSING)
    elif server.id in observed.misconfigured:
        yield Drift(DriftKind.CONFIGURATION_DIFFERS)
    for interface in server.interfaces:
        if interface in observed.unplugged:
            yield Drift(DriftKind.INTERFACE_MISSING, interface.host_device, interface.attachment.device)
    for share in server.shares:
        yield from _share_not_up(server, share, observed)


def _share_not_up(server: ShareServer, share: CifsShare, observed: Observation) -> Iterator[Drift]:
    if share.id in observed.held:
        return
    if share.damaged:
        yield Drift(DriftKind.SHARE_DAMAGED, str(share.name), share.reason)
    elif share.operation is None and share.failure is not None:
        yield Drift(DriftKind.SHARE_FAILED, str(share.name), share.reason)
    elif share.status is ShareStatus.READY and (server.id, share.id) in observed.troubles:
        yield Drift(DriftKind.SHARE_TROUBLED, str(share.name), observed.troubles[server.id, share.id])
    elif share.status is ShareStatus.READY and share.id in observed.without_snapshots:
        yield Drift(DriftKind.SNAPSHOTS_MISSING, str(share.name))
    elif share.status is ShareStatus.READY and not share.volume.executable:
        yield Drift(DriftKind.FILES_NOT_EXECUTABLE, str(share.name))


def _left_up(server: ShareServer, observed: Observation) -> Iterator[Drift]:
    """The drifts of a server that should be stopped."""
    state = observed.states.get(server.id, RunState.ABSENT)
    if state is not RunState.ABSENT:
        yield Drift(DriftKind.CONTAINER_LEFT, detail=state)
    for interface in server.interfaces:
        if interface.host_device in observed.devices:
            yield Drift(DriftKind.INTERFACE_LEFT, interface.host_device)
    for share in server.shares:
        if share.id in observed.left and share.id not in observed.held:
            yield Drift(DriftKind.SHARE_LEFT, str(share.name))
