"""The laws, by name. Each raises AssertionError with what breaks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from tests.unit.machine.model import DEFAULT_HOME, GRANULARITY, UNTOLD, Model, Server, Share
from tests.unit.machine.picture import Picture
from tests.unit.machine.reach import Ceiling, Reach

from shares_core.domain.access import AccessLevel, AccessRule
from shares_core.domain.capacity import round_up
from shares_core.domain.server import DesiredState, ShareServer
from shares_core.domain.share import CifsShare, ShareStatus
from shares_core.testing import MemoryHost, OpenFile, Session
from shares_core.testing.hashes import digest


def records_of(machine: MemoryHost) -> list[ShareServer]:
    return [record for record in machine.records.values() if isinstance(record, ShareServer)]


def is_settled(record: ShareServer) -> bool:
    """Whether the record has no operation: then the host has what it says."""
    stopped = record.desired is DesiredState.STOPPED
    return not record.operations and all(
        share.status is ShareStatus.READY or (stopped and _waits_for_start(share)) for share in record.shares
    )


def _waits_for_start(share: CifsShare) -> bool:
    """Whether it only could not be mounted, which the next start of its server tries again."""
    return share.status is ShareStatus.FAILED and share.operation is None


def is_well(record: ShareServer) -> bool:
    """Whether it is settled, and no share has failed."""
    return is_settled(record) and all(share.status is ShareStatus.READY for share in record.shares)


def stray_locks(machine: MemoryHost) -> set[str]:
    """The locks of which something is kept although their server or share is gone."""
    known = {share.id for record in records_of(machine) for share in record.shares}
    return machine.lock_table.kept - machine.records.keys() - known


# -- at every instant, also between two port calls


def no_rule_is_ever_wider_than_asked(machine: MemoryHost, ceilings: Iterable[Ceiling]) -> None:
    """Nobody can do more than one of the ceilings says, by a new connection, an open one or an open file."""
    reach = Reach.of(machine)
    excesses = []
    for ceiling in ceilings:
        excess = ceiling.excess(reach)
        if not excess:
            return
        excesses.append(excess)
    raise AssertionError(f"more than was asked for is open to {min(excesses, key=len)}")


def nothing_is_orphaned(machine: MemoryHost) -> None:
    """Every host object belongs to a record: the record is written first and removed last."""
    records = records_of(machine)
    ids = {record.id for record in records}
    shares = [(record, share) for record in records for share in record.shares]
    mounts = {(record.id, each) for record, share in shares for each in share.mount_ids}
    interfaces = [interface for record in records for interface in record.interfaces]
    volumes = {ref for _, share in shares for ref in share.refs}
    strays = {
        "containers": machine.containers.keys() - ids,
        "folders": machine.folders.keys() - ids,
        "secrets": machine.secrets.keys() - ids,
        "volumes": machine.volumes.keys() - volumes,
        "devices": machine.attached - volumes,
        "mounts": machine.mounts.keys() - mounts,
        "scratch": machine.scratch - volumes,
        "filters": machine.filters - {name for interface in interfaces for name in interface.devices},
        "links": machine.links.keys() - {interface.host_device for interface in interfaces},
        "trails": {(each, share) for each, trail in machine.trails.items() for share in trail.shares}
        - {(record.id, share.id) for record, share in shares},
        "bridges": machine.bridges.keys() - {interface.attachment.device for interface in interfaces},
    }
    assert not any(strays.values()), f"orphans: { ({kind: s for kind, s in strays.items() if s}) }"


def nothing_is_given_twice(machine: MemoryHost) -> None:
    """Names, user ids, and on one bridge addresses and MACs, each belong to one server."""
    given: Counter[object] = Counter()
    for record in records_of(machine):
        given.update([("name", record.name.key), ("uid", record.uid)])
        for interface in record.interfaces:
            given.update((interface.attachment.device, address.ip) for address in interface.addresses)
            given[interface.attachment.device, interface.mac] += 1
    assert {1} >= set(given.values()), f"given twice: {[what for what, times in given.items() if times > 1]}"


def the_pool_is_never_overcommitted(machine: MemoryHost) -> None:
    """The volumes fit the pool."""
    assert sum(volume.size for volume in machine.volumes.values()) <= machine.pool_size.bytes


# -- when a use case has ended


def agrees(record: ShareServer | None, hashes: Mapping[str, str], server: Server | None) -> bool:
    """Whether a settled record, with its passwords' hashes, says what the model says."""
    if record is None or server is None:
        return record is None and server is None
    shares = {
        str(share.name): (
            share.capacity.bytes,
            (share.options, share.schedule),
            _by_user(share.rules),
            {str(each.name): (each.capacity.bytes, _by_user(each.rules)) for each in share.snapshots},
        )
        for share in record.shares
    }
    (interface,) = record.interfaces
    home = DEFAULT_HOME if interface.isolated else f"{interface.attachment.device} {interface.addresses[0]}"
    return (
        (server.home, server.running, server.protection)
        == (home, record.desired is DesiredState.RUNNING, record.protection)
        and shares
        == {
            name: (share.size, (share.options, share.schedule), share.rules, _snapshots(share))
            for name, share in server.shares.items()
        }
        and {str(account.name) for account in record.accounts} == server.passwords.keys()
        and all(
            password == UNTOLD or hashes.get(user) == digest(password)
            for user, password in server.passwords.items()
        )
    )


def _by_user(rules: tuple[AccessRule, ...] | None) -> dict[str, AccessLevel] | None:
    return None if rules is None else {str(rule.principal.name): rule.level for rule in rules}


