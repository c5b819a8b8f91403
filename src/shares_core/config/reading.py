"""Read the settings from a TOML file; an error names the file and the key."""

from __future__ import annotations

import json  # JSON writes text, numbers and booleans as TOML does
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, TypeVar

from attrs import Attribute, evolve, fields, resolve_types
from cattrs import Converter

from shares_core.config.settings import (
    AuditSettings,
    DockerSettings,
    FilePool,
    HostConfig,
    LvmPool,
    PoolSettings,
    ServerSettings,
)
from shares_core.domain.addresses import BridgeName
from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import InvalidInput
from shares_core.domain.network import DefaultNetwork
from shares_core.domain.pools import PoolKind, ThinPoolName, VolumeGroupName
from shares_core.domain.remedy import Hint
from shares_core.domain.volume import PoolName

_Config = TypeVar("_Config", bound=HostConfig)
#: What a value may be, for messages, by its type in TOML.
_WORDS: Mapping[type, str] = {str: "text in quotes", int: "a whole number", bool: "true or false"}
#: How to read the settings that are text in the file.
_TEXTS: Mapping[type, Callable[[str], Any]] = {
    Path: Path,
    Capacity: Capacity.parse,
    PoolName: PoolName,
    VolumeGroupName: VolumeGroupName,
    ThinPoolName: ThinPoolName,
    BridgeName: BridgeName,
    IPv4Network: lambda text: _subnet(text),
}
#: The sections that the file does not have.
_DEFAULT = HostConfig()
_SECTIONS: Mapping[type, Any] = {
    HostConfig: _DEFAULT,
    DefaultNetwork: _DEFAULT.network,
    DockerSettings: _DEFAULT.docker,
    ServerSettings: _DEFAULT.server,
    AuditSettings: _DEFAULT.audit,
    FilePool: FilePool(),
    LvmPool: LvmPool(),
}
_POOLS: Mapping[PoolKind, type[FilePool | LvmPool]] = {PoolKind.FILES: FilePool, PoolKind.LVM: LvmPool}
_POOL, _KIND = "pool", "kind"
for _section_class in _SECTIONS:
    resolve_types(_section_class)


class _WrongKeyError(Exception):
    """A key is wrong; ``told`` makes a sentence of the file's and the key's names."""

    def __init__(self, told: Callable[[str, str], str], hint: Hint, keys: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.told, self.hint, self.keys = told, hint, keys


class _WrongTypeError(Exception):
    """A value does not have the TOML type that its key needs."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted = wanted


def read(cls: type[_Config], path: Path, given: dict[str, Any]) -> _Config:
    """The file's settings; those that are ``given`` win over it. Raises InvalidInput."""
    document = _document(path)
    try:
        return cls(**_values(document, HostConfig) | given)
    except _WrongKeyError as error:
        raise InvalidInput(error.told(str(path), ".".join(error.keys)), hint=error.hint) from error
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error.message}", hint=error.hint) from error


def known_keys() -> tuple[str, ...]:
    """Every key that a file may have, dotted."""
    keys: list[str] = []
    for attribute in fields(HostConfig):
        if attribute.name == "pools":
            of_pools = {_KIND: None} | {each.name: None for cls in _POOLS.values() for each in fields(cls)}
            keys += (f"{_POOL}.{key}" for key in of_pools)
        elif attribute.type is not None and attribute.type in _SECTIONS:
            keys += (f"{attribute.name}.{each.name}" for each in fields(attribute.type))
        else:
            keys.append(attribute.name)
    return tuple(keys)


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(
            f"the configuration {path} cannot be read: {error.strerror}",
            hint="give the path of a TOML file that can be read",
        ) from error
    except ValueError as error:  # bad TOML, or bytes that are not text
        raise InvalidInput(
            f"the configuration {path} is not TOML: {error}",
            hint='write lines like state_dir = "/srv/shares": text stands in quotes',
        ) from error


