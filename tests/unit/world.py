"""A machine in memory, and hosts on it, for tests."""

from __future__ import annotations

from typing import Any

from attrs import define

from shares_core.bootstrap import Host, host
from shares_core.config import HostConfig
from shares_core.domain.access import AccessLevel
from shares_core.domain.capacity import GIB, MIB, Capacity
from shares_core.domain.network import InterfaceSpec
from shares_core.domain.secret import Secret
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare
from shares_core.testing import FaultPlan, MemoryHost, Session, memory_ports
from shares_core.testing.state import Condition, MemoryFileSystem

NETWORK = HostConfig().network
RO, RW = AccessLevel.READ_ONLY, AccessLevel.READ_WRITE
SMALL, LARGE = Capacity(64 * MIB), Capacity(1 * GIB)
PASSWORD = Secret("correct horse")


@define
class World:
    """One machine and one process on it."""

    machine: MemoryHost
    host: Host

    @classmethod
    def new(cls, **settings: Any) -> World:
        machine = MemoryHost(**settings)
        return cls(machine, host(memory_ports(machine), NETWORK))

    def process(self, plan: FaultPlan | None = None, *, lock_timeout: float = 10) -> Host:
        """Another process on the same machine."""
        return host(memory_ports(self.machine, faults=plan, lock_timeout=lock_timeout), NETWORK)

    def record(self, server: str) -> ShareServer:
        found = self.machine.records[self.machine.server_id(server)]
        assert isinstance(found, ShareServer)
        return found

    def share(self, server: str, share: str) -> CifsShare:
        return self.record(server).share(share)

    def content(self, server: str = "tenant", share: str = "files") -> MemoryFileSystem:
        """The file system on the share's volume."""
        found = self.machine.volumes[self.share(server, share).volume.ref].content
        assert found is not None
        return found

    def ruin(self, server: str = "tenant", share: str = "files") -> None:
        """Damage the share's file system so that a person has to repair it."""
        self.content(server, share).condition = Condition.RUINED

    def served(self, *, server: str = "tenant", share: str = "files", size: Capacity = SMALL) -> CifsShare:
        """A running server with a share."""
        self.host.servers.create(server)
        return self.host.shares.create(server, share, size).share

    def connect(self, user: str, password: Secret = PASSWORD, *, server: str = "tenant") -> Session:
        return self.machine.connect(self.machine.server_id(server), user, password.reveal())

    def admitted(self, server: str = "tenant") -> dict[tuple[str, str], AccessLevel]:
        return self.machine.admitted(self.machine.server_id(server))

    def leftovers(self) -> dict[str, Any]:
        """Everything on the machine except what never changes; empty on a fresh machine."""
        machine = self.machine
        held = {
            "records": machine.records,
            "secrets": machine.secrets,
            "volumes": machine.volumes,
            "attached": machine.attached,
            "mounts": machine.mounts,
            "scratch": machine.scratch,
            "folders": machine.folders,
            "containers": machine.containers,
            "bridges": machine.bridges,
            "links": machine.links,
            "progress": machine.progress,
            "trails": machine.trails,
            "locks": machine.lock_table.kept | machine.lock_table.held,
        }
        return {name: value for name, value in held.items() if value}


def on(bridge: str, *addresses: str, **more: Any) -> tuple[InterfaceSpec, ...]:
    """One interface on a tenant's bridge."""
    return (InterfaceSpec.parse(bridge=bridge, addresses=addresses, **more),)
