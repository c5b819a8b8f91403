"""How each sort of value is written as JSON's types: the parts of the codec."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface
from types import NoneType
from typing import Any, NamedTuple, NoReturn


class Malformed(ValueError):
    """A document or value is not of its type. Says where, but never the value, which may be a password."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self._problem = problem
        self._path = ""

    def within(self, step: str) -> Malformed:
        """The same error, seen from the enclosing value."""
        self._path = step + self._path
        return self

    def __str__(self) -> str:
        return f"{self._path.lstrip('.')}: {self._problem}" if self._path else self._problem


class Form(NamedTuple):
    """How one type is written.

    ``shape`` is its JSON type, in which the members of a union differ. ``accepts`` tells whether a value is
    of the type; ``encode`` and ``decode`` raise Malformed if it is not.
    """

    shape: str
    accepts: Callable[[Any], bool]
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def refuse(value: object, wanted: str) -> NoReturn:
    """Raise Malformed, which names the types."""
    raise Malformed(f"it is {type(value).__name__}, not {wanted}")


# -- one value


def _plain(shape: str, kind: type, wanted: str, *others: type) -> Form:
    kinds = (kind, *others)

    def accepts(value: object) -> bool:
        return isinstance(value, kinds) and (kind is bool or not isinstance(value, bool))

    def convert(value: Any) -> Any:
        if type(value) is kind:
            return value
        return kind(value) if accepts(value) else refuse(value, wanted)

    return Form(shape, accepts, convert, convert)


def _address(kinds: tuple[type, ...], read: Callable[[str], Any]) -> Form:
    wanted = " or ".join(kind.__name__ for kind in kinds)

    def accepts(value: object) -> bool:
        return type(value) in kinds  # to isinstance, an address with a prefix is also one without

    def encode(value: Any) -> str:
        return str(value) if accepts(value) else refuse(value, wanted)

    def decode(document: Any) -> Any:
        try:
            return read(TEXT.decode(document))
        except ValueError as error:
            raise Malformed(f"it is not {wanted}") from error

    return Form("text", accepts, encode, decode)


TEXT = _plain("text", str, "text")
PLAIN: Mapping[Any, Form] = {
    str: TEXT,
    bool: _plain("truth", bool, "true or false"),
    int: _plain("number", int, "a whole number"),
    float: _plain("number", float, "a number", int),
    NoneType: _plain("null", NoneType, "null"),
    **{kind: _address((kind,), kind) for kind in (IPv4Address, IPv6Address, IPv4Interface, IPv6Interface)},
}
#: The standard library has no class for addresses of both versions, only a function that reads them.
EITHER_VERSION: Mapping[frozenset[Any], Form] = {
    frozenset(kinds): _address(kinds, read)
    for kinds, read in (
        ((IPv4Address, IPv6Address), ip_address),
        ((IPv4Interface, IPv6Interface), ip_interface),
    )
}


def wrapped(kind: type, inner: Form, unwrap: Callable[[Any], Any]) -> Form:
    """A value that wraps a plain one with rules: a name, a size, a member of an enumeration."""

    def encode(value: Any) -> Any:
        return inner.encode(unwrap(value)) if type(value) is kind else refuse(value, kind.__name__)

    def decode(document: Any) -> Any:
        plain = inner.decode(document)
        try:
            return kind(plain)
        except ValueError as error:  # of an enumeration; its message repeats the value
            raise Malformed(f"it is not a known {kind.__name__}") from error

    return Form(inner.shape, lambda value: type(value) is kind, encode, decode)


# -- many values


def sequence(item: Form) -> Form:
    """Any number of values of one type, read as a tuple."""

    def accepts(value: object) -> bool:
        return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)

    def encode(value: Any) -> list[Any]:
        return _each(item.encode, value) if accepts(value) else refuse(value, "a list")

    def decode(document: Any) -> tuple[Any, ...]:
        return tuple(_each(item.decode, document)) if type(document) is list else refuse(document, "a list")

    return Form("list", accepts, encode, decode)


def _each(convert: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
    done: list[Any] = []
    try:
        for value in values:
            done.append(convert(value))
    except Malformed as error:
        raise error.within(f"[{len(done)}]") from None
    return done


def row(items: Sequence[Form]) -> Form:
    """A tuple of a fixed length."""
    length = len(items)

    def accepts(value: object) -> bool:
        return isinstance(value, tuple) and len(value) == length

    def encode(value: Any) -> list[Any]:
        if not accepts(value):
            refuse(value, f"a tuple of {length}")
        return [item.encode(each) for item, each in zip(items, value, strict=True)]

    def decode(document: Any) -> tuple[Any, ...]:
        if not isinstance(document, list) or len(document) != length:
            refuse(document, f"a list of {length}")
        return tuple(item.decode(each) for item, each in zip(items, document, strict=True))

    return Form("list", accepts, encode, decode)


def mapping(key: Form, item: Form) -> Form:
    """Keys, written as text, each with its value."""

    def accepts(value: object) -> bool:
        return isinstance(value, Mapping) and all(map(key.accepts, value))

    def encode(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            refuse(value, "a mapping")
        return {key.encode(each): item.encode(found) for each, found in value.items()}

    def decode(document: Any) -> dict[Any, Any]:
        if not isinstance(document, dict):
            refuse(document, "an object")
        return {key.decode(each): item.decode(found) for each, found in document.items()}

    return Form("mapping", accepts, encode, decode)