def _snapshots(share: Share) -> dict[str, tuple[int, dict[str, AccessLevel] | None]]:
    return {name: (snapshot.size, snapshot.rules) for name, snapshot in share.snapshots.items()}


def acknowledged_is_there(machine: MemoryHost, possible: list[Model], names: Iterable[str]) -> list[Model]:
    """Each settled record says what the model says, and so does the pool. Returns the models that agree."""
    possible = [model for model in possible if model.pool == machine.pool_size.bytes]
    assert possible, f"the pool has {machine.pool_size}"
    records = {str(record.name): record for record in records_of(machine)}
    for name in names:
        record = records.get(name)
        if record is not None and not is_settled(record):
            continue
        secrets = machine.secrets.get(record.id, {}) if record is not None else {}
        hashes = {str(user): known.nt for user, known in secrets.items()}
        fitting = [model for model in possible if agrees(record, hashes, model.servers.get(name))]
        fitting = _best_known(fitting, name)
        assert fitting, f"{name} is {record}, and not {[model.servers.get(name) for model in possible]}"
        possible = fitting
    return possible


def _best_known(models: list[Model], name: str) -> list[Model]:
    """The models with the fewest unknown passwords, which fit any hash."""
    unknown = [
        list(server.passwords.values()).count(UNTOLD)
        if (server := model.servers.get(name)) is not None
        else 0
        for model in models
    ]
    return [model for model, count in zip(models, unknown, strict=True) if count == min(unknown)]


def settled_host_equals_records(machine: MemoryHost, record: ShareServer, server: Server) -> None:
    """All that a settled record names is on the host, in the size, shape and state that it says."""
    container, running = machine.containers.get(record.id), server.running
    assert running == (container is not None and container.running)
    assert running or container is None
    assert not running or record.id in machine.folders
    assert record.id in machine.lock_table.kept
    for interface in record.interfaces:
        link, bridge = (
            machine.links.get(interface.host_device),
            machine.bridges.get(interface.attachment.device),
        )
        assert running == (link is not None and link.up)
        assert not running or (bridge is not None and bridge.complete)
    assert server.passwords.keys() == {str(user) for user in machine.secrets.get(record.id, {})}
    for name, share in server.shares.items():
        _share_is_whole(machine, record, record.share(name), share.files, mounted=running)
        for each, snapshot in share.snapshots.items():
            _snapshot_is_whole(machine, record, record.share(name), each, snapshot.files, mounted=running)
    rules = {(name, user): lv for name, each in server.exports.items() for user, lv in each.rules.items()}
    assert machine.admitted(record.id) == (rules if running else {})


def _share_is_whole(
    machine: MemoryHost, record: ShareServer, share: CifsShare, files: dict[str, bytes], *, mounted: bool
) -> None:
    volume = machine.volumes[share.volume.ref]
    assert volume.content is not None
    assert volume.content.identity == share.filesystem
    assert volume.content.reach == volume.size == round_up(share.capacity.bytes, GRANULARITY)
    assert volume.content.folders == {share.folder: share.volume.owner}
    assert volume.content.files == files, f"the data of {share.name} is {volume.content.files}, not {files}"
    assert mounted == ((record.id, share.id) in machine.mounts)
    assert mounted == (share.volume.ref in machine.attached)
    assert (False, False) == (volume.content.frozen, volume.content.paused)


def _snapshot_is_whole(
    machine: MemoryHost,
    record: ShareServer,
    share: CifsShare,
    name: str,
    files: dict[str, bytes],
    *,
    mounted: bool,
) -> None:
    """It holds what the share held then, and is mounted beside it, read-only."""
    snapshot = share.snapshot(name)
    volume = machine.volumes[share.ref_of(snapshot)]
    assert volume.content is not None
    assert volume.content.identity == share.filesystem
    assert volume.content.files == files, f"snapshot {name} holds {volume.content.files}, not {files}"
    there = machine.mounts.get((record.id, snapshot.mount_id(share.id)))
    assert mounted == (there is not None and there.read_only)
    assert mounted == (share.ref_of(snapshot) in machine.attached)


def failed_left_nothing_behind(before: Picture, after: Picture, struck: list[str]) -> None:
    """A failed create or allow left the host as it was."""
    if struck != ["locks.forget"]:  # only removing a stray lock file failed
        assert before.things == after.things, f"{before.difference(after)} after {struck} failed"


def twice_equals_once(before: Picture, after: Picture) -> None:
    """Doing again what was acknowledged changes nothing, and disconnects nobody."""
    assert before == after, f"the second time changed {before.difference(after)}"


def other_servers_are_untouched(before: Mapping[str, Picture], after: Mapping[str, Picture]) -> None:
    """An operation on one server changes nothing of another's, and disconnects none of its clients."""
    for name, picture in before.items():
        assert picture == after.get(name), f"{picture.difference(after.get(name))} of {name} changed"


def nobody_else_is_disturbed(opened: Iterable[OpenFile]) -> None:
    """Files that were open on anything that an operation is not about are still open."""
    closed = [(str(file.share.name), file.session.user) for file in opened if file.closed]
    assert not closed, f"the files of {closed} were closed"


def no_session_outlives_its_password(
    machine: MemoryHost, logins: Mapping[Session, str], model: Model
) -> None:
    """Every open connection used a password that its user still has."""
    for session in machine.sessions:
        record = machine.records[session.server_id]
        assert isinstance(record, ShareServer)
        kept = model.servers[str(record.name)].passwords.get(session.user)
        assert kept in (logins[session], UNTOLD), f"{session.user} of {record.name} is connected by another"
