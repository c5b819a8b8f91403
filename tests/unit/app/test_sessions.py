from __future__ import annotations

import pytest
from tests.unit.world import PASSWORD, RO, RW, SMALL, World

from shares_core.domain.errors import InvalidInput, NotFound
from shares_core.testing import Session
from shares_core.testing.smb import ADDRESS


@pytest.fixture
def world() -> World:
    world = World.new()
    world.served()
    world.host.shares.create("tenant", "other", SMALL)
    for share, user, level in (("files", "ada", RW), ("other", "ada", RW), ("files", "Max Müller", RO)):
        world.host.access.allow("tenant", share, user, level, PASSWORD)
    return world


@pytest.fixture
def there(world: World) -> list[Session]:
    """Two sessions of ada's, one of max's; the first uses both shares."""
    there = [world.connect(user) for user in ("ada", "ADA", "max müller")]
    for session, share in zip((there[0], there[0], there[2]), ("files", "other", "files"), strict=True):
        session.open(share)
    return there


def test_sessions_are_listed_by_user(world: World, there: list[Session]) -> None:
    """As people are called, of the whole server or of a share."""
    listed = world.host.sessions.list("tenant")
    assert ["ada", "ada", "Max Müller"] == [each.user for each in listed]
    assert [("files", "other"), (), ("files",)] == [each.shares for each in listed]
    assert [there[0].number] == [each.connection for each in world.host.sessions.list("tenant", "OTHER")]
    assert ["ada", "Max Müller"] == [each.user for each in world.host.sessions.list("tenant", "files")]


def test_open_files_are_listed_by_share(world: World, there: list[Session]) -> None:
    there[1].open("files", name="written", write=True)
    told = [(each.share, each.path, each.users, each.access) for each in world.host.sessions.files("tenant")]
    assert told == [
        ("files", "file", ("ada",), "r"),
        ("files", "file", ("Max Müller",), "r"),
        ("files", "written", ("ada",), "rw"),
        ("other", "file", ("ada",), "r"),
    ]
    assert told[3:] == [
        (each.share, each.path, each.users, each.access)
        for each in world.host.sessions.files("tenant", "other")
    ]


def test_sessions_are_closed_by_user_address_or_id(world: World, there: list[Session]) -> None:
    """With what is open there, and nothing else; once more closes nothing."""
    sessions = world.host.sessions
    (last,) = (each for each in sessions.list("tenant") if each.user == "Max Müller")
    assert (last,) == sessions.close("tenant", id=last.id).closed
    again_closed = sessions.close("tenant", id=last.id)
    assert [True, True, False] == [each.alive for each in there]
    assert ((), ()) == (again_closed.closed, again_closed.alongside)
    assert ["ada", "ada"] == [each.user for each in sessions.close("tenant", user="Ada").closed]
    assert ((), ()) == (sessions.list("tenant"), sessions.files("tenant"))
    again = world.connect("ada")
    assert () == sessions.close("tenant", address="10.254.0.77").closed
    assert again.alive
    assert ["ada"] == [each.user for each in sessions.close("tenant", address=ADDRESS).closed]
    assert not again.alive


def test_who_shares_a_connection_is_named(world: World, there: list[Session]) -> None:
    """They end too."""
    there[2].number = there[0].number
    done = world.host.sessions.close("tenant", user="max müller")
    assert (["Max Müller"], ["ada"]) == ([s.user for s in done.closed], [s.user for s in done.alongside])
    assert [False, True, False] == [each.alive for each in there]


def test_bad_requests_close_nothing(world: World, there: list[Session]) -> None:
    sessions = world.host.sessions
    with pytest.raises(InvalidInput, match="whose sessions"):
        sessions.close("tenant")
    with pytest.raises(InvalidInput, match="whose sessions"):
        sessions.close("tenant", user="ada", id="1")
    with pytest.raises(InvalidInput, match="'ada' is not an address"):
        sessions.close("tenant", address="ada")
    with pytest.raises(NotFound, match="no user 'eve'"):
        sessions.close("tenant", user="eve")
    with pytest.raises(NotFound):
        sessions.list("tenant", "nothing")
    with pytest.raises(NotFound):
        sessions.files("nobody")
    assert all(each.alive for each in there)


def test_a_server_that_does_not_run_has_no_sessions(world: World, there: list[Session]) -> None:
    world.host.servers.stop("tenant")
    assert ((), ()) == (world.host.sessions.list("tenant"), world.host.sessions.files("tenant"))
    assert () == world.host.sessions.close("tenant", user="ada").closed
