"""Durable handles: what a client keeps open while its connection is lost (MS-SMB2 3.2.4.4)."""

from __future__ import annotations

import socket
import uuid
from contextlib import suppress

from attrs import define
from pyroute2 import IPRoute
from smbprotocol.connection import Connection, Dialects
from smbprotocol.create_contexts import (
    SMB2CreateContextRequest,
    SMB2CreateDurableHandleReconnectV2,
    SMB2CreateDurableHandleRequestV2,
    SMB2CreateRequestLeaseV2,
)
from smbprotocol.file_info import FileAttributes
from smbprotocol.open import CreateDisposition, CreateOptions, ImpersonationLevel, Open, RequestedOplockLevel
from smbprotocol.session import Session
from smbprotocol.structure import Structure

from tests.testkit.clients import READ_WRITE, ClientNamespace, SmbClient, nt_status

_EVERYTHING = 7  # others may read, write and delete
_CACHING = 7  # reads, writes and handles
_SECONDS = 60


@define
class DurableFile:
    """A file that a client has open with a durable handle, in a session of its own."""

    client: SmbClient
    name: str
    share: str
    machine: uuid.UUID
    handle: uuid.UUID
    session: Session
    file: Open

    @classmethod
    def open(cls, client: SmbClient, name: str, share: str = "files") -> DurableFile:
        """Open it, or make it."""
        machine, handle = uuid.uuid4(), uuid.uuid4()
        session = _logged_in(client, machine)
        wanted = SMB2CreateDurableHandleRequestV2()
        wanted["create_guid"] = handle
        opened = _open(session, client, share, name, handle, wanted, CreateDisposition.FILE_OPEN_IF)
        return cls(client, name, share, machine, handle, session, opened)

    def lose_connection(self) -> None:
        """End the connection without a word of SMB."""
        self.session.connection.transport._sock.shutdown(socket.SHUT_RDWR)

    def come_back(self) -> None:
        """Connect again and reclaim the handle. Raises SMBResponseException if the server let go of it."""
        session = _logged_in(self.client, self.machine)
        wanted = SMB2CreateDurableHandleReconnectV2()
        wanted["file_id"] = self.file.file_id
        wanted["create_guid"] = self.handle
        existing = CreateDisposition.FILE_OPEN
        self.file = _open(session, self.client, self.share, self.name, self.handle, wanted, existing)
        self.session = session

    def is_back(self) -> bool:
        """Whether it is open again after a try, in which the server may not be reached."""
        with suppress(OSError, ValueError):
            return nt_status(self.come_back) == "NT_STATUS_OK"
        return False

    def close(self) -> None:
        """End its connection."""
        with suppress(OSError, ValueError):
            self.session.connection.disconnect(close=False)


def _logged_in(client: SmbClient, machine: uuid.UUID) -> Session:
    connection = Connection(machine, client.address, 445)
    with client.namespace.entered():
        connection.connect(Dialects.SMB_3_1_1, timeout=_SECONDS)
    return client.log_in(connection)


def _open(
    session: Session,
    client: SmbClient,
    share: str,
    name: str,
    handle: uuid.UUID,
    wanted: Structure,
    disposition: int,
) -> Open:
    lease = SMB2CreateRequestLeaseV2()
    lease["lease_key"] = handle.bytes
    lease["lease_state"] = _CACHING
    lease["parent_lease_key"] = bytes(16)
    lease["epoch"] = bytes(2)
    opened = Open(client.tree(session, share), name)
    opened.create(
        ImpersonationLevel.Impersonation,
        READ_WRITE,
        FileAttributes.FILE_ATTRIBUTE_NORMAL,
        _EVERYTHING,
        disposition,
        CreateOptions.FILE_NON_DIRECTORY_FILE,
        oplock_level=RequestedOplockLevel.SMB2_OPLOCK_LEVEL_LEASE,
        create_contexts=[_context(wanted), _context(lease)],
    )
    return opened


def _context(value: Structure) -> SMB2CreateContextRequest:
    context = SMB2CreateContextRequest()
    context["buffer_name"] = value.NAME
    context["buffer_data"] = value
    return context


def set_link(namespace: ClientNamespace, state: str) -> None:
    """Cut a client's cable (``down``), or mend it (``up``)."""
    with IPRoute() as host:
        (port,) = host.link_lookup(ifname=namespace.port)
        host.link("set", index=port, state=state)
