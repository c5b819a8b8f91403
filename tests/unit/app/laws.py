"""The laws of every settled machine."""

from __future__ import annotations

from typing import Any

from tests.unit.world import RO, RW, World

from shares_core.domain.server import ShareServer
from shares_core.domain.share import ShareStatus

RANK = {None: 0, RO: 1, RW: 2}


def snapshot(world: World) -> dict[str, Any]:
    """The settled machine, as values that can be compared with another run's."""
    machine = world.machine
    return {
        "records": dict(machine.records),
        "secrets": {server: dict(hashes) for server, hashes in machine.secrets.items() if hashes},
        "volumes": {key: volume.size for key, volume in machine.volumes.items()},
        "admitted": {server: machine.admitted(server) for server in machine.containers},
        "objects": [
            sorted(part)
            for part in (
                machine.attached,
                machine.folders,
                machine.containers,
                machine.bridges,
                machine.links,
            )
        ],
        "mounts": sorted(machine.mounts),
        "locks": sorted(machine.lock_table.held),
    }


def check_host_equals_records(world: World) -> None:
    """Laws 3, 5 and 7: everything belongs to a settled record, and nobody may do more than it says."""
    machine = world.machine
    records = [record for record in machine.records.values() if isinstance(record, ShareServer)]
    assert [()] * len(records) == [record.operations for record in records]
    shares = {share.volume.ref: share for record in records for share in record.shares}
    assert {ShareStatus.READY} >= {share.status for share in shares.values()}
    assert {ref for share in shares.values() for ref in share.refs} == set(machine.volumes)
    assert not any(
        volume.content is not None and volume.content.frozen for volume in machine.volumes.values()
    )
    for volume_id, share in shares.items():
        volume = machine.volumes[volume_id]
        assert share.capacity.bytes == volume.size
        assert volume.content is not None
        assert (share.filesystem, volume.size) == (volume.content.identity, volume.content.reach)
    ids = {record.id for record in records}
    for found in (machine.containers, machine.folders):
        assert ids >= set(found)
    assert {i.host_device for record in records for i in record.interfaces} >= set(machine.links)
    assert {i.attachment.device for record in records for i in record.interfaces} >= set(machine.bridges)
    assert {name for record in records for i in record.interfaces for name in i.devices} >= machine.filters
    assert ids >= set(machine.secrets)
    assert not machine.progress
    for record in records:
        assert {account.name for account in record.accounts} == set(machine.secrets.get(record.id, {}))
        allowed = {
            (str(export.name), str(rule.principal.name)): rule.level
            for export in record.exports
            for rule in export.rules
        }
        assert machine.admitted(record.id) == (allowed if record.id in machine.containers else {})
        for session in machine.sessions_of(record.id):
            for opened in session.files:
                needed = RW if opened.writable else RO
                assert RANK[allowed.get((str(opened.share.name), session.user))] >= RANK[needed]
