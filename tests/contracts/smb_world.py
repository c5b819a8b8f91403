"""The world of the suites of Samba."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import StrEnum

import pytest
from attrs import define, evolve

from shares_core.domain.access import AccessLevel
from shares_core.domain.names import ShareName, UserName
from shares_core.domain.network import Interface
from shares_core.domain.secret import PasswordHash, Secret
from shares_core.domain.server import ShareServer
from shares_core.domain.volume import DEFAULT_POOL
from shares_core.ports import Ports, Script
from tests.contracts.values import OWNER, UID, new_server, new_share, with_rules
from tests.contracts.world import World

ADA, BOB, EVE = UserName("ada"), UserName("bob"), UserName("eve")
FILES, OTHER = ShareName("files"), ShareName("other")
RO, RW = AccessLevel.READ_ONLY, AccessLevel.READ_WRITE
PASSWORD = Secret("correct horse")


class Written(StrEnum):
    """The stage of a half-done ``apply``. At the last, everything is written but smbd is not told."""

    ACCOUNTS = "accounts"
    SHARES = "shares"


class Handle(ABC):
    """A file that a client has open."""

    @abstractmethod
    def usable(self) -> bool:
        """Whether the server still knows it."""


class Client(ABC):
    """A user's connection with one session."""

    @abstractmethod
    def level(self, share: ShareName) -> AccessLevel | None:
        """What a new tree connect to the share on this connection may do."""

    @abstractmethod
    def hold(self, share: ShareName, *, write: bool = True) -> Handle:
        """Open the existing file of the share."""

    @abstractmethod
    def connected(self) -> bool:
        """Whether the server still knows the session."""


class SmbWorld(World):
    """A host with SMB clients. ``revoke`` is the script that ends what they have open."""

    revoke: Script

    @abstractmethod
    def new_interface(self) -> Interface:
        """An interface that the clients reach."""

    @abstractmethod
    def log_in(self, server: ShareServer, user: UserName, password: Secret) -> Client | None:
        """A new connection, or None if the server refuses the user."""

    @abstractmethod
    def put_file(self, server: ShareServer, share: ShareName) -> None:
        """Put the file that ``hold`` opens into the share, from the host."""

    @abstractmethod
    def take_execute_bits(self, server: ShareServer, share: ShareName) -> None:
        """Leave the share's file and folder as a former release made them."""

    @abstractmethod
    def executable(self, server: ShareServer, share: ShareName) -> bool:
        """Whether the share's file and folder have their owner's execute bit."""

    @abstractmethod
    def put_recycled(self, server: ShareServer, share: ShareName) -> None:
        """Put a file of one byte, which takes no more than 4 KiB, into the share's recycle bin."""

    @abstractmethod
    def half_applied(
        self, server: ShareServer, hashes: Mapping[UserName, PasswordHash], written: Written
    ) -> None:
        """What a killed ``apply`` leaves."""

    @abstractmethod
    def ending(self, server_id: str, step: int) -> AbstractContextManager[Ports]:
        """The ports of a process, during whose call of Samba's verbs the server's smbd is killed.

        Before a script runs inside (1), at its request (2), or at its request by the other way (3).
        """


@define
class Serving:
    """A server with the accounts of ADA and BOB, who have the same password, and the published rules."""

    world: SmbWorld
    server: ShareServer

    @property
    def hashes(self) -> dict[UserName, PasswordHash]:
        """Everybody's hashes, also of those without an account."""
        digest = self.world.ports.secrets.digest(PASSWORD, 1_700_000_000)
        return dict.fromkeys((ADA, BOB, EVE), digest)

    def publish(self, server: ShareServer) -> ShareServer:
        self.server = server
        self.world.ports.smb_config.apply(server, self.hashes)
        return server

    def rules(self, share: ShareName = FILES, /, **levels: str) -> ShareServer:
        """Publish the server with exactly these rules on the share."""
        return self.publish(with_rules(self.server, str(share), **levels))

    def connect(self, user: UserName) -> Client:
        client = self.world.log_in(self.server, user, PASSWORD)
        assert client is not None
        return client

    def start(self) -> None:
        runtime = self.world.ports.runtime
        runtime.ensure(self.server.id, UID)
        namespace = runtime.start(self.server.id).namespace
        self.world.ports.network.plug(self.server.id, self.server.interfaces[0], 0, namespace)
        runtime.wait_ready(self.server.id)


class SmbContract:
    """The fixtures of both suites."""

    @pytest.fixture
    def resting(self, world: SmbWorld) -> Serving:
        """Two shares, mounted; nothing published, no container."""
        ports = world.ports
        ports.storage.prepare(DEFAULT_POOL)
        server = evolve(new_server(world.new_id(), users=["ada", "bob"]), interfaces=(world.new_interface(),))
        ports.folders.ensure(server.id, UID)
        for name in (FILES, OTHER):
            share = new_share(world.new_id(), world.new_id(), str(name))
            ports.storage.ensure_volume(share.volume.ref, share.capacity, OWNER)
            device = ports.storage.attach(share.volume.ref)
            ports.filesystems.make(device, share.volume)
            ports.filesystems.mount(server.id, share.id, device, share.volume, UID)
            ports.filesystems.prepare_folder(server.id, share.id, share.folder, UID)
            server = server.with_share(share)
            world.put_file(server, name)
        return Serving(world, server)

    @pytest.fixture
    def serving(self, resting: Serving) -> Serving:
        """The same, running: ``files`` is ADA's and BOB's to write, ``other`` ADA's."""
        resting.rules(FILES, ada="rw", bob="rw")
        resting.rules(OTHER, ada="rw")
        resting.start()
        return resting
