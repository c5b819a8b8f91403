"""What the host has of several servers. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from attrs import frozen

from shares_core.app.leases import at_work
from shares_core.app.lifecycle.shares import troubles
from shares_core.domain.errors import SharesError
from shares_core.domain.network import Interface
from shares_core.domain.server import DesiredState, ShareServer
from shares_core.domain.share import CifsShare, ShareStatus
from shares_core.domain.views import RunState
from shares_core.ports import Ports


@frozen
class Observation:
    """What the host has of several servers, which takes hardly longer to find out than for one.

    Servers and shares are named by their ids; ``held`` are those that somebody is at work on. ``left`` are
    shares that are mounted or attached although their servers should be stopped, ``troubles`` those of the
    ready shares of servers that should run; ``without_snapshots`` are those of them with a snapshot that is
    not mounted. ``unobservable`` says why a server could not be observed.
    """

    states: Mapping[str, RunState] = {}
    outdated: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()
    unplugged: frozenset[Interface] = frozenset()
    without_folders: frozenset[str] = frozenset()
    misconfigured: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    troubles: Mapping[tuple[str, str], str] = {}
    without_snapshots: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    unobservable: Mapping[str, str] = {}


def observe(ports: Ports, servers: Collection[ShareServer], *, upgrade: bool) -> Observation:
    """Observe the host. With ``upgrade`` a running container of a former image counts as outdated."""
    running = [server for server in servers if server.desired is DesiredState.RUNNING]
    stopped = [server for server in servers if server.desired is DesiredState.STOPPED]
    uids = {server.id: server.uid for server in running}
    ready = {
        (server.id, share.id): share
        for server in running
        for share in server.shares
        if share.status is ShareStatus.READY
    }
    held = at_work(ports, servers)
    unobservable: dict[str, str] = {}
    without_folders = {s.id for s in running if not ports.folders.ensured(s.id, s.uid)}
    return Observation(
        states=ports.runtime.list(),
        outdated=ports.runtime.outdated(uids) if upgrade and uids else frozenset(),
        devices=frozenset(ports.network.list()),
        unplugged=frozenset(ports.network.unplugged(each for s in running for each in s.interfaces)),
        without_folders=frozenset(without_folders),
        misconfigured=_misconfigured(
            ports, (s for s in running if s.id not in without_folders), unobservable
        ),
        left=_left(ports, stopped, unobservable) if stopped else frozenset(),
        troubles=troubles(ports, ready),
        without_snapshots=_without_snapshots(ports, ready),
        held=held,
        unobservable=unobservable,
    )


def _misconfigured(
    ports: Ports, servers: Iterable[ShareServer], unobservable: dict[str, str]
) -> frozenset[str]:
    """The servers whose Samba configuration differs."""
    found = set()
    for server in servers:
        try:
            if not ports.smb_config.applied(server, ports.secrets.hashes(server.id)):
                found.add(server.id)
        except SharesError as error:
            unobservable[server.id] = str(error)
    return frozenset(found)


def _without_snapshots(ports: Ports, shares: Mapping[tuple[str, str], CifsShare]) -> frozenset[str]:
    """The shares with a snapshot that is not mounted."""
    if not any(share.snapshots for share in shares.values()):
        return frozenset()
    mounted = frozenset(ports.filesystems.list())
    return frozenset(
        share.id
        for (server_id, _), share in shares.items()
        for snapshot in share.snapshots
        if (server_id, snapshot.mount_id(share.id)) not in mounted
    )


def _left(ports: Ports, servers: Iterable[ShareServer], unobservable: dict[str, str]) -> frozenset[str]:
    """The shares of these servers that are mounted or attached."""
    mounted = frozenset(ports.filesystems.list())
    found = set()
    for server in servers:
        for share in server.shares:
            try:
                if any((server.id, each) in mounted for each in share.mount_ids) or any(
                    ports.storage.device(ref) for ref in share.refs
                ):
                    found.add(share.id)
            except SharesError as error:
                unobservable[server.id] = str(error)
    return frozenset(found)
