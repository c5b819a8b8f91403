from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.world import NETWORK, PASSWORD, RO, RW, SMALL, World

from shares_core.bootstrap import host
from shares_core.domain.access import AccessRule
from shares_core.domain.errors import AlreadyExists, BackendFailure, InvalidInput, NotFound
from shares_core.domain.names import UserName
from shares_core.domain.secret import Secret
from shares_core.domain.views import PasswordOutcome
from shares_core.testing import Call, SmbRefused, intercept, memory_ports
from shares_core.testing.clients import ACCESS_DENIED, BAD_NETWORK_NAME, DISCONNECTED, LOGON_FAILURE

OTHER = Secret("battery staple")


@pytest.fixture(params=[False, True], ids=["prompt", "lagging"])
def world(request: pytest.FixtureRequest) -> World:
    """A share on a host whose connections reload at once, and on a lagging host."""
    world = World.new(lagging=request.param)
    world.served()
    return world


def test_nobody_has_access_without_a_rule(world: World) -> None:
    """Before the first rule and after the last; a stranger never."""
    assert {} == world.admitted()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    assert {("files", "ada"): RW} == world.admitted()
    for user, password in (("ada", OTHER), ("bob", PASSWORD), ("guest", PASSWORD), ("nobody", PASSWORD)):
        with pytest.raises(SmbRefused, match=LOGON_FAILURE):
            world.connect(user, password)
    assert world.host.access.deny("tenant", "files", "ada")
    assert {} == world.admitted()
    with pytest.raises(SmbRefused, match=BAD_NETWORK_NAME):
        world.connect("ada").open("files")


def test_a_user_gets_the_level_of_the_rule(world: World) -> None:
    """A reader cannot write; the rule is for this share only."""
    world.host.shares.create("tenant", "other", SMALL)
    world.host.access.allow("tenant", "files", "ada", RO, PASSWORD)
    world.host.access.allow("tenant", "other", "ada", RW)
    session = world.connect("ada")
    assert (RO, RW) == (session.level("files"), session.level("other"))
    with pytest.raises(SmbRefused, match=ACCESS_DENIED):
        session.open("files", write=True)


def test_a_raised_level_names_the_connections_that_it_has_not_reached(world: World) -> None:
    """A new, an equal and a lower level leave none."""
    for level in (RO, RO, RW):
        assert 0 == world.host.access.allow("tenant", "files", "ada", level, PASSWORD).stale_connections
    assert 0 == world.host.access.allow("tenant", "files", "ada", RO).stale_connections
    opened = [world.connect("ada").open("files") for _ in range(2)]
    assert 2 == world.host.access.allow("tenant", "files", "ada", RW).stale_connections
    assert b"" == opened[0].read()
    assert 0 == world.host.access.allow("tenant", "files", "ada", RO).stale_connections
    world.connect("ada").open("files")
    views = world.host.access.replace(
        "tenant", "files", [AccessRule.for_user(name, "rw") for name in ("ada", "bob")]
    )
    assert [1, 0] == [view.stale_connections for view in views]


def test_reconnect_ends_what_keeps_a_former_level(world: World) -> None:
    """Also after the level was raised without it; a user's other shares and other users stay open."""
    world.host.shares.create("tenant", "other", SMALL)
    for share, user in (("files", "ada"), ("other", "ada"), ("files", "bob")):
        world.host.access.allow("tenant", share, user, RO, PASSWORD)
    ada, bob = world.connect("ada"), world.connect("bob")
    stale, elsewhere, others = ada.open("files"), ada.open("other"), bob.open("files")
    assert 1 == world.host.access.allow("tenant", "files", "ada", RW).stale_connections
    assert 0 == world.host.access.allow("tenant", "files", "ada", RW, reconnect=True).stale_connections
    assert [True, False, False] == [each.closed for each in (stale, elsewhere, others)]
    wanted = [AccessRule.for_user(name, "rw") for name in ("ada", "bob", "eve")]
    views = world.host.access.replace("tenant", "files", wanted, reconnect=True)
    assert [0, 0, 0] == [view.stale_connections for view in views]
    assert others.closed


