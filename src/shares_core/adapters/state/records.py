"""Records on disk: one versioned, checksummed JSON file for each share server."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict

from shares_core.adapters.linux.files import make_private_folder, remove_durably, write_whole
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.state.layout import Layout
from shares_core.domain.addresses import BridgeName, MacAddress
from shares_core.domain.attachment import Attachment, BridgeAttachment
from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import RecordUnreadable
from shares_core.domain.names import ServerName, ShareName, UserName
from shares_core.domain.operation import Operation, ServerOperation, ShareOperation
from shares_core.domain.server import ShareServer
from shares_core.domain.volume import DEFAULT_POOL, PoolName, VolumeTraits
from shares_core.ports.records import Records

if TYPE_CHECKING:
    from cattrs import Converter

SCHEMA = 1
_UNKNOWN = VolumeTraits()


def converter(operations: Mapping[str, type[Operation]]) -> Converter:
    """How records, and the values that use cases take and give, turn into JSON's types and back."""
    from cattrs import Converter

    converter = Converter(forbid_extra_keys=True)
    for wrapper in (ServerName, ShareName, UserName, BridgeName, MacAddress, PoolName):
        converter.register_unstructure_hook(wrapper, lambda value: value.value)
        converter.register_structure_hook(wrapper, lambda value, kind: kind(value))
    converter.register_unstructure_hook(Capacity, lambda value: value.bytes)
    converter.register_structure_hook(Capacity, lambda value, _: Capacity(value))
    for address in (IPv4Interface, IPv6Interface, IPv4Address, IPv6Address):
        converter.register_unstructure_hook(address, str)
    converter.register_unstructure_hook(IPv4Interface | IPv6Interface, str)
    converter.register_unstructure_hook(IPv4Address | IPv6Address, str)
    converter.register_structure_hook(IPv4Interface | IPv6Interface, lambda value, _: ip_interface(value))
    converter.register_structure_hook(IPv4Address | IPv6Address, lambda value, _: ip_address(value))
    converter.register_unstructure_hook(
        Attachment, lambda value: {"kind": value.kind, "bridge": value.device}
    )
    converter.register_structure_hook(
        Attachment, lambda value, _: BridgeAttachment(BridgeName(value["bridge"]))
    )
    _register_operations(converter, operations)
    return converter


def _register_operations(converter: Converter, operations: Mapping[str, type[Operation]]) -> None:
    """Operations are told apart by their wire names, never by the names of classes."""

    def unstructure(operation: Operation) -> dict[str, Any]:
        return {"kind": operation.kind} | dict(converter.unstructure_attrs_asdict(operation))

    def structure(value: dict[str, Any], base: type[Operation]) -> Operation:
        fields = dict(value)
        concrete = operations[fields.pop("kind")]
        if not issubclass(concrete, base):
            raise ValueError(f"{concrete.kind} cannot be under way here")
        return converter.structure_attrs_fromdict(fields, concrete)

    for base in (ServerOperation, ShareOperation):
        converter.register_unstructure_hook(base, unstructure)
        converter.register_structure_hook(base, structure)
    for concrete in operations.values():
        converter.register_unstructure_hook(concrete, unstructure)
        converter.register_structure_hook(concrete, structure)


