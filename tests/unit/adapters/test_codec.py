"""The codec: what it refuses, and what does not change what it writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Interface
from typing import Any, ClassVar

import pytest
from attrs import frozen
from tests.unit.adapters.values import SERVER
from tests.unit.errors import EVERY_ERROR
from tests.unit.samples import samples_of

from shares_core.adapters.state.codec import Codec
from shares_core.adapters.state.forms import Malformed
from shares_core.app.operations import OPERATIONS
from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import BackendFailure, InvalidInput, NotFound, SharesError
from shares_core.domain.names import ShareName, UserName
from shares_core.domain.network import Interface
from shares_core.domain.operation import Operation, ServerOperation, ShareOperation
from shares_core.domain.secret import PasswordHash, Secret
from shares_core.domain.server import ShareServer

KINDS = tuple(OPERATIONS.values())
CODEC = Codec(KINDS, secrets=True)


class Colour(StrEnum):
    RED = "red"


@frozen
class Bridge:
    kind: ClassVar[str] = "bridge"
    name: str


@frozen
class Vlan:
    kind: ClassVar[str] = "vlan"
    name: str
    tag: int = 1


@frozen
class Attached:
    """One field of every form."""

    to: Bridge | Vlan | None
    pair: tuple[int, str]
    passwords: Mapping[str, Secret]
    colours: tuple[Colour, ...] = ()
    ratio: float | None = None


ATTACHED = Attached(Vlan("br-a", 7), (1, "x"), {"ada": Secret("hunter2")}, (Colour.RED,), 0.5)
WRITTEN: Mapping[str, Any] = {
    "to": {"kind": "vlan", "name": "br-a", "tag": 7},
    "pair": [1, "x"],
    "passwords": {"ada": "hunter2"},
    "colours": ["red"],
    "ratio": 0.5,
}


def test_a_value_is_written_as_an_object_of_its_fields() -> None:
    assert WRITTEN == CODEC.encode(ATTACHED, Attached)
    assert ATTACHED == CODEC.decode(WRITTEN, Attached)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"more": 1}, "'more' is not known here"),
        ({"to": {"kind": "tunnel", "name": "hunter2"}}, "to: its kind is not known here"),
        ({"to": {"name": "br-a"}}, "to: its kind is not known here"),
        ({"to": {"kind": ["vlan"], "name": "br-a"}}, "to: its kind is not known here"),
        ({"to": {"kind": "vlan", "name": "br-a"}}, "to: 'tag' is missing"),
        ({"to": {"kind": "vlan", "name": "br-a", "tag": True}}, "to.tag: it is bool, not a whole number"),
        ({"to": {"kind": "vlan", "name": "br-a", "tag": 1.0}}, "to.tag: it is float, not a whole number"),
        ({"to": "hunter2"}, "to: it is str, not object or null"),
        ({"to": []}, "to: it is list, not object or null"),
        ({"pair": [1]}, "pair: it is list, not a list of 2"),
        ({"pair": {"0": 1}}, "pair: it is dict, not a list of 2"),
        ({"passwords": ["hunter2"]}, "passwords: it is list, not an object"),
        ({"passwords": {"ada": 5}}, "passwords: it is int, not text"),
        ({"colours": ["red", "hunter2"]}, r"colours[1]: it is not a known Colour"),
        ({"colours": "red"}, "colours: it is str, not a list"),
        ({"colours": [None]}, "colours[0]: it is NoneType, not text"),
        ({"ratio": "0.5"}, "ratio: it is str, not number or null"),
        ({"ratio": False}, "ratio: it is bool, not number or null"),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_with_its_place_only(change: Mapping[str, Any], why: str) -> None:
    """The value itself may be a password."""
    with pytest.raises(Malformed) as raised:
        CODEC.decode({**WRITTEN, **change}, Attached)
    assert why == str(raised.value)
    assert "hunter2" not in why


@pytest.mark.parametrize("document", [None, 5, "x", [], {}])
def test_a_document_that_is_not_a_server_is_refused(document: object) -> None:
    with pytest.raises(Malformed):
        CODEC.decode(document, ShareServer)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("files", ShareName),
        (UserName("ada"), ShareName),
        (5, Capacity),
        (True, int),
        ("x", int | None),
        (5, str),
        (b"x", tuple[str, ...]),
        ({"ada"}, Mapping[str, str]),
        ((1,), tuple[int, str]),
        (IPv4Interface("10.0.0.5/24"), ShareServer),
        (SERVER, Interface),
        (ValueError("x"), SharesError),
        (BackendFailure("x"), NotFound),
        (object(), Operation),
        ("red", Colour),
    ],
)
def test_an_argument_of_a_wrong_type_is_refused_before_it_is_sent(value: object, kind: Any) -> None:
    with pytest.raises(Malformed):
        CODEC.encode(value, kind)


def test_a_value_that_breaks_its_own_rules_is_refused_as_by_its_class() -> None:
    for document, kind in (("../x", ShareName), (-1, Capacity), ("", Secret)):
        with pytest.raises(InvalidInput):
            CODEC.decode(document, kind)


def test_an_operation_is_known_by_its_kind_whatever_its_class_is_called() -> None:
    """So a record outlives the renaming of a class."""
    (was,) = (kind for kind in KINDS if kind.kind == "server.create")
    renamed = type("MakeServer", (was,), {"__module__": __name__})
    others = [kind for kind in KINDS if kind is not was]
    assert issubclass(renamed, ServerOperation)
    document = CODEC.encode(was(id="0badc0ffee00", since=1), ServerOperation)
    assert {"kind": "server.create", "id": "0badc0ffee00", "since": 1} == document
    arrived = Codec([renamed, *others]).decode(document, ServerOperation | None)
    assert renamed is type(arrived)


def test_no_class_is_named_in_what_is_written() -> None:
    """Neither in operations nor in errors."""
    written = [CODEC.encode(sample, Operation) for sample in samples_of(Operation, KINDS)]
    written += [CODEC.encode(error, SharesError) for error in EVERY_ERROR]
    text = json.dumps(written)
    names = [kind.__name__ for kind in (*KINDS, *{type(error) for error in EVERY_ERROR})]
    assert [name for name in names if name in text] == []


def test_an_operation_of_a_share_is_refused_as_one_of_a_server() -> None:
    document = CODEC.encode(samples_of(ShareOperation, KINDS)[0], ShareOperation)
    with pytest.raises(Malformed, match="kind"):
        CODEC.decode(document, ServerOperation)


@pytest.mark.parametrize(
    "document",
    [
        {"error": "on_fire", "fields": {"message": "x", "hint": ""}, "notes": [], "cause": ""},
        {"error": "not_found", "fields": {"message": "x", "hint": ""}, "notes": [], "cause": ""},
        {"error": "not_found"},
        {"error": ["not_found"], "fields": {}, "notes": [], "cause": ""},
        {"error": "busy", "fields": {"message": 5, "hint": ""}, "notes": [], "cause": ""},
        {"error": "busy", "fields": {"message": "x", "hint": ""}, "notes": "ab", "cause": ""},
    ],
)
def test_an_incomplete_error_is_refused(document: object) -> None:
    with pytest.raises(Malformed):
        CODEC.decode(document, SharesError)


def test_only_an_expected_error_is_read() -> None:
    """A result that may be one error is not read as another."""
    document = CODEC.encode(BackendFailure("x"), SharesError)
    with pytest.raises(Malformed, match="code"):
        CODEC.decode(document, NotFound)


@frozen
class Mistaken:
    error: str


@pytest.mark.parametrize(
    "kind",
    [
        object,
        Any,
        Mistaken,
        bytes,
        int | float,
        ShareName | UserName,
        UserName | str,
        tuple[int, ...] | tuple[str, ...],
        type[int],
    ],
    ids=str,
)
def test_a_type_that_could_not_be_read_back_has_no_form(kind: Any) -> None:
    """The error comes with the type, before a value is lost."""
    with pytest.raises(TypeError):
        CODEC.form(kind)


def test_of_two_types_with_the_same_form_the_plain_one_is_read() -> None:
    """Code that takes a name or its text makes a name of the text."""
    kind: Any = str | UserName
    assert "ada" == CODEC.decode(CODEC.encode(UserName("ada"), kind), kind)
    kind = Mapping[str, int] | Mapping[UserName, int] | None
    assert {"ada": 1} == CODEC.decode(CODEC.encode({UserName("ada"): 1}, kind), kind)
    assert CODEC.decode(CODEC.encode(None, kind), kind) is None


def test_a_hash_is_as_secret_as_its_password() -> None:
    with pytest.raises(TypeError, match="secret"):
        Codec(KINDS).form(tuple[PasswordHash, ...])
