"""Comparable pictures of a machine, of all or of one server."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from shares_core.domain.server import ShareServer
from shares_core.domain.volume import VolumeRef
from shares_core.testing import MemoryHost


@frozen
class Picture:
    """``things`` is the host's state, ``clients`` who is connected and what they have open.

    Bridges are left out: those of servers that do not run may or may not exist.
    """

    things: dict[str, Any]
    clients: frozenset[int]

    @classmethod
    def of(cls, machine: MemoryHost, only: ShareServer | None = None) -> Picture:
        """Everything, or what belongs to one server."""
        ids = set(machine.records) | set(machine.containers) if only is None else {only.id}
        volumes = set(machine.volumes) if only is None else {share.volume.ref for share in only.shares}
        sessions = [session for session in machine.sessions if session.server_id in ids]
        things = {
            "record": {key: machine.records.get(key) for key in ids},
            "secrets": {key: dict(machine.secrets[key]) for key in ids if machine.secrets.get(key)},
            "volumes": {key: _volume(machine, key) for key in volumes},
            "attached": machine.attached & volumes,
            "mounts": {key: volume for key, volume in machine.mounts.items() if key[0] in ids},
            # Those of servers that do not run hold nothing: a reboot removes them, any call makes them.
            "folders": {key: _folder(machine, key) for key in ids if _runs(machine, key)},
            "containers": {key: _container(machine, key) for key in ids if key in machine.containers},
            "links": {key: link.up for key, link in machine.links.items() if link.server_id in ids},
        }
        if only is None:
            things["locks"] = set(machine.lock_table.kept), machine.lock_table.held
        opened = [id(file) for session in sessions for file in session.files]
        return cls(things, frozenset([*map(id, sessions), *opened]))

    def difference(self, other: Picture | None) -> dict[str, object]:
        """Where this one differs from the other."""
        if other is None:
            return {"everything": self.things}
        changed: dict[str, object] = {
            key: (thing, other.things.get(key))
            for key, thing in self.things.items()
            if thing != other.things.get(key)
        }
        return changed | ({"clients": "who is connected"} if self.clients != other.clients else {})


def _volume(machine: MemoryHost, ref: VolumeRef) -> object:
    volume = machine.volumes.get(ref)
    if volume is None or volume.content is None:
        return volume and (volume.size, volume.debris)
    content = volume.content
    return volume.size, content.identity, content.reach, dict(content.folders), dict(content.files)


def _runs(machine: MemoryHost, server_id: str) -> bool:
    container = machine.containers.get(server_id)
    return container is not None and container.running


def _folder(machine: MemoryHost, server_id: str) -> object:
    folder = machine.folders[server_id]
    return folder.uid, folder.shared, dict(folder.accounts), folder.shares


def _container(machine: MemoryHost, server_id: str) -> object:
    container = machine.containers[server_id]
    return container.uid, container.namespace, container.loaded
