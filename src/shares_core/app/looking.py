"""What of a server is not on the host as its record has it. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from attrs import frozen

from shares_core.domain.errors import SharesError
from shares_core.domain.intent import Intent
from shares_core.domain.network import Interface
from shares_core.domain.server import DesiredState, ShareServer
from shares_core.domain.share import CifsShare, ShareStatus
from shares_core.domain.views import RunState
from shares_core.domain.volume import ShareVolume
from shares_core.ports import Ports


@frozen
class Sight:
    """What the host tells of several servers at once, which takes hardly longer than of one.

    ``mounted`` is looked at where one should be stopped; ``troubles`` are those of the ready shares of those
    that should run. Both are by the ids of server and share.
    """

    states: Mapping[str, RunState]
    outdated: frozenset[str]
    devices: frozenset[str]
    unplugged: frozenset[Interface]
    mounted: frozenset[tuple[str, str]]
    troubles: Mapping[tuple[str, str], str]

    @classmethod
    def of(cls, ports: Ports, servers: Collection[ShareServer], *, upgrade: bool) -> Sight:
        """A container that runs from a former image counts where it would be upgraded."""
        running = [server for server in servers if server.desired is DesiredState.RUNNING]
        uids = {server.id: server.uid for server in running}
        ready = {
            (server.id, share.id): share
            for server in running
            for share in server.shares
            if share.status is ShareStatus.READY
        }
        return cls(
            states=ports.runtime.list(),
            outdated=ports.runtime.outdated(uids) if upgrade and uids else frozenset(),
            devices=frozenset(ports.network.list()),
            unplugged=frozenset(ports.network.unplugged(each for s in running for each in s.interfaces)),
            mounted=frozenset(ports.filesystems.list()) if len(running) < len(servers) else frozenset(),
            troubles=_troubles(ports, ready),
        )


def differences(ports: Ports, server: ShareServer, sight: Sight) -> tuple[str, ...]:
    """What differs and may be mended, in a few words each; nothing where the host is as the record says."""
    found = [] if server.intent is None else [_under_way(server.intent)]
    state = sight.states.get(server.id, RunState.ABSENT)
    if server.desired is DesiredState.STOPPED:
        return (*found, *_left_up(ports, server, state, sight))
    return (*found, *_missing(ports, server, state, sight), *_wrong_shares(server, sight))


def beyond_mending(server: ShareServer) -> tuple[str, ...]:
    """What is wrong with a server that runs, and stays so until a person has done something about it."""
    if server.desired is DesiredState.STOPPED:
        return ()
    return tuple(f"share {share.name} is failed: {share.reason}" for share in server.shares if share.damaged)


def _under_way(intent: Intent) -> str:
    return f"an operation ({type(intent).__name__}) is under way, or was interrupted"


def _missing(ports: Ports, server: ShareServer, state: RunState, sight: Sight) -> Iterator[str]:
    if state is not RunState.RUNNING:
        yield f"the container is {state}"
    elif server.id in sight.outdated:
        yield "the container is not of the current image or limits"
    if not ports.folders.ensured(server.id, server.uid):
        yield "its folders are not there"
    elif not ports.smb_config.applied(server, ports.secrets.hashes(server.id)):
        yield "Samba's configuration is another"
    for interface in filter(sight.unplugged.__contains__, server.interfaces):
        yield f"interface {interface.host_device} is not plugged into {interface.bridge}"


def _left_up(ports: Ports, server: ShareServer, state: RunState, sight: Sight) -> Iterator[str]:
    if state is not RunState.ABSENT:
        yield f"the container is {state}, though the server should be stopped"
    for interface in server.interfaces:
        if interface.host_device in sight.devices:
            yield f"interface {interface.host_device} is there, though the server should be stopped"
    for share in server.shares:
        if (server.id, share.id) in sight.mounted or ports.storage.device(share.volume.ref):
            yield f"share {share.name} is attached, though the server should be stopped"
    yield from _unfinished(server)


def _wrong_shares(server: ShareServer, sight: Sight) -> Iterator[str]:
    yield from _unfinished(server)
    for share in server.shares:
        if share.status is ShareStatus.FAILED and share.unfinished is None and not share.damaged:
            yield f"share {share.name} is failed: {share.reason}"
        elif trouble := sight.troubles.get((server.id, share.id)):
            yield f"share {share.name} {trouble}"


def _unfinished(server: ShareServer) -> Iterator[str]:
    for share in server.shares:
        if share.unfinished is not None and not share.damaged:
            yield f"the extension of share {share.name} is not finished: {share.reason}"
        elif share.status is ShareStatus.DELETING:
            yield f"the deletion of share {share.name} is not finished"
        elif share.status is ShareStatus.CREATING and server.intent is None:
            yield f"the creation of share {share.name} is not settled: {share.reason}"


def trouble_with(ports: Ports, server: ShareServer, share: CifsShare) -> str:
    """What keeps a share from being served, in a few words; empty where nothing does."""
    ids = (server.id, share.id)
    return _troubles(ports, {ids: share}).get(ids, "")


def _troubles(ports: Ports, shares: Mapping[tuple[str, str], CifsShare]) -> dict[tuple[str, str], str]:
    """The same of several, by the ids of server and share; those without trouble are left out."""
    found: dict[tuple[str, str], str] = {}
    attached: dict[tuple[str, str], tuple[str, ShareVolume]] = {}
    # Asked before a device is read: one that a killed command left suspended would answer nobody.
    for ids, share in shares.items():
        device, found[ids] = _device_or_trouble(ports, share)
        if device is not None:
            attached[ids] = device, share.volume
    try:
        found.update(ports.filesystems.troubles(attached))
    except SharesError as error:
        found.update(dict.fromkeys(attached, f"cannot be looked at: {error}"))
    return {ids: trouble for ids, trouble in found.items() if trouble}


def _device_or_trouble(ports: Ports, share: CifsShare) -> tuple[str | None, str]:
    """The device of the share's volume, or what is wrong with that."""
    try:
        if ports.storage.find_volume(share.volume.ref) is None:
            return None, "has lost its volume"
        device = ports.storage.device(share.volume.ref)
    except SharesError as error:
        return None, f"cannot be looked at: {error}"
    return device, "" if device else "is not attached"
