"""How values with fields are written, and how a document of several possible types is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Any

import attrs

from shares_core.adapters.state.forms import TEXT, Form, Malformed, refuse, sequence
from shares_core.domain.errors import SharesError

#: The key that tells an error from other objects.
_ERROR = "error"
_KIND = "kind"


def record(kind: type, fields: Mapping[str, Form]) -> Form:
    """A class of attrs, written as an object of its fields."""
    if _ERROR in fields:
        raise TypeError(f"{kind.__name__} has a field {_ERROR!r}, which is the mark of errors")
    aliases = [field.alias for field in attrs.fields(kind)]
    read = _reader(fields)
    write = _writer(fields)

    def encode(value: Any) -> dict[str, Any]:
        return write(value) if type(value) is kind else refuse(value, kind.__name__)

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
    """A function that returns the fields of a document, in their order."""
    names = fields.keys()
    readers = [(name, form.decode) for name, form in fields.items()]

    def read(document: Any) -> list[Any]:
        if type(document) is not dict:
            refuse(document, "an object")
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
    """One of several classes, each known by its ``kind``, which stays if the class is renamed."""
    kinds = {getattr(member, _KIND): form for member, form in members.items()}
    if len(kinds) < len(members) or any(_KIND in attrs.fields_dict(member) for member in members):
        raise TypeError(f"{[member.__name__ for member in members]} are not told apart by their kinds")

    def encode(value: Any) -> dict[str, Any]:
        form = members.get(type(value))
        return {_KIND: value.kind, **form.encode(value)} if form else refuse(value, "of a known kind")

    def decode(document: Any) -> Any:
        if type(document) is not dict:
            refuse(document, "an object")
        rest = dict(document)
        kind = rest.pop(_KIND, None)
        form = kinds.get(kind) if isinstance(kind, str) else None
        if form is None:
            raise Malformed("its kind is not known here")
        return form.decode(rest)

    return Form("object", lambda value: type(value) in members, encode, decode)


def errors(kinds: Mapping[type[SharesError], Mapping[str, Form]]) -> Form:
    """Errors by their codes, with their fields, their notes and their cause's text."""
    codes = {kind.code: kind for kind in kinds}
    if len(codes) < len(kinds):
        raise TypeError("two errors have one code")
    writers = {kind: _writer(fields) for kind, fields in kinds.items()}
    readers = {kind: _reader(fields) for kind, fields in kinds.items()}

    def encode(error: Any) -> dict[str, Any]:
        write = writers.get(type(error)) or refuse(error, "an error that is known here")
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
    """One of several forms of different shapes; of two with the same shape, the first reads."""
    shapes: dict[str, Callable[[Any], Any]] = {}
    for member in members:
        shapes.setdefault(member.shape, member.decode)

    def encode(value: Any) -> Any:
        for member in members:
            if member.accepts(value):
                return member.encode(value)
        return refuse(value, "of a type that is known here")

    def decode(document: Any) -> Any:
        shape = _shape_of(document)
        found = shapes.get(shape) or shapes.get("mapping" if shape == "object" else shape)
        return found(document) if found else refuse(document, " or ".join(shapes))

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
