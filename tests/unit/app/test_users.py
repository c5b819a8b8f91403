from __future__ import annotations

import pytest
from tests.unit.world import PASSWORD, RO, RW, SMALL, World

from shares_core.domain.errors import NotFound
from shares_core.domain.names import UserName
from shares_core.domain.secret import Secret
from shares_core.domain.views import PasswordOutcome
from shares_core.testing import SmbRefused
from shares_core.testing.clients import LOGON_FAILURE

OTHER = Secret("battery staple")


@pytest.fixture(params=[False, True], ids=["prompt", "lagging"])
def world(request: pytest.FixtureRequest) -> World:
    """A share on a host whose connections reload at once, and on a lagging host."""
    world = World.new(lagging=request.param)
    world.served()
    return world


def test_an_account_outlives_its_last_rule(world: World) -> None:
    """Allowed again, the user has the same password."""
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.host.access.deny("tenant", "files", "ada")
    assert ["ada"] == [str(account.name) for account in world.host.users.list("tenant")]
    assert PasswordOutcome.KEPT is world.host.access.allow("tenant", "files", "ada", RO).outcome
    assert RO == world.connect("ada").level("files")


def test_setting_a_password_ends_the_users_sessions(world: World) -> None:
    """Only the new one works; without one it is generated and returned."""
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    session = world.connect("ada")
    assert PasswordOutcome.SET is world.host.users.set_password("tenant", "ada", OTHER).outcome
    assert not session.alive
    generated = world.host.users.set_password("tenant", "ada").password
    assert generated is not None
    for former in (PASSWORD, OTHER):
        with pytest.raises(SmbRefused, match=LOGON_FAILURE):
            world.connect("ada", former)
    assert RW == world.connect("ada", generated).level("files")


def test_removing_a_user_takes_rules_password_and_sessions(world: World) -> None:
    """On every share of the server; other users stay. The next removal finds nobody."""
    world.host.shares.create("tenant", "other", SMALL)
    for share, user in (("files", "ada"), ("other", "ada"), ("files", "bob")):
        world.host.access.allow("tenant", share, user, RW, PASSWORD)
    ada, bob = world.connect("ada"), world.connect("bob")
    world.host.users.remove("tenant", "ada")
    assert (False, True) == (ada.alive, bob.alive)
    assert {("files", "bob"): RW} == world.admitted()
    assert [["bob"], []] == [
        [str(rule.principal.name) for rule in world.host.access.list("tenant", share)]
        for share in ("files", "other")
    ]
    assert {UserName("bob")} == set(world.machine.secrets[world.record("tenant").id])
    with pytest.raises(NotFound):
        world.host.users.remove("tenant", "ada")
    with pytest.raises(NotFound):
        world.host.users.set_password("tenant", "ada", OTHER)
    assert PasswordOutcome.GENERATED is world.host.access.allow("tenant", "files", "ada").outcome


def test_each_server_has_its_own_passwords(world: World) -> None:
    """The same name on another server is another user."""
    world.served(server="other")
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    world.host.access.allow("other", "files", "ada", RW, OTHER)
    with pytest.raises(SmbRefused, match=LOGON_FAILURE):
        world.connect("ada", PASSWORD, server="other")
    assert RW == world.connect("ada", OTHER, server="other").level("files")
