"""What a caller without a type checker gives: an error of this library, before anything has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.world import PASSWORD, SMALL, World

from shares_core.bootstrap import Host
from shares_core.domain.access import AccessRule
from shares_core.domain.errors import InvalidInput
from shares_core.domain.names import UserName
from shares_core.domain.views import PasswordOutcome

ADA = AccessRule.for_user("ada", "rw")
TRIES: list[Callable[[Any], object]] = [
    lambda host: host.shares.create("tenant", "new", "100MiB"),
    lambda host: host.shares.create("tenant", "new", None),
    lambda host: host.access.allow("tenant", "files", "ada", password="plain"),
    lambda host: host.access.allow("tenant", "files", "ada", level=7),
    lambda host: host.access.allow("tenant", "files", 7),
    lambda host: host.access.replace("tenant", "files", [("ada", "rw")]),
    lambda host: host.access.replace("tenant", "files", None),
    lambda host: host.access.replace("tenant", "files", ADA),
    lambda host: host.access.replace("tenant", "files", [ADA], passwords={"ada": "plain"}),
    lambda host: host.access.replace("tenant", "files", [ADA], passwords={"ada": None}),
    lambda host: host.access.replace("tenant", "files", [ADA], passwords={7: PASSWORD}),
    lambda host: host.access.replace("tenant", "files", [ADA], passwords=[PASSWORD]),
    lambda host: host.users.set_password("tenant", "bob", "plain"),
]


@pytest.mark.parametrize("attempt", TRIES)
def test_a_value_of_a_wrong_type_is_refused_with_a_hint(
    world: World, attempt: Callable[[Host], object]
) -> None:
    """Nothing has changed, no password is in the message, and the right type is accepted."""
    world.served()
    world.host.access.allow("tenant", "files", "bob", password=PASSWORD)
    before = world.record("tenant")
    with pytest.raises(InvalidInput) as told:
        attempt(world.host)
    assert "" != told.value.hint
    assert "plain" not in told.value.message
    assert before == world.record("tenant")
    world.host.shares.create("tenant", "new", SMALL)


@pytest.mark.parametrize("key", ["eve", UserName("eve")])
def test_passwords_of_new_users_are_given_by_name(world: World, key: Any) -> None:
    """As text or as a name; a new user without one gets a generated password."""
    world.served()
    rules = [ADA, AccessRule.for_user("eve", "rw")]
    ada, eve = world.host.access.replace("tenant", "files", rules, passwords={key: PASSWORD})
    assert (PasswordOutcome.GENERATED, PasswordOutcome.SET) == (ada.outcome, eve.outcome)
    world.connect("eve")
