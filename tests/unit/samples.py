"""Samples of any type, made from its annotations, so that nobody has to list the fields of a new type.

The samples of a class have every sample of every field: each member of a union or an enumeration, and none
and some of a sequence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum
from functools import cache
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs
from tests.unit.errors import EVERY_ERROR

from shares_core.domain.addresses import BridgeName, MacAddress
from shares_core.domain.attachment import Attachment, BridgeAttachment
from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import InvalidInput, SharesError
from shares_core.domain.names import Name
from shares_core.domain.network import InterfaceSpec
from shares_core.domain.options import RecycleBin
from shares_core.domain.schedules import Schedule
from shares_core.domain.secret import Secret
from shares_core.domain.share import CifsShare
from shares_core.domain.snapshots import Snapshot, SnapshotName
from shares_core.domain.volume import FileSystem, FileSystemKind, PoolName, VolumeRef

_PLAIN: Mapping[Any, tuple[Any, ...]] = {
    NoneType: (None,),
    str: ("", "x", 'ä"\n\\\u2028\x00😀'),
    int: (0, -1, 2**70),
    bool: (False, True),
    float: (0.0, 0.1, -1e300, 2.0**53),
    IPv4Address: (IPv4Address("10.0.0.1"),),
    IPv6Address: (IPv6Address("fd00:a::1"),),
    IPv4Interface: (IPv4Interface("10.0.0.5/24"), IPv4Interface("10.0.0.5/32")),
    IPv6Interface: (IPv6Interface("fd00:a::5/64"),),
    Capacity: (Capacity(1), Capacity(2**62)),
    BridgeName: (BridgeName("br-a"),),
    Attachment: (BridgeAttachment(BridgeName("br-a")),),
    Schedule: (Schedule(hourly=1), Schedule(1, 2, 3, 4), Schedule(weekly=63)),
    Snapshot: (
        Snapshot("5a5a5a5a5a5a", SnapshotName("before"), 0, Capacity(1)),
        Snapshot("5b5b5b5b5b5b", SnapshotName("2026-11-30T22:33:44+01:00"), 1_796_000_000, Capacity(2**62)),
    ),
    RecycleBin: (RecycleBin(1), RecycleBin(3650)),
    MacAddress: (MacAddress("02:00:00:aa:bb:cc"),),
    FileSystem: (
        FileSystem(FileSystemKind.EXT4, ""),
        FileSystem(FileSystemKind.EXT4, "x", case_fold=True),
        FileSystem(FileSystemKind.XFS, 'ä"\n\\\u2028\x00😀'),
    ),
    VolumeRef: (VolumeRef(PoolName("fast.1"), "0123456789ab"),),
    Secret: (Secret("correct horse"), Secret("€\"'\\{")),
    InterfaceSpec: (
        InterfaceSpec(),
        InterfaceSpec.parse(addresses=["10.254.0.9/24"], mtu=9000),
        InterfaceSpec.parse(
            bridge="br-a",
            addresses=["10.0.0.5/24", "fd00:a::5/64"],
            mac="02:00:00:aa:bb:cc",
            gateways=["10.0.0.1", "fd00:a::1"],
            host_addresses=["10.0.0.254/24"],
        ),
    ),
}


@cache
def samples_of(kind: Any, operations: tuple[type, ...] = ()) -> tuple[Any, ...]:
    """Samples of ``kind``; ``operations`` are the classes for which an abstract class may stand."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    inner = [samples_of(each, operations) for each in arguments if each is not ...]
    if origin in (Union, UnionType):
        return tuple(sample for member in inner for sample in member)
    if origin is tuple and ... not in arguments:
        return _rows(inner)
    if origin in (tuple, Sequence, Collection, Iterable):
        (items,) = inner
        return ((), *((item,) for item in items), (items[0], items[-1]))
    if origin in (dict, Mapping):
        keys, values = inner
        return ({}, *({keys[0]: value} for value in values), dict(zip(keys, values, strict=False)))
    if issubclass(kind, Enum):
        return tuple(kind)
    if issubclass(kind, SharesError):
        return tuple(error for error in EVERY_ERROR if isinstance(error, kind))
    if issubclass(kind, Name):
        return kind("x9"), kind("Xx")
    concrete = [each for each in operations if issubclass(each, kind) and each is not kind]
    return tuple(s for each in concrete or [kind] for s in _of_class(each, operations))


def _rows(columns: Sequence[Sequence[Any]], shift: int = 0) -> tuple[tuple[Any, ...], ...]:
    """As many rows as the longest column; ``shift`` moves the columns against each other."""
    longest = max(map(len, columns), default=1)
    return tuple(
        tuple(column[(row + shift * place) % len(column)] for place, column in enumerate(columns))
        for row in range(longest)
    )


def _of_class(kind: type[Any], operations: tuple[type, ...]) -> tuple[Any, ...]:
    hints, fields = get_type_hints(kind), attrs.fields(kind)
    columns = [samples_of(hints[field.name], operations) for field in fields]
    made: list[Any] = []
    missing: object = None
    for shift in range(6):  # some combinations are refused
        for row in _rows(columns, shift):
            made += _constructed(kind, {field.alias: value for field, value in zip(fields, row, strict=True)})
        missing = _missing(kind, columns, made)
        if not missing:
            return tuple(made)
    raise AssertionError((kind, missing))


def _constructed(kind: type[Any], values: dict[str, Any]) -> list[Any]:
    if kind is CifsShare and values["operation"] is not None:
        values["id"] = values["operation"].share_id
    try:
        return [kind(**values)]
    except InvalidInput:
        return []


def _missing(kind: type[Any], columns: Sequence[Sequence[Any]], made: Sequence[Any]) -> list[tuple[str, Any]]:
    """Samples of fields that do not occur, except text, for which classes have rules."""
    missing = []
    for field, column in zip(attrs.fields(kind), columns, strict=True):
        found = [getattr(each, field.name) for each in made]
        missing += [(field.name, each) for each in column if each not in found and not isinstance(each, str)]
    return missing
