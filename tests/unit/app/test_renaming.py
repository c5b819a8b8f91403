"""Renaming shares."""

from __future__ import annotations

import pytest
from tests.unit.app.test_crashes import populated
from tests.unit.app.use_cases import has
from tests.unit.world import PASSWORD, RO, RW, World

from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.errors import AlreadyExists, InvalidInput, NotFound
from shares_core.testing import SmbRefused


@pytest.fixture
def world() -> World:
    """A share with an exported snapshot, which two users have open; and another share."""
    world = populated()
    world.host.snapshots.create("tenant", "files", "before")
    world.host.snapshots.export("tenant", "files", "before")
    world.host.access.allow("tenant", "files@before", "ada")
    world.host.shares.create("tenant", "other", Capacity(64 * MIB))
    world.host.access.allow("tenant", "other", "ada")
    return world


def test_a_renamed_share_is_served_under_its_new_name_only(world: World) -> None:
    """So are its exported snapshots. Who had them open is disconnected, and nobody else is."""
    client = world.connect("ada", PASSWORD)
    opened = [client.open(name) for name in ("files", "files@before", "other")]
    view = world.host.shares.rename("tenant", "files", "renamed")
    assert "renamed" == str(view.share.name)
    assert [True, True, False] == [file.closed for file in opened]
    assert (None, None) == (has(world, "files", "ada"), has(world, "files@before", "ada"))
    assert (RW, RO) == (has(world, "renamed", "ada"), has(world, "renamed@before", "ada"))
    with pytest.raises(SmbRefused):
        world.connect("ada", PASSWORD).open("files")
    assert world.host.fleet.reconcile().is_empty


def test_a_share_that_is_not_running_is_renamed_too(world: World) -> None:
    world.host.servers.stop("tenant")
    world.host.shares.rename("tenant", "files", "renamed")
    world.host.servers.start("tenant")
    assert RW is has(world, "renamed", "ada")


def test_a_name_may_change_in_case_only(world: World) -> None:
    """Clients come back to it, because they do not tell the names apart."""
    world.host.shares.rename("tenant", "files", "Files")
    assert "Files" == str(world.share("tenant", "files").name)
    assert RW is has(world, "Files", "ada")


def test_renaming_to_its_own_name_disconnects_nobody(world: World) -> None:
    opened = world.connect("ada", PASSWORD).open("files")
    before = dict(world.machine.records)
    world.host.shares.rename("tenant", "files", "files")
    assert (False, before) == (opened.closed, world.machine.records)


@pytest.mark.parametrize(
    ("share", "name", "error"),
    [
        ("files", "other", AlreadyExists),
        ("files", "OTHER", AlreadyExists),
        ("other", "files@before", AlreadyExists),
        ("absent", "renamed", NotFound),
        ("files", "a/b", InvalidInput),
        ("files", "n" * 80, InvalidInput),  # its exported snapshot's name would be too long
    ],
)
def test_what_cannot_be_a_name_changes_nothing(
    world: World, share: str, name: str, error: type[Exception]
) -> None:
    before = dict(world.machine.records)
    with pytest.raises(error):
        world.host.shares.rename("tenant", share, name)
    assert before == world.machine.records
