"""The other half of the host in memory: devices, and SMB clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from attrs import frozen
from tests.contracts.network_world import ADDRESS, NetworkWorld, Plugged
from tests.contracts.smb_world import Client, Handle, SmbWorld, Written
from tests.contracts.values import UID
from tests.unit.contracts.memory_mounts import FILE, MemoryMounts
from tests.unit.contracts.memory_world import MemoryWorld

from shares_core.domain.access import AccessLevel
from shares_core.domain.addresses import BridgeName, MacAddress
from shares_core.domain.attachment import BridgeAttachment
from shares_core.domain.names import ShareName, UserName
from shares_core.domain.network import Interface
from shares_core.domain.secret import PasswordHash, Secret
from shares_core.domain.server import ShareServer
from shares_core.ports import Ports
from shares_core.testing import (
    Call,
    OpenFile,
    Session,
    SmbRefused,
    memory_ports,
)
from shares_core.testing.clients import LOGON_FAILURE
from shares_core.testing.processes import REVOKE
from shares_core.testing.state import MemoryFileSystem


class MemoryDevices(MemoryWorld, NetworkWorld):
    """A host in memory whose devices can be read."""

    def new_name(self) -> BridgeName:
        return BridgeName(f"br{self.host.count()}")

    def new_namespace(self) -> tuple[str, str]:
        server_id = self.new_id()
        self.ports.folders.ensure(server_id, UID)
        self.ports.runtime.ensure(server_id, UID)
        return server_id, self.ports.runtime.start(server_id).namespace

    def foreign_device(self, name: str, *addresses: str) -> None:
        self.host.foreign_devices[name] = addresses

    def is_there(self, name: str) -> bool:
        return name in {*self.host.foreign_devices, *self.host.bridges, *self.host.links}

    def bridge_is(self, name: BridgeName) -> tuple[frozenset[str], int]:
        there = self.host.bridges[str(name)]
        addresses = there.spec.host_addresses if there.complete else ()
        return frozenset(map(str, addresses)), there.spec.mtu

    def inside(self, namespace: str, index: int) -> Plugged | None:
        for link in self.host.links.values():
            if (link.namespace, link.index) == (namespace, index):
                return Plugged.of(link.interface)
        return None

    def half_made_bridge(self, server_id: str, interface: Interface, namespace: str, step: int) -> None:
        with self.dying("network.plug") as ports:
            ports.network.plug(server_id, interface, 0, namespace)

    def half_plugged(self, server_id: str, interface: Interface, namespace: str, step: int) -> None:
        with self.dying("network.plug", step=2) as ports:  # the bridge comes first
            ports.network.plug(server_id, interface, 0, namespace)

    def client_of(self, interface: Interface) -> Callable[[], bool]:
        wanted = {(interface.attachment.device, address.ip) for address in interface.addresses}

        def reaches() -> bool:
            plugged = {link.interface.mac for link in self.host.links.values() if link.up}
            return plugged.issuperset(self.host.neighbours[each] for each in wanted)

        return reaches

    def carries(self, name: str) -> bool:
        bridge, link = self.host.bridges.get(name), self.host.links.get(name)
        return bool(bridge and bridge.complete) or bool(link and link.up)

    def is_filtered(self, name: str) -> bool:
        return name in self.host.filters

    def flush_filters(self) -> None:
        self.host.filters.clear()

    def lose_device(self, name: str) -> None:
        del (self.host.bridges if name in self.host.bridges else self.host.links)[name]


@frozen
class MemoryHandle(Handle):
    opened: OpenFile

    def usable(self) -> bool:
        with suppress(SmbRefused):
            self.opened.read()
            return True
        return False


@frozen
class MemoryClient(Client):
    session: Session

    def level(self, share: ShareName) -> AccessLevel | None:
        return self.session.level(str(share))

    def hold(self, share: ShareName, *, write: bool = True) -> Handle:
        return MemoryHandle(self.session.open(str(share), name=FILE, write=write))

    def connected(self) -> bool:
        return self.session.alive


class MemorySmb(MemoryMounts, MemoryDevices, SmbWorld):
    """A host in memory with clients."""

    revoke = REVOKE

    def new_interface(self) -> Interface:
        interface_id = self.new_id()
        return Interface(
            interface_id,
            BridgeAttachment(self.new_name()),
            (ADDRESS,),
            MacAddress.derived_from(interface_id),
            1500,
        )

    def log_in(self, server: ShareServer, user: UserName, password: Secret) -> Client | None:
        try:
            return MemoryClient(self.host.connect(server.id, str(user), password.reveal()))
        except SmbRefused as refusal:
            if refusal.status != LOGON_FAILURE:
                raise
            return None

    def put_file(self, server: ShareServer, share: ShareName) -> None:
        self.write(server.id, server.share(share).id, b"content")

    def take_execute_bits(self, server: ShareServer, share: ShareName) -> None:
        self._of_share(server, share).executable = False

    def put_recycled(self, server: ShareServer, share: ShareName) -> None:
        self._of_share(server, share).recycled.append(b"x")

    def executable(self, server: ShareServer, share: ShareName) -> bool:
        return self._of_share(server, share).executable

    def _of_share(self, server: ShareServer, share: ShareName) -> MemoryFileSystem:
        found = self.host.mounted_filesystem(server.id, server.share(share).id)
        assert found is not None
        return found

    def half_applied(
        self, server: ShareServer, hashes: Mapping[UserName, PasswordHash], written: Written
    ) -> None:
        with self.dying("smb_config.apply", step=1 if written is Written.ACCOUNTS else 2) as ports:
            ports.smb_config.apply(server, hashes)

    @contextmanager
    def ending(self, server_id: str, step: int) -> Iterator[Ports]:
        """Verbs are atomic here: smbd is killed before the script (1, 2) or after it (3)."""

        def around(call: Call, proceed: Callable[[], object]) -> object:
            if call.port != "processes":
                return proceed()
            if step < 3:
                self.host.kill_container(server_id)
                return proceed()
            try:
                return proceed()
            finally:
                self.host.kill_container(server_id)

        yield memory_ports(self.host, faults=around)
