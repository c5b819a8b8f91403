from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shares_core.domain.access import (
    AccessLevel,
    AccessRule,
    Principal,
    intersection,
    level_of,
    restricted,
    rule_set,
    with_rule,
    without_principal,
)
from shares_core.domain.errors import InvalidInput
from shares_core.domain.names import UserName

RANK = {None: 0, AccessLevel.READ_ONLY: 1, AccessLevel.READ_WRITE: 2}
USERS = ("ada", "Bob", "carl", "dora")
RULES = st.dictionaries(st.sampled_from(USERS), st.sampled_from(AccessLevel)).map(
    lambda levels: rule_set(AccessRule.for_user(user, level) for user, level in levels.items())
)
RULE = st.builds(AccessRule.for_user, st.sampled_from(USERS), st.sampled_from(AccessLevel))


def rank(rules: tuple[AccessRule, ...], user: str) -> int:
    return RANK[level_of(rules, Principal(UserName(user)))]


@given(RULES, RULES)
def test_the_step_between_two_sets_grants_no_more_than_either(
    before: tuple[AccessRule, ...], after: tuple[AccessRule, ...]
) -> None:
    """Everybody may do what the lower of both sets allows, and no more."""
    between = intersection(before, after)
    for user in USERS:
        assert min(rank(before, user), rank(after, user)) == rank(between, user)


@given(RULES, RULES)
def test_those_who_lose_something_are_named_and_nobody_else(
    before: tuple[AccessRule, ...], after: tuple[AccessRule, ...]
) -> None:
    """Those who may do less than before have to be disconnected."""
    expected = {user for user in USERS if rank(after, user) < rank(before, user)}
    assert expected == {str(principal.name) for principal in restricted(before, after)}


@given(RULES, RULES)
def test_the_way_over_the_step_first_restricts_and_then_grants(
    before: tuple[AccessRule, ...], after: tuple[AccessRule, ...]
) -> None:
    """Nobody loses anything in the second half."""
    assert () == restricted(intersection(before, after), after)
    assert restricted(before, after) == restricted(before, intersection(before, after))


@given(RULES, RULE)
def test_a_rule_replaces_its_principals_former_one(rules: tuple[AccessRule, ...], rule: AccessRule) -> None:
    """After an allow its level counts, and those of others are as they were."""
    allowed = with_rule(rules, rule)
    assert rule.level == level_of(allowed, rule.principal)
    assert without_principal(rules, rule.principal) == without_principal(allowed, rule.principal)
    assert allowed == with_rule(allowed, rule)


@given(st.permutations([AccessRule.for_user(user, "ro") for user in USERS]))
def test_a_set_of_rules_has_one_order(rules: list[AccessRule]) -> None:
    """Two sets with the same rules are equal."""
    assert rule_set(rules) == rule_set(reversed(rules))


def test_a_set_has_one_rule_for_each_user() -> None:
    """A user with two rules is refused, even if the names differ in case."""
    with pytest.raises(InvalidInput):
        rule_set([AccessRule.for_user("ada", "ro"), AccessRule.for_user("ADA", "rw")])


@pytest.mark.parametrize("text", ["", "RW", "w", "none", "rw "])
def test_other_levels_are_refused(text: str) -> None:
    """There are two levels."""
    with pytest.raises(InvalidInput):
        AccessLevel.parse(text)


@pytest.mark.parametrize("level", AccessLevel)
def test_a_level_is_read_from_what_it_prints(level: AccessLevel) -> None:
    """str and parse are inverse to each other."""
    assert level is AccessLevel.parse(str(level))