def encode(document: dict[str, Any]) -> bytes:
    """A record's bytes: its body, with the schema's version and a checksum over both."""
    body = json.dumps(document, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    whole = {"schema": SCHEMA, "checksum": _checksum(SCHEMA, body), "server": json.loads(body)}
    return (json.dumps(whole, indent=1, sort_keys=True) + "\n").encode()


def decode(content: bytes, path: str) -> dict[str, Any]:
    """The body of a record's bytes. Raises RecordUnreadable, which names ``path`` and says why."""
    try:
        whole = json.loads(content)
    except ValueError as error:
        raise RecordUnreadable(path, "it is truncated or not JSON") from error
    schema = whole.get("schema") if isinstance(whole, dict) else None
    if not isinstance(schema, int) or "server" not in whole:
        raise RecordUnreadable(path, "it is not a record")
    if schema > SCHEMA:
        raise RecordUnreadable(path, f"its version {schema} is newer than {SCHEMA}, the newest known here")
    body = json.dumps(whole["server"], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    if whole.get("checksum") != _checksum(schema, body):
        raise RecordUnreadable(path, "its checksum does not match its content")
    server = whole["server"]
    if not isinstance(server, dict):
        raise RecordUnreadable(path, "it is not a record")
    return server


def _checksum(schema: int, body: str) -> str:
    return "sha256:" + hashlib.sha256(f"{schema}\n{body}".encode()).hexdigest()


class DiskRecords(Records):
    """The records below the state folder, written by fsync and rename."""

    def __init__(
        self,
        layout: Layout,
        operations: Mapping[str, type[Operation]],
        former: VolumeTraits = _UNKNOWN,
    ) -> None:
        """``former`` is what the volumes are of records that do not tell it."""
        self._operations = operations
        self._former = former
        self._folder = layout.records
        self._layout = layout
        self._lazy_converter: Converter | None = None

    @property
    def _converter(self) -> Converter:
        if self._lazy_converter is None:
            self._lazy_converter = converter(self._operations)
        return self._lazy_converter

    def load(self, server_id: str) -> ShareServer | None:
        return self._load(self._path(server_id))

    def _load(self, path: Path) -> ShareServer | None:
        with os_errors(f"reading {path}"):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                return None
        document = decode(content, str(path))
        try:
            self._bring_up(document)
            _attach(document)
            server = self._converter.structure(document, ShareServer)
        except Exception as error:  # cattrs raises groups of whatever the values' own checks raise
            raise RecordUnreadable(
                str(path), f"it does not describe a share server: {_first(error)}"
            ) from error
        if path.stem != server.id:
            raise RecordUnreadable(str(path), f"it describes another server, {server.id}")
        return server

    def _bring_up(self, document: dict[str, Any]) -> None:
        """Make of a share's volume's id what is known of its volume, where a record tells no more."""
        for share in document["shares"]:
            if "volume" not in share:
                share["volume"] = {
                    "ref": {"pool": str(DEFAULT_POOL), "id": share.pop("volume_id")},
                    "filesystem": share.pop("filesystem"),
                    "owner": document["uid"],
                    "traits": asdict(self._former),
                }

    def load_all(self) -> tuple[ShareServer | RecordUnreadable, ...]:
        with os_errors(f"listing {self._folder}"):
            try:
                names = os.listdir(self._folder)
            except FileNotFoundError:
                names = []
        paths = [self._folder / name for name in sorted(names) if name.endswith(".json") and name[0] != "."]
        servers: list[ShareServer] = []
        unreadable: list[RecordUnreadable] = []
        for path in paths:
            try:
                server = self._load(path)
            except RecordUnreadable as error:
                unreadable.append(error)
            else:
                if server is not None:  # removed since it was listed
                    servers.append(server)
        return (*sorted(servers, key=lambda server: server.name.key), *unreadable)

    def save(self, server: ShareServer) -> None:
        path = self._path(server.id)
        self._load(path)  # raises rather than overwrite what cannot be read
        content = encode(self._converter.unstructure(server))
        with os_errors(f"writing {path}"):
            make_private_folder(self._layout.state_dir)
            make_private_folder(self._folder)
            write_whole(path, content)

    def remove(self, server_id: str) -> None:
        path = self._path(server_id)
        self._load(path)
        with os_errors(f"removing {path}"):
            remove_durably(path)

    def _path(self, server_id: str) -> Path:
        return self._folder / f"{server_id}.json"


def _attach(document: dict[str, Any]) -> None:
    """Read an interface as it was recorded when there was nothing but bridges."""
    for interface in document.get("interfaces", ()):
        if "segment" in interface:
            del interface["segment"]
            interface["attachment"] = {"kind": "bridge", "bridge": interface.pop("bridge")}


def _first(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