def test_a_level_is_raised_even_if_the_server_says_nothing_of_its_connections() -> None:
    """How many keep the former one is then not known, and nothing that is told only once is lost."""
    broken = False

    def silent(call: Call, proceed: Callable[[], object]) -> object:
        if broken and call.port == "smb_sessions":
            raise BackendFailure("it says nothing")
        return proceed()

    world = World.new()
    world.served()
    access = host(intercept(memory_ports(world.machine), silent), NETWORK).access
    access.allow("tenant", "files", "ada", RO, PASSWORD)
    broken = True
    assert access.allow("tenant", "files", "ada", RW).stale_connections is None
    assert access.allow("tenant", "files", "ada", RW, reconnect=True).stale_connections is None
    wanted = [AccessRule.for_user(name, "rw") for name in ("ada", "new")]
    ada, new = access.replace("tenant", "files", wanted, reconnect=True)
    assert (None, 0, PasswordOutcome.GENERATED) == (ada.stale_connections, new.stale_connections, new.outcome)
    assert new.password is not None
    world.connect("new", new.password)
    assert {("files", "ada"): RW, ("files", "new"): RW} == world.admitted()


def test_allowing_the_same_again_changes_nothing(world: World) -> None:
    """Twice equals once, and nobody is disturbed."""
    first = world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    opened = world.connect("ada").open("files", write=True)
    before = world.record("tenant")
    again = world.host.access.allow("tenant", "files", "ada", RW)
    assert (first.rule, PasswordOutcome.KEPT, None) == (again.rule, again.outcome, again.password)
    assert before == world.record("tenant")
    opened.write(b"undisturbed")


def test_a_new_user_without_a_password_gets_one_that_is_shown_once(world: World) -> None:
    """It is in no record, and it works."""
    given = world.host.access.allow("tenant", "files", "ada")
    assert PasswordOutcome.GENERATED is given.outcome
    assert given.password is not None
    assert given.password.reveal() not in repr((given, world.machine.records, world.machine.events))
    assert RW == world.connect("ada", given.password).level("files")


def test_a_new_users_password_is_set(world: World) -> None:
    """It is not returned."""
    given = world.host.access.allow("tenant", "files", "ada", RO, PASSWORD)
    assert (PasswordOutcome.SET, None) == (given.outcome, given.password)


def test_allow_with_a_password_sets_it_and_ends_the_users_sessions(world: World) -> None:
    """The former password no longer works."""
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    session = world.connect("ada")
    assert PasswordOutcome.SET is world.host.access.allow("tenant", "files", "ada", RW, OTHER).outcome
    assert not session.alive
    with pytest.raises(SmbRefused, match=LOGON_FAILURE):
        world.connect("ada", PASSWORD)
    assert RW == world.connect("ada", OTHER).level("files")


def test_a_deny_ends_open_connections_before_it_returns(world: World) -> None:
    """Of that user on that share; everybody else goes on."""
    world.host.shares.create("tenant", "other", SMALL)
    for share, user in (("files", "ada"), ("files", "bob"), ("other", "ada")):
        world.host.access.allow("tenant", share, user, RW, PASSWORD)
    ada, bob = world.connect("ada"), world.connect("bob")
    opened = ada.open("files", write=True)
    undisturbed = (ada.open("other", write=True), bob.open("files", write=True))
    world.host.access.deny("tenant", "files", "ada")
    with pytest.raises(SmbRefused, match=DISCONNECTED):
        opened.write(b"too late")
    with pytest.raises(SmbRefused, match=ACCESS_DENIED):
        ada.open("files")
    for other in undisturbed:
        other.write(b"undisturbed")


def test_lowering_a_level_takes_effect_on_open_connections(world: World) -> None:
    """From read-write to read-only nothing more is written, and reading works again at once."""
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    session = world.connect("ada")
    opened = session.open("files", write=True)
    world.host.access.allow("tenant", "files", "ada", RO)
    with pytest.raises(SmbRefused, match=DISCONNECTED):
        opened.write(b"too late")
    assert RO == session.level("files")


def test_raising_a_level_disturbs_nobody(world: World) -> None:
    """Open files stay open; a new connection may write."""
    world.host.access.allow("tenant", "files", "ada", RO, PASSWORD)
    opened = world.connect("ada").open("files")
    world.host.access.allow("tenant", "files", "ada", RW)
    opened.read()
    assert RW == world.connect("ada").level("files")


def test_denying_a_user_without_a_rule_changes_nothing(world: World) -> None:
    """It returns that there was none; a user unknown to the server is not found."""
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    assert world.host.access.deny("tenant", "files", "ada")
    before = world.record("tenant")
    assert not world.host.access.deny("tenant", "files", "ada")
    assert before == world.record("tenant")
    with pytest.raises(NotFound):
        world.host.access.deny("tenant", "files", "bob")


