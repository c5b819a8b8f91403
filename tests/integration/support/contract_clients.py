"""A real host with SMB clients, for the contracts' suites."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from smbprotocol.connection import Dialects
from smbprotocol.exceptions import LogonFailure
from smbprotocol.open import CreateDisposition, Open
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect

from shares_core.adapters.containers import agent, execution
from shares_core.adapters.containers.runtime import DockerRuntime
from shares_core.adapters.samba.sessions import revoke_script
from shares_core.domain.access import AccessLevel
from shares_core.domain.addresses import MacAddress
from shares_core.domain.attachment import BridgeAttachment
from shares_core.domain.names import ShareName, UserName
from shares_core.domain.network import Interface
from shares_core.domain.secret import PasswordHash, Secret
from shares_core.domain.server import ShareServer
from shares_core.ports import Ports
from tests.contracts.network_world import ADDRESS
from tests.contracts.smb_world import Client, Handle, SmbWorld, Written
from tests.contracts.values import UID
from tests.integration.support.contract_servers import RealContainers, RealDevices
from tests.integration.support.contract_storage import RealStorage
from tests.testkit.clients import (
    READ,
    READ_WRITE,
    ClientNamespace,
    SmbClient,
    nt_status,
    open_file,
)

_OK = "NT_STATUS_OK"
_FILE = "file"


@frozen
class RealHandle(Handle):
    opened: Open

    def usable(self) -> bool:
        return _OK == nt_status(lambda: self.opened.read(0, 1))


@frozen
class RealClient(Client):
    smb: SmbClient
    session: Session

    def level(self, share: ShareName) -> AccessLevel | None:
        if nt_status(lambda: self._tree_of(share)) != _OK:
            return None
        tree = self._tree_of(share)
        for access, level in ((READ_WRITE, AccessLevel.READ_WRITE), (READ, AccessLevel.READ_ONLY)):
            if nt_status(lambda wanted=access: self._open(tree, wanted).close()) == _OK:  # type: ignore[misc]
                return level
        return None

    def _tree_of(self, share: ShareName) -> TreeConnect:
        return self.smb.tree(self.session, str(share))

    @staticmethod
    def _open(tree: TreeConnect, access: int) -> Open:
        return open_file(tree, _FILE, access, disposition=CreateDisposition.FILE_OPEN)

    def hold(self, share: ShareName, *, write: bool = True) -> Handle:
        return RealHandle(self._open(self._tree_of(share), READ_WRITE if write else READ))

    def connected(self) -> bool:
        return _OK == nt_status(lambda: self.smb.tree(self.session, "IPC$"))


class RealSmb(RealStorage, RealContainers, RealDevices, SmbWorld):
    """A real host with SMB clients."""

    revoke = revoke_script()

    def __init__(self) -> None:
        super().__init__()
        self._clients = ExitStack()
        self._machine: ClientNamespace | None = None

    def close(self) -> None:
        """Close clients first: a connection that cannot end properly keeps its namespace for minutes."""
        self._clients.close()
        super().close()

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
        smb = SmbClient(
            self._namespace(server), str(ADDRESS.ip), str(user), password.reveal(), self.state_dir
        )
        connection = self._clients.enter_context(smb.negotiated(Dialects.SMB_3_1_1))
        try:
            return RealClient(smb, smb.log_in(connection))
        except LogonFailure:
            return None

    def _namespace(self, server: ShareServer) -> ClientNamespace:
        """A namespace for the server's clients, made when it is first needed."""
        if self._machine is None:
            self._machine = ClientNamespace.create(server.interfaces[0].attachment.device, "10.214.0.200/24")
            self._clients.callback(self._machine.remove)
        return self._machine

    def put_file(self, server: ShareServer, share: ShareName) -> None:
        found = server.share(share)
        path = self.layout.share(server.id, found.id) / found.folder / _FILE
        path.write_bytes(b"content")
        os.chown(path, UID, UID)

    def _made(self, server: ShareServer, share: ShareName) -> tuple[Path, Path]:
        """A folder and a file that the server's user has made."""
        found = server.share(share)
        folder = self.layout.share(server.id, found.id) / found.folder
        return folder / "folder", folder / _FILE

    def take_execute_bits(self, server: ShareServer, share: ShareName) -> None:
        folder, file = self._made(server, share)
        folder.mkdir(exist_ok=True)
        os.chown(folder, UID, UID)
        folder.chmod(0o700)
        file.chmod(0o600)

    def executable(self, server: ShareServer, share: ShareName) -> bool:
        return all(path.stat().st_mode & 0o100 for path in self._made(server, share))

    def put_recycled(self, server: ShareServer, share: ShareName) -> None:
        recycled = self._made(server, share)[0].with_name(".recycle")
        recycled.mkdir()
        (recycled / "file").write_bytes(b"x")
        for path in (recycled, recycled / "file"):
            os.chown(path, UID, UID)

    def half_applied(
        self, server: ShareServer, hashes: Mapping[UserName, PasswordHash], written: Written
    ) -> None:
        """The shares are the fifth of six files; the list of recycle bins is the last."""
        where = {
            Written.ACCOUNTS: "os.rename:5",
            Written.SHARES: "shares_core.adapters.containers.processes.ContainerProcesses.signal",
        }
        self.killed_in("smb_config.apply", server, hashes, where=where[written])

    @contextmanager
    def ending(self, server_id: str, step: int) -> Iterator[Ports]:
        """Docker may have noticed the end (1) or not (2, 3)."""
        self.remember_filters()
        killed: list[int] = []

        def kill() -> None:
            if not killed:
                killed.append(step)
                if step == 1:
                    self.kill(server_id)
                else:
                    os.kill(self._pid(server_id), signal.SIGKILL)

        def before(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any) -> Any:
                kill()
                return real(*arguments)

            return call

        def after(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any) -> Any:
                answer = real(*arguments)
                kill()
                return answer

            return call

        with pytest.MonkeyPatch.context() as patch:
            if step == 1:
                patch.setattr(DockerRuntime, "inspect", after(DockerRuntime.inspect))
                patch.setattr(agent, "ask", before(agent.ask))
            elif step == 2:
                patch.setattr(agent, "_hear", before(agent._hear))
            else:
                patch.setattr(agent, "ask", lambda *arguments: None)
                patch.setattr(execution, "_listen", before(execution._listen))
            yield self.ports
        assert killed

    def _pid(self, server_id: str) -> int:
        """The container's first process, whose end ends all others."""
        namespace = self.ports.runtime.inspect(server_id).namespace
        return int(Path(namespace).parts[2])
