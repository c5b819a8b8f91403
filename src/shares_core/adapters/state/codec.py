"""Values as JSON's types, and back: for records, and for callers in another process.

The form of a type is derived from its annotations when it is first needed. cattrs does the same, but
importing it takes more than half of the time that ``server list`` may take.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from types import UnionType
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints

import attrs

from shares_core.adapters.state import forms, objects
from shares_core.adapters.state.forms import Form
from shares_core.domain.attachment import ATTACHMENTS
from shares_core.domain.errors import SharesError
from shares_core.domain.secret import PasswordHash, Secret

#: The only field of a class that is a plain value with rules.
_WRAPPED = (("value",), ("bytes",))


class Codec:
    """Writes and reads values by their types.

    It is strict: it refuses unknown or missing keys and unknown kinds. A class is written as an object of its
    fields, a name or an address as text. An error is written under its ``code``, a member of a union under
    its ``kind``: both names stay if a class is renamed. ``operations``, and the kinds of attachments, stand
    for their abstract classes. Only a codec with ``secrets`` writes secrets: a record's codec refuses every
    type that could hold one.
    """

    def __init__(self, operations: Iterable[type] = (), *, secrets: bool = False) -> None:
        self._kinds = (*operations, *ATTACHMENTS)
        self._secrets = secrets
        self._forms: dict[Any, Form] = {}

    def encode(self, value: object, kind: Any) -> Any:
        """Return the value, of type ``kind``, as JSON's types. Raises Malformed if it is of another type."""
        return self.form(kind).encode(value)

    def decode(self, document: object, kind: Any) -> Any:
        """Return the value of type ``kind`` from ``document``; any sequence comes back as a tuple.

        Raises Malformed, and InvalidInput as the value's own class does.
        """
        return self.form(kind).decode(document)

    def form(self, kind: Any) -> Form:
        """The form of ``kind``. Raises TypeError for a type that has no form."""
        form = self._forms.get(kind)
        if form is None:
            form = self._forms[kind] = self._make(kind)
        return form

    def _make(self, kind: Any) -> Form:
        if kind in forms.PLAIN:
            return forms.PLAIN[kind]
        arguments = get_args(kind)
        match get_origin(kind):
            case origin if origin in (Union, UnionType):
                return self._union(arguments)
            case origin if origin is tuple and arguments[1:] != (...,):
                return forms.row([self.form(argument) for argument in arguments])
            case origin if origin in (tuple, Sequence, Collection, Iterable):
                return forms.sequence(self.form(arguments[0]))
            case origin if origin in (dict, Mapping):
                return forms.mapping(*map(self.form, arguments))
        if not isinstance(kind, type):
            raise TypeError(f"{kind} has no form")
        return self._class(kind)

    def _class(self, kind: type) -> Form:
        kinds = [each for each in self._kinds if issubclass(each, kind)]
        if kinds and (kind in kinds or inspect.isabstract(kind)):
            return objects.tagged({each: objects.record(each, self._fields(each)) for each in kinds})
        if issubclass(kind, Enum):
            return forms.wrapped(kind, forms.TEXT, lambda member: member.value)
        if issubclass(kind, SharesError):
            return objects.errors({each: self._fields(each) for each in _tree(kind)})
        if kind in (Secret, PasswordHash) and not self._secrets:
            raise TypeError(f"{kind.__name__}: what is secret does not stand in a record")
        if kind is Secret:
            return forms.wrapped(kind, forms.TEXT, Secret.reveal)
        if not attrs.has(kind):
            raise TypeError(f"{kind.__name__} has no form")
        fields = self._fields(kind)
        if tuple(fields) in _WRAPPED:
            ((name, inner),) = fields.items()
            return forms.wrapped(kind, inner, lambda value: getattr(value, name))
        return objects.record(kind, fields)

    def _fields(self, kind: type) -> dict[str, Form]:
        """The forms of a class's fields: those of attrs, or of an error, those that it annotates."""
        hints = get_type_hints(kind)
        names = [field.name for field in attrs.fields(kind)] if attrs.has(kind) else hints
        return {name: self.form(hints[name]) for name in names if get_origin(hints[name]) is not ClassVar}

    def _union(self, members: tuple[Any, ...]) -> Form:
        found: list[Form] = []
        for pair, form in forms.EITHER_VERSION.items():
            if pair <= set(members):
                members = tuple(member for member in members if member not in pair)
                found.append(form)
        classes = [member for member in members if self.form(member).shape == "object"]
        if len(classes) > 1:
            members = tuple(member for member in members if member not in classes)
            found.append(objects.tagged({member: self.form(member) for member in classes}))
        plainest: dict[str, Any] = {}
        for member in members:
            form = self.form(member)
            first = plainest.setdefault(form.shape, member)
            if first is not member and _as_plain(member) != first:
                raise TypeError(f"{first} and {member} of one union are both written as {form.shape}")
            found.append(form)
        return objects.either(found)


def _as_plain(kind: Any) -> Any:
    """The plain type that another type of a union is written as: ``str`` for a name.

    Reading then returns the plain value, which code that takes both converts.
    """
    if get_origin(kind) is Mapping:
        key, item = get_args(kind)
        return Mapping[_as_plain(key), item]  # type: ignore[misc]
    if attrs.has(kind) and (names := tuple(field.name for field in attrs.fields(kind))) in _WRAPPED:
        return get_type_hints(kind)[names[0]]
    return str if isinstance(kind, type) and issubclass(kind, Enum) else kind


def _tree(kind: type[SharesError]) -> Iterator[type[SharesError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)
