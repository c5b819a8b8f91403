"""Use cases across processes: a privileged process can run them for an unprivileged one."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

import attrs
import pytest
from tests.unit.errors import EVERY_ERROR, parts
from tests.unit.samples import samples_of

from shares_core import HostConfig, bootstrap
from shares_core.adapters.state.codec import Codec
from shares_core.app.operations import OPERATIONS
from shares_core.domain.errors import SharesError
from shares_core.domain.secret import Secret
from shares_core.domain.server import ShareServer
from shares_core.domain.views import PasswordView
from shares_core.ports.events import Event, EventKind
from shares_core.testing import MemoryHost, memory_ports

KINDS = tuple(OPERATIONS.values())
CODEC = Codec(KINDS, secrets=True)


def _crossing() -> Iterator[tuple[str, Any]]:
    """Each argument and result of each public method of each use case, with its type."""
    host = bootstrap.host(memory_ports(MemoryHost()), HostConfig().network)
    for about in attrs.fields(type(host)):
        use_cases = type(getattr(host, about.name))
        for name, method in inspect.getmembers(use_cases, inspect.isfunction):
            if name[0] != "_":
                for what, kind in get_type_hints(method).items():
                    yield f"{about.name}.{name}.{what}", kind


CROSSING = dict(_crossing())
#: Many have the same type: one stands for all.
ONE_OF_EACH = {kind: what for what, kind in CROSSING.items()}


def crossed(value: object, kind: Any) -> Any:
    """The value after a trip through JSON."""
    return CODEC.decode(json.loads(json.dumps(CODEC.encode(value, kind))), kind)


def whole(value: Any) -> Any:
    """The value for comparisons: errors as their parts, and a name as a key as its text."""
    if isinstance(value, SharesError):
        return parts(value)
    if isinstance(value, tuple):
        return tuple(map(whole, value))
    if isinstance(value, Mapping):
        return {str(key): whole(each) for key, each in value.items()}
    return value


@pytest.mark.parametrize("what", ONE_OF_EACH.values())
def test_arguments_and_results_are_the_same_in_another_process(what: str) -> None:
    """The types come from the methods' annotations, so that a new use case cannot be forgotten."""
    kind = CROSSING[what]
    for value in samples_of(kind, KINDS):
        arrived = crossed(value, kind)
        assert whole(value) == whole(arrived)
        # Fields that comparisons leave out arrive too.
        assert CODEC.encode(value, kind) == CODEC.encode(arrived, kind)


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: error.code)
def test_every_error_is_the_same_in_another_process(error: SharesError) -> None:
    arrived = crossed(error, SharesError)
    assert parts(error) == parts(arrived)
    assert parts(arrived) == parts(crossed(arrived, SharesError))


def test_every_event_is_the_same_in_another_process() -> None:
    """Of every kind, with its text for people."""
    events = samples_of(Event)
    assert set(EventKind) == {event.what for event in events}
    for event in events:
        arrived = crossed(event, Event)
        assert (event, event.subject) == (arrived, arrived.subject)


def test_every_use_case_and_type_is_tried() -> None:
    """A few known ones, and no more than exist."""
    assert {"servers.create.interfaces", "access.replace.passwords", "shares.check.return"} <= set(CROSSING)
    assert len(CROSSING) == len(list(_crossing()))


def test_a_password_crosses_and_is_in_no_record() -> None:
    """The codec of records refuses each type that may hold one, even without a value."""
    assert Secret("hunter2") == crossed(Secret("hunter2"), Secret)
    records = Codec(KINDS)
    assert records.form(ShareServer)
    for kind in (Secret, PasswordView, Secret | None, tuple[Secret, ...]):
        with pytest.raises(TypeError, match="secret"):
            records.form(kind)
