"""Records on disk: one versioned, checksummed JSON file for each share server."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from shares_core.adapters.linux.files import make_private_folder, remove_durably, write_whole
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.state import recordfile
from shares_core.adapters.state.codec import Codec
from shares_core.adapters.state.layout import Layout
from shares_core.adapters.state.migrations import upcast
from shares_core.adapters.state.recordfile import Unreadable
from shares_core.domain.claim import Claim
from shares_core.domain.errors import RecordUnreadable
from shares_core.domain.names import ServerName, key_of
from shares_core.domain.operation import Operation
from shares_core.domain.server import ShareServer
from shares_core.domain.volume import VolumeTraits
from shares_core.ports.records import Records

_UNKNOWN = VolumeTraits()
#: Tells one content of a file from another: each is a new file, renamed over the former one.
_Identity = tuple[int, int, int]


@frozen
class _Known:
    """A record's file, the digest of its content, and what it says."""

    identity: _Identity
    digest: bytes
    server: ShareServer


class DiskRecords(Records):
    """The records in the state folder, written with fsync and rename."""

    def __init__(
        self,
        layout: Layout,
        operations: Mapping[str, type[Operation]],
        former: VolumeTraits = _UNKNOWN,
    ) -> None:
        """``former`` are the traits of volumes whose records do not say them."""
        self._layout = layout
        self._folder = layout.records
        self._codec = Codec(operations.values())
        self._former = asdict(former)
        #: The records that this process has last read or written, by the servers' ids.
        self._known: dict[str, _Known] = {}

    # -- reading

    def load(self, server_id: str) -> ShareServer | None:
        path = self._path(server_id)
        with os_errors(f"reading {path}"):
            try:
                with path.open("rb") as file:
                    identity = _identity(os.fstat(file.fileno()))
                    content = file.read()
            except FileNotFoundError:
                return None
        known, digest = self._known.pop(server_id, None), _digest(content)
        # Decoding takes longer than reading; only what has changed is decoded again.
        if known is not None and known.digest == digest:
            server = known.server
        else:
            server = self._decoded(path, content)
        self._known[server_id] = _Known(identity, digest, server)
        return server

    def _decoded(self, path: Path, content: bytes) -> ShareServer:
        try:
            record = recordfile.decode(content)
        except Unreadable as error:
            raise RecordUnreadable(str(path), str(error)) from error
        try:
            document = upcast(record.server, record.schema, self._former)
            server: ShareServer = self._codec.decode(document, ShareServer)
        except Exception as error:  # whatever the upcasters of a former schema stumble upon
            why = str(error) or type(error).__name__
            raise RecordUnreadable(str(path), f"it does not describe a share server: {why}") from error
        if path.stem != server.id:
            raise RecordUnreadable(str(path), f"it describes another server, {server.id}")
        if record.claim is not None and record.claim != self._claim_document(server):
            raise RecordUnreadable(str(path), "its first line describes another server")
        return server

    def load_all(self) -> tuple[ShareServer | RecordUnreadable, ...]:
        servers: list[ShareServer] = []
        unreadable: list[RecordUnreadable] = []
        for server_id in self._ids():
            try:
                server = self.load(server_id)
            except RecordUnreadable as error:
                unreadable.append(error)
            else:
                if server is not None:  # removed after it was listed
                    servers.append(server)
        return (*sorted(servers, key=lambda server: server.name.key), *unreadable)

    def find(self, name: ServerName) -> ShareServer | None:
        named = self._named(name)
        if named is not None:
            with suppress(RecordUnreadable):  # another may have the name; if none has, it is read again
                server = self.load(named)
                if server is not None and server.name.key == name.key:
                    return server
        unreadable: RecordUnreadable | None = None
        for server_id in self._ids():
            try:
                claim = self._claim(server_id)
                if claim is not None and key_of(claim["name"]) == name.key:
                    return self.load(server_id)
            except RecordUnreadable as error:
                unreadable = error
        if unreadable is not None:
            raise unreadable
        return None

    def claims(self) -> tuple[Claim | RecordUnreadable, ...]:
        claims: list[Claim | RecordUnreadable] = []
        for server_id in self._ids():
            try:
                claim = self._claim(server_id)
                if claim is not None:
                    claims.append(self._codec.decode(claim, Claim))
            except RecordUnreadable as error:
                claims.append(error)
        return tuple(claims)

    def _claim(self, server_id: str) -> dict[str, Any] | None:
        """The record's claim, from its first line if possible."""
        path = self._path(server_id)
        with os_errors(f"reading {path}"):
            try:
                with path.open("rb", buffering=recordfile.FIRST_READ) as file:
                    size = os.fstat(file.fileno()).st_size
                    start = file.readline()
            except FileNotFoundError:
                return None
        claim = recordfile.claim_of(start, size)
        if claim is None:
            server = self.load(server_id)
            return None if server is None else self._claim_document(server)
        if claim["id"] != server_id:
            raise RecordUnreadable(str(path), f"it describes another server, {claim['id']}")
        return claim

    def _claim_document(self, server: ShareServer) -> dict[str, Any]:
        document: dict[str, Any] = self._codec.encode(server.claim, Claim)
        return document

    def _ids(self) -> list[str]:
        with os_errors(f"listing {self._folder}"):
            try:
                names = os.listdir(self._folder)
            except FileNotFoundError:
                names = []
        return [
            name.removesuffix(".json") for name in sorted(names) if name.endswith(".json") and name[0] != "."
        ]

    # -- writing

    def save(self, server: ShareServer) -> None:
        path = self._path(server.id)
        self._require_readable(server.id)
        content = recordfile.encode(self._claim_document(server), self._codec.encode(server, ShareServer))
        with os_errors(f"writing {path}"):
            make_private_folder(self._layout.state_dir)
            make_private_folder(self._folder)
            write_whole(path, content)
            self._known[server.id] = _Known(_identity(path.stat()), _digest(content), server)
        self._name(server)

    def remove(self, server_id: str) -> None:
        path = self._path(server_id)
        server = self.load(server_id)
        if server is not None and self._named(server.name) == server_id:
            with suppress(OSError):
                self._link(server.name).unlink()
        with os_errors(f"removing {path}"):
            remove_durably(path)
        self._known.pop(server_id, None)

    def _require_readable(self, server_id: str) -> None:
        """Raise RecordUnreadable rather than overwrite a record that cannot be read.

        Does not read a record again that this process has read or written and nobody has changed since.
        """
        path = self._path(server_id)
        with os_errors(f"looking at {path}"):
            try:
                found = _identity(path.stat())
            except FileNotFoundError:
                return
        known = self._known.get(server_id)
        if known is None or found != known.identity:
            self.load(server_id)

    # -- names: links that say where to look first. Only the record counts.

    def _named(self, name: ServerName) -> str | None:
        try:
            server_id = os.readlink(self._link(name))
        except OSError:
            return None
        return server_id if re.fullmatch("[0-9a-f]{12}", server_id) else None

    def _name(self, server: ShareServer) -> None:
        if self._named(server.name) == server.id:
            return
        link = self._link(server.name)
        with suppress(OSError):  # without the link, finding the server only takes longer
            make_private_folder(self._layout.names)
            link.unlink(missing_ok=True)
            link.symlink_to(server.id)

    def _link(self, name: ServerName) -> Path:
        return self._layout.names / name.key

    def _path(self, server_id: str) -> Path:
        return self._folder / f"{server_id}.json"


def _identity(status: os.stat_result) -> _Identity:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
