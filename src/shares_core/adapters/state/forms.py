"""How values of each sort are written as JSON's types: what the codec is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface
from types import NoneType
from typing import Any, NamedTuple, NoReturn

import attrs

from shares_core.domain.errors import SharesError

#: The key that tells an error from whatever else is written as an object.
_ERROR = "error"
_KIND = "kind"


class Malformed(ValueError):
    """A document, or a value, that is not of its type. Says where, and never what: that may be a password."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self._problem = problem
        self._path = ""

    def within(self, step: str) -> Malformed:
        """The same, seen from one step further outside."""
        self._path = step + self._path
        return self

    def __str__(self) -> str:
        return f"{self._path.lstrip('.')}: {self._problem}" if self._path else self._problem


class Form(NamedTuple):
    """How one type is written.

    ``shape`` is what it becomes in JSON, in which the members of a union differ. ``accepts`` tells of a value
    whether it is of the type; ``encode`` and ``decode`` raise Malformed for one that is not.
    """

    shape: str
    accepts: Callable[[Any], bool]
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def _refuse(value: object, wanted: str) -> NoReturn:
    raise Malformed(f"it is {type(value).__name__}, not {wanted}")


# -- one value


def _plain(shape: str, kind: type, wanted: str, *others: type) -> Form:
    kinds = (kind, *others)

    def accepts(value: object) -> bool:
        return isinstance(value, kinds) and (kind is bool or not isinstance(value, bool))

    def convert(value: Any) -> Any:
        if type(value) is kind:
            return value
        return kind(value) if accepts(value) else _refuse(value, wanted)

    return Form(shape, accepts, convert, convert)


def _address(kinds: tuple[type, ...], read: Callable[[str], Any]) -> Form:
    wanted = " or ".join(kind.__name__ for kind in kinds)

    def accepts(value: object) -> bool:
        return type(value) in kinds  # to isinstance, an address with a prefix is one without, too

    def encode(value: Any) -> str:
        return str(value) if accepts(value) else _refuse(value, wanted)

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
#: The standard library has no class for an address of either version, but a function that reads one.
EITHER_VERSION: Mapping[frozenset[Any], Form] = {
    frozenset(kinds): _address(kinds, read)
    for kinds, read in (
        ((IPv4Address, IPv6Address), ip_address),
        ((IPv4Interface, IPv6Interface), ip_interface),
    )
}


def wrapped(kind: type, inner: Form, unwrap: Callable[[Any], Any]) -> Form:
    """A value that is nothing but another one with rules: a name, a size, a member of an enumeration."""

    def encode(value: Any) -> Any:
        return inner.encode(unwrap(value)) if type(value) is kind else _refuse(value, kind.__name__)

    def decode(document: Any) -> Any:
        plain = inner.decode(document)
        try:
            return kind(plain)
        except ValueError as error:  # of an enumeration; its message repeats the value
            raise Malformed(f"it is not a known {kind.__name__}") from error

    return Form(inner.shape, lambda value: type(value) is kind, encode, decode)


# -- many values


def sequence(item: Form) -> Form:
    """Any number of values of one type; what is read is a tuple."""

    def accepts(value: object) -> bool:
        return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)

    def encode(value: Any) -> list[Any]:
        return _each(item.encode, value) if accepts(value) else _refuse(value, "a list")

    def decode(document: Any) -> tuple[Any, ...]:
        return tuple(_each(item.decode, document)) if type(document) is list else _refuse(document, "a list")

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
            _refuse(value, f"a tuple of {length}")
        return [item.encode(each) for item, each in zip(items, value, strict=True)]

    def decode(document: Any) -> tuple[Any, ...]:
        if not isinstance(document, list) or len(document) != length:
            _refuse(document, f"a list of {length}")
        return tuple(item.decode(each) for item, each in zip(items, document, strict=True))

    return Form("list", accepts, encode, decode)


