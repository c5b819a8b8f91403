"""A model of SMB clients: who gets in, and what stays open."""

from __future__ import annotations

from itertools import count
from typing import Protocol

from attrs import define, field

from shares_core.domain.access import AccessLevel
from shares_core.domain.names import key_of
from shares_core.testing.state import MemoryFileSystem, ServedShare

HOST_UNREACHABLE = "NT_STATUS_HOST_UNREACHABLE"
LOGON_FAILURE = "NT_STATUS_LOGON_FAILURE"
BAD_NETWORK_NAME = "NT_STATUS_BAD_NETWORK_NAME"
ACCESS_DENIED = "NT_STATUS_ACCESS_DENIED"
DISK_FULL = "NT_STATUS_DISK_FULL"
DISCONNECTED = "NT_STATUS_CONNECTION_DISCONNECTED"


class SmbRefused(Exception):
    """The server answered a client with ``status``, one of Samba's names."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class Serving(Protocol):
    """What a connection needs of its host."""

    sessions: list[Session]

    def log_audit(self, server_id: str, share_id: str, *words: str) -> None:
        """What smbd logs of a client's change."""

    def served_filesystem(self, server_id: str, share: ServedShare) -> MemoryFileSystem | None:
        """The file system of a share if smbd can serve it, or None."""


@define(eq=False)
class Session:
    """One user's connection to a server, until the server or the client ends it.

    ``taken`` is the configuration of the connection's own smbd process: on a *lagging* host it stays the
    former one until the library waits for the process to reload. ``number`` is that process's.
    """

    host: Serving
    server_id: str
    user: str
    taken: tuple[ServedShare, ...]
    alive: bool = True
    number: int = field(factory=count(1).__next__)
    files: list[OpenFile] = field(factory=list)

    def open(self, share: str, *, name: str = "file", write: bool = False) -> OpenFile:
        """Open a file of a share. Raises SmbRefused with the status that Samba gives."""
        self._need_alive()
        served = next((s for s in self.taken if s.name.key == key_of(share)), None)
        if served is None or self.host.served_filesystem(self.server_id, served) is None:
            raise SmbRefused(BAD_NETWORK_NAME)
        level = served.level(self.user)
        if level is None or (write and level is not AccessLevel.READ_WRITE):
            raise SmbRefused(ACCESS_DENIED)
        opened = OpenFile(self, served, name, write)
        self.files.append(opened)
        if write and served.options.audit:
            self.host.log_audit(self.server_id, served.id, "opened", self.user, name)
        return opened

    def level(self, share: str) -> AccessLevel | None:
        """What the user may do on the share, found by trying."""
        for write, level in ((True, AccessLevel.READ_WRITE), (False, AccessLevel.READ_ONLY)):
            try:
                self.open(share, write=write).close()
            except SmbRefused:
                continue
            return level
        return None

    def end(self) -> None:
        """Close every file and the connection."""
        for opened in tuple(self.files):
            opened.close()
        self.alive = False
        if self in self.host.sessions:
            self.host.sessions.remove(self)

    def _need_alive(self) -> None:
        if not self.alive:
            raise SmbRefused(DISCONNECTED)


@define(eq=False)
class OpenFile:
    """An open file. It keeps the rights with which it was opened until somebody closes it."""

    session: Session
    share: ServedShare
    name: str
    writable: bool
    closed: bool = False

    def read(self) -> bytes:
        """The file's content. Raises SmbRefused."""
        return self._filesystem().files.get(self.name, b"")

    def write(self, data: bytes) -> None:
        """Replace the file's content. Raises SmbRefused, also if the file system is full."""
        filesystem = self._filesystem()
        if not self.writable:
            raise SmbRefused(ACCESS_DENIED)
        others = filesystem.used - len(filesystem.files.get(self.name, b""))
        if others + len(data) > filesystem.total:
            raise SmbRefused(DISK_FULL)
        filesystem.files[self.name] = data

    def delete(self) -> None:
        """Delete the file, which moves it to the share's recycle bin if it has one. Raises SmbRefused."""
        filesystem = self._filesystem()
        if not self.writable:
            raise SmbRefused(ACCESS_DENIED)
        content = filesystem.files.pop(self.name, None)
        if content is not None and self.share.options.recycle_bin is not None:
            filesystem.recycled.append(content)
        self.close()

    def close(self) -> None:
        self.closed = True
        if self in self.session.files:
            self.session.files.remove(self)

    def _filesystem(self) -> MemoryFileSystem:
        found = self.session.host.served_filesystem(self.session.server_id, self.share)
        if self.closed or found is None:
            raise SmbRefused(DISCONNECTED)
        return found