def _values(table: Mapping[str, Any], cls: type[Any]) -> dict[str, Any]:
    """The section's values by attribute name, each checked here, so that an error can name the key."""
    attributes = {_POOL if each.name == "pools" else each.name: each for each in fields(cls)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        with _under(key):
            attribute = attributes.get(key) or _unknown()
            try:
                setting = _CONVERTER.structure(value, attribute.type)
                if attribute.validator is not None:
                    attribute.validator(None, attribute, setting)
            except _WrongTypeError as error:
                raise _wrong_type(error.wanted, value, key, _example(cls, attribute)) from error
            values[attribute.name] = setting
    return values


@contextmanager
def _under(key: str) -> Iterator[None]:
    """Errors raised inside are about this key."""
    try:
        yield
    except InvalidInput as error:
        message = error.message
        raise _WrongKeyError(
            lambda file, dotted: f"{file}: {dotted}: {message}", error.remedy, (key,)
        ) from error
    except _WrongKeyError as error:
        error.keys = (key, *error.keys)
        raise


def _unknown() -> Any:
    hint = f"the keys are {', '.join(known_keys())}"
    raise _WrongKeyError(lambda file, dotted: f"{file} has an unknown key: {dotted}", hint)


def _wrong_type(wanted: str, value: object, key: str, example: object) -> _WrongKeyError:
    return _WrongKeyError(
        lambda file, dotted: f"{file}: {dotted} must be {wanted}, not {value!r}",
        f"write {key} = {json.dumps(example)}",
    )


def _example(cls: type[Any], attribute: Attribute[Any]) -> object:
    """An example of the key's value, in TOML."""
    default = getattr(_SECTIONS[cls], attribute.name)
    plain = default if isinstance(default, str | int) else str(default)
    return attribute.metadata.get("example", plain)


# -- the contents of the file


def _of_type(kind: type) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:
        if type(value) is not kind:
            raise _WrongTypeError(_WORDS[kind])
        return value

    return structure


def _from_text(read_text: Callable[[str], Any]) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:
        return read_text(_of_type(str)(value, str))

    return structure


def _subnet(text: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is not an IPv4 network", hint="write 10.254.0.0/24") from None


def _section(table: Any, cls: type[Any]) -> Any:
    if not isinstance(table, dict):
        raise _WrongKeyError(
            lambda file, dotted: f"{file}: {dotted} must be a section, not {table!r}",
            "write its name in brackets on a line of its own, and its keys below",
        )
    return evolve(_SECTIONS[cls], **_values(table, cls))


def _pools(value: Any, _: Any) -> tuple[PoolSettings, ...]:
    """``[pool]``, or several ``[[pool]]``."""
    if isinstance(value, dict):
        return (_pool(value, "[pool]"),)
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise _WrongKeyError(
            lambda file, dotted: f"{file}: {dotted} must be a section, not {value!r}",
            "write [pool] on a line of its own, and pool.size and the like below as size = ...; "
            "for several write [[pool]], each with a name",
        )
    pools: list[PoolSettings] = []
    for number, table in enumerate(value, 1):
        named = table.get("name")
        try:
            pools.append(_pool(table, "[[pool]]"))
        except _WrongKeyError as error:
            error.keys = (f"{named if isinstance(named, str) else f'number {number}'}", *error.keys)
            raise
        except InvalidInput:
            with _under(f"{named if isinstance(named, str) else f'number {number}'}"):
                raise
    return tuple(pools)


def _pool(table: Mapping[str, Any], section: str) -> PoolSettings:
    kind = _kind(table)
    cls, others = _POOLS[kind], {name: other for other, cls in _POOLS.items() for name in _names(cls)}
    rest = {key: value for key, value in table.items() if key != _KIND}
    for key in rest:
        if key in others and key not in _names(cls):
            other = others[key]
            with _under(key):
                raise _WrongKeyError(
                    lambda file, dotted: (
                        f'{file}: {dotted} counts for nothing with {section} kind = "{kind}"'
                    ),
                    f'write kind = "{other}" in {section}, or leave it out',
                )
    pool: PoolSettings = _section(rest, cls)
    return pool


def _names(cls: type[Any]) -> frozenset[str]:
    return frozenset(attribute.name for attribute in fields(cls))


def _kind(table: Mapping[str, Any]) -> PoolKind:
    """Which kind of pool it is."""
    text = table.get(_KIND, str(PoolKind.FILES))
    with _under(_KIND):
        if not isinstance(text, str):
            raise _wrong_type(_WORDS[str], text, _KIND, str(PoolKind.LVM))
        try:
            return PoolKind(text)
        except ValueError:
            raise InvalidInput(
                f"{text!r} is not a kind of pool", hint='write kind = "files" or kind = "lvm"'
            ) from None


def _converter() -> Converter:
    converter = Converter(detailed_validation=False)  # the first error is enough
    for kind in _WORDS:
        converter.register_structure_hook(kind, _of_type(kind))
    for kind, read_text in _TEXTS.items():
        converter.register_structure_hook(kind, _from_text(read_text))
    for cls in _SECTIONS:
        converter.register_structure_hook(cls, _section)
    converter.register_structure_hook_func(lambda kind: kind == tuple[PoolSettings, ...], _pools)
    return converter


_CONVERTER = _converter()