def mapping(key: Form, item: Form) -> Form:
    """Keys that are written as text, each with its value."""

    def accepts(value: object) -> bool:
        return isinstance(value, Mapping) and all(map(key.accepts, value))

    def encode(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            _refuse(value, "a mapping")
        return {key.encode(each): item.encode(found) for each, found in value.items()}

    def decode(document: Any) -> dict[Any, Any]:
        if not isinstance(document, dict):
            _refuse(document, "an object")
        return {key.decode(each): item.decode(found) for each, found in document.items()}

    return Form("mapping", accepts, encode, decode)


# -- values with fields


def record(kind: type, fields: Mapping[str, Form]) -> Form:
    """A class of attrs, as an object of its fields."""
    if _ERROR in fields:
        raise TypeError(f"{kind.__name__} has a field {_ERROR!r}, which is the mark of errors")
    aliases = [field.alias for field in attrs.fields(kind)]
    read = _reader(fields)
    write = _writer(fields)

    def encode(value: Any) -> dict[str, Any]:
        return write(value) if type(value) is kind else _refuse(value, kind.__name__)

    def decode(document: Any) -> Any:
        return kind(**dict(zip(aliases, read(document), strict=True)))

    return Form("object", lambda value: type(value) is kind, encode, decode)


def _writer(fields: Mapping[str, Form]) -> Callable[[Any], dict[str, Any]]:
    writers = [(name, form.encode) for name, form in fields.items()]

    def write(value: Any) -> dict[str, Any]:
        document: dict[str, Any] = {}
        for name, encode in writers:
            try:
                document[name] = encode(getattr(value, name))
            except Malformed as error:
                raise error.within(f".{name}") from None
        return document

    return write


def _reader(fields: Mapping[str, Form]) -> Callable[[Any], list[Any]]:
    """What gives the fields of a document, in their order."""
    names = fields.keys()
    readers = [(name, form.decode) for name, form in fields.items()]

    def read(document: Any) -> list[Any]:
        if type(document) is not dict:
            _refuse(document, "an object")
        for name in document.keys() ^ names:
            raise Malformed(f"{name!r} is " + ("missing" if name in names else "not known here"))
        values: list[Any] = []
        for name, decode in readers:
            try:
                values.append(decode(document[name]))
            except Malformed as error:
                raise error.within(f".{name}") from None
        return values

    return read


def tagged(members: Mapping[type, Form]) -> Form:
    """One of several classes, each known by its ``kind``: a name of its own, which no renaming changes."""
    kinds = {getattr(member, _KIND): form for member, form in members.items()}
    if len(kinds) < len(members) or any(_KIND in attrs.fields_dict(member) for member in members):
        raise TypeError(f"{[member.__name__ for member in members]} are not told apart by their kinds")

    def encode(value: Any) -> dict[str, Any]:
        form = members.get(type(value))
        return {_KIND: value.kind, **form.encode(value)} if form else _refuse(value, "of a known kind")

    def decode(document: Any) -> Any:
        if type(document) is not dict:
            _refuse(document, "an object")
        rest = dict(document)
        kind = rest.pop(_KIND, None)
        form = kinds.get(kind) if isinstance(kind, str) else None
        if form is None:
            raise Malformed("its kind is not known here")
        return form.decode(rest)

    return Form("object", lambda value: type(value) in members, encode, decode)


def errors(kinds: Mapping[type[SharesError], Mapping[str, Form]]) -> Form:
    """Errors by their codes, with their fields, their notes and their cause's words."""
    codes = {kind.code: kind for kind in kinds}
    if len(codes) < len(kinds):
        raise TypeError("two errors have one code")
    writers = {kind: _writer(fields) for kind, fields in kinds.items()}
    readers = {kind: _reader(fields) for kind, fields in kinds.items()}

    def encode(error: Any) -> dict[str, Any]:
        write = writers.get(type(error)) or _refuse(error, "an error that is known here")
        notes = _NOTES.encode(error.notes)
        return {_ERROR: error.code, "fields": write(error), "notes": notes, "cause": TEXT.encode(error.cause)}

    def decode(document: Any) -> SharesError:
        code, fields, notes, cause = _read_error(document)
        kind = codes.get(code)
        if kind is None:
            raise Malformed("its code is not known here")
        return kind.restored(dict(zip(kinds[kind], readers[kind](fields), strict=True)), notes, cause)

    return Form("error", lambda value: type(value) in kinds, encode, decode)


_NOTES = sequence(TEXT)
_ANYTHING = Form("anything", lambda value: True, lambda value: value, lambda document: document)
_read_error = _reader({_ERROR: TEXT, "fields": _ANYTHING, "notes": _NOTES, "cause": TEXT})


# -- one of several


def either(members: Sequence[Form]) -> Form:
    """One of several forms, which differ in their shapes; of two with one shape the first is read."""
    shapes: dict[str, Callable[[Any], Any]] = {}
    for member in members:
        shapes.setdefault(member.shape, member.decode)

    def encode(value: Any) -> Any:
        for member in members:
            if member.accepts(value):
                return member.encode(value)
        _refuse(value, "of a type that is known here")

    def decode(document: Any) -> Any:
        shape = _shape_of(document)
        found = shapes.get(shape) or shapes.get("mapping" if shape == "object" else shape)
        return found(document) if found else _refuse(document, " or ".join(shapes))

    return Form("union", lambda value: any(member.accepts(value) for member in members), encode, decode)


_SHAPES: Mapping[type, str] = {
    NoneType: "null",
    bool: "truth",
    int: "number",
    float: "number",
    str: "text",
    list: "list",
}


def _shape_of(document: Any) -> str:
    if isinstance(document, dict):
        return "error" if _ERROR in document else "object"
    return _SHAPES.get(type(document), "")