def test_users_that_differ_only_in_case_are_the_same(world: World) -> None:
    """A second spelling is refused by allow and by replace, before anything changes."""
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    before = world.record("tenant")
    with pytest.raises(AlreadyExists):
        world.host.access.allow("tenant", "files", "ADA")
    with pytest.raises(AlreadyExists):
        world.host.access.replace("tenant", "files", [AccessRule.for_user("Ada", "ro")])
    assert before == world.record("tenant")
    assert RW == world.connect("Ada").level("FILES")


@pytest.mark.parametrize(
    "user", ["", "@games", "&games", "+games", "ada,eve", 'ada" "eve', "a\nb", "..", "*", " ada", "a\u202eb"]
)
def test_a_bad_user_is_refused_and_changes_nothing(world: World, user: str) -> None:
    """By every use case."""
    before = world.record("tenant")
    for attempt in (
        lambda: world.host.access.allow("tenant", "files", user),
        lambda: world.host.access.deny("tenant", "files", user),
        lambda: world.host.users.set_password("tenant", user),
        lambda: world.host.users.remove("tenant", user),
    ):
        with pytest.raises(InvalidInput):
            attempt()
    assert (before, {}) == (world.record("tenant"), world.machine.secrets)


def test_unknown_servers_and_shares_are_not_found(world: World) -> None:
    """By every use case about access."""
    access = world.host.access
    for server, share in (("nobody", "files"), ("tenant", "nothing")):
        for attempt in (
            lambda: access.allow(server, share, "ada"),  # noqa: B023
            lambda: access.deny(server, share, "ada"),  # noqa: B023
            lambda: access.list(server, share),  # noqa: B023
            lambda: access.replace(server, share, []),  # noqa: B023
        ):
            with pytest.raises(NotFound):
                attempt()


def test_replace_makes_these_rules_the_only_ones(world: World) -> None:
    """Users without a rule or with a lower level lose access at once, and new users get accounts."""
    for user in ("ada", "bob", "carl"):
        world.host.access.allow("tenant", "files", user, RW, PASSWORD)
    opened = {user: world.connect(user).open("files", write=True) for user in ("ada", "bob", "carl")}
    rules = [
        AccessRule.for_user(u, level) for u, level in (("carl", RW), ("bob", RO), ("dora", RW), ("eve", RO))
    ]
    views = world.host.access.replace(
        "tenant", "files", rules, {UserName("eve"): PASSWORD, UserName("bob"): OTHER}
    )
    assert {"bob": "kept", "carl": "kept", "dora": "generated", "eve": "set"} == {
        str(view.rule.principal.name): str(view.outcome) for view in views
    }
    assert [True, True, False] == [opened[user].closed for user in ("ada", "bob", "carl")]
    assert {"bob": RO, "carl": RW, "dora": RW, "eve": RO} == {
        user: lv for (_, user), lv in world.admitted().items()
    }
    assert RO == world.connect("bob", PASSWORD).level("files")
    assert tuple(view.rule for view in views) == world.host.access.list("tenant", "files")
    assert () == world.host.access.replace("tenant", "files", [])
    assert {} == world.admitted()


def test_a_contradictory_set_of_rules_is_refused(world: World) -> None:
    """Before anything has changed."""
    rules = [AccessRule.for_user("ada", "ro"), AccessRule.for_user("ADA", "rw")]
    with pytest.raises(InvalidInput):
        world.host.access.replace("tenant", "files", rules)
    assert () == world.record("tenant").accounts


def test_an_existing_user_is_found_in_any_case(world: World) -> None:
    """SMB ignores case, so denying ADA denies ada."""
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    assert world.host.access.deny("tenant", "files", "ADA")
    assert () == world.host.access.list("tenant", "files")


def test_a_new_users_password_is_found_in_any_case(world: World) -> None:
    """SMB ignores case; a given password is never replaced by a generated one."""
    rules = [AccessRule.for_user("eve", RW)]
    (view,) = world.host.access.replace("tenant", "files", rules, passwords={"Eve": Secret("mine")})
    assert (PasswordOutcome.SET, None) == (view.outcome, view.password)
    world.connect("eve", Secret("mine")).open("files")
