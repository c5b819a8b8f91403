"""Whether differences from the callers' files are noticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.reliability.expecting import Expected, read
from tests.unit.world import RO, RW, World

from shares_core import Capacity

USER = {"server": "tenant", "share": "stable-0", "user": "user-0-0"}
OWN = {"server": "tenant", "share": "own-0-0"}
SIZE = 64 << 20


def told(folder: Path, *operations: tuple[dict[str, Any], str | None]) -> Expected:
    """An operation as a caller wrote it; with None as its error it never ended."""
    lines = []
    for number, (what, error) in enumerate(operations):
        lines.append(json.dumps({"number": number, "at": number, **what}))
        if error is not None:
            lines.append(json.dumps({"ended": number, "at": number, "error": error, "message": ""}))
    (folder / "told-0-0.jsonl").write_text("\n".join([*lines, '{"num']))
    return Expected.after(read(folder))


@pytest.fixture
def world() -> World:
    """The host as the callers below leave it."""
    world = World.new()
    world.host.servers.create("tenant")
    world.host.servers.create("own-0-0")
    world.host.shares.create("tenant", "stable-0", Capacity(SIZE))
    world.host.shares.create("tenant", "own-0-0", Capacity(SIZE))
    world.host.access.allow("tenant", "stable-0", "user-0-0", RW)
    world.host.access.allow("tenant", "own-0-0", "user-0-0", RO)
    return world


DONE: list[tuple[dict[str, Any], str | None]] = [
    ({"verb": "create server", "server": "own-0-0"}, ""),
    ({"verb": "create share", **OWN, "size": SIZE}, ""),
    ({"verb": "allow", **USER, "level": "ro"}, ""),
    ({"verb": "remove user", "server": "tenant", "user": "user-0-0"}, ""),
    ({"verb": "allow", **USER, "level": "rw"}, ""),
    ({"verb": "replace", **OWN, "user": "user-0-0", "level": "ro"}, ""),
    ({"verb": "deny", **USER}, "busy"),
]


def differences(expected: Expected, world: World) -> list[str]:
    return expected.differences([world.record("tenant"), world.record("own-0-0")])


def test_answered_operations_are_expected(world: World, tmp_path: Path) -> None:
    """A failed operation has changed nothing."""
    expected = told(tmp_path, *DONE)
    assert ([], [], 7) == (expected.faults, differences(expected, world), expected.count)


@pytest.mark.parametrize(
    "further",
    [
        {"verb": "deny", **USER},
        {"verb": "allow", **USER, "level": "ro"},
        {"verb": "remove user", "server": "tenant", "user": "user-0-0"},
        {"verb": "delete share", **OWN},
        {"verb": "extend", **OWN, "size": 2 * SIZE},
        {"verb": "delete server", "server": "own-0-0"},
    ],
    ids=lambda what: what["verb"],
)
def test_a_lost_answer_is_a_difference(world: World, tmp_path: Path, further: dict[str, Any]) -> None:
    """After an operation that never ended, both states are possible."""
    assert differences(told(tmp_path, *DONE, (further, "")), world)
    assert [] == differences(told(tmp_path, *DONE, (further, None)), world)


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_something_that_nobody_made_is_a_difference(world: World, tmp_path: Path, left_out: int) -> None:
    """A server, a share, a rule."""
    verb = ("create server", "create share", "allow")[left_out]
    assert differences(told(tmp_path, *(each for each in DONE if each[0]["verb"] != verb)), world)


def test_only_conflicts_are_errors_that_callers_may_get(world: World, tmp_path: Path) -> None:
    """On its own share a caller has no competitors."""
    for verb, error, allowed in (
        ("look", "not_found", True),
        ("allow", "busy", True),
        ("allow", "not_found", False),
        ("create share", "already_exists", False),
        ("look", "backend_failure", False),
    ):
        expected = told(tmp_path, ({"verb": verb, **USER, "level": "ro", "size": 0}, error))
        assert allowed is (not expected.faults)
