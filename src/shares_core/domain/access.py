"""Who may do what on a share. Nobody has access without a rule."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from itertools import pairwise

from attrs import field, frozen

from shares_core.domain.checks import must_be, require
from shares_core.domain.errors import InvalidInput
from shares_core.domain.names import UserName

_LEVEL = "give AccessLevel.READ_WRITE or AccessLevel.READ_ONLY"
_RULE = "make rules with AccessRule.for_user('ada', 'rw')"
_RULES = "give a list of rules made with AccessRule.for_user('ada', 'rw')"
_ONCE = "give each user one rule; names that differ in case only are one user's"


class AccessLevel(StrEnum):
    """What a rule allows; the values are Manila's."""

    READ_ONLY = "ro"
    READ_WRITE = "rw"

    @classmethod
    def parse(cls, text: str) -> AccessLevel:
        try:
            return cls(text)
        except ValueError:
            raise InvalidInput(f"{text!r} is not an access level", hint="give 'rw' or 'ro'") from None


class PrincipalKind(StrEnum):
    """The kind of a principal. Domain users, groups and addresses will follow."""

    USER = "user"


@frozen(order=True)
class Principal:
    """Who a rule is for."""

    name: UserName = field(validator=must_be(UserName, "a principal's name", hint=_RULE))
    kind: PrincipalKind = field(
        default=PrincipalKind.USER,
        validator=must_be(PrincipalKind, "a principal's kind", hint="give PrincipalKind.USER"),
    )


@frozen(order=True)
class AccessRule:
    """One principal's access to a share; ``for_user`` makes a rule from text."""

    principal: Principal = field(validator=must_be(Principal, "whom a rule is about", hint=_RULE))
    level: AccessLevel = field(validator=must_be(AccessLevel, "a rule's level", hint=_LEVEL))

    @classmethod
    def for_user(cls, user: str | UserName, level: str | AccessLevel) -> AccessRule:
        """A rule for a local user. Raises InvalidInput."""
        name = user if isinstance(user, UserName) else UserName(user)
        return cls(Principal(name), AccessLevel.parse(level))


@frozen
class RefusedUser:
    """A user whose name no server can have, and why."""

    name: str
    error: InvalidInput


def rules_for(
    levels: Iterable[tuple[str, str | AccessLevel]],
) -> tuple[tuple[AccessRule, ...], tuple[RefusedUser, ...]]:
    """Rules for these users, each with a level, and the users who cannot have one.

    A name that cannot be served does not keep the others from being served. Raises InvalidInput for
    anything that is not a level.
    """
    rules, refused = [], []
    for user, level in levels:
        level = AccessLevel.parse(level)
        try:
            rules.append(AccessRule.for_user(user, level))
        except InvalidInput as error:
            refused.append(RefusedUser(user, error))
    return tuple(rules), tuple(refused)


def rule_set(rules: Iterable[AccessRule]) -> tuple[AccessRule, ...]:
    """The rules in their one canonical order.

    Raises InvalidInput if two rules have the same principal, or an item is not a rule.
    """
    require(rules, Iterable, "a set of access rules", hint=_RULES)
    rules = tuple(rules)
    for rule in rules:
        require(rule, AccessRule, "an access rule", hint=_RULE)
    ordered = tuple(sorted(rules, key=lambda rule: rule.principal.name.key))
    keys = [rule.principal.name.key for rule in ordered]
    for first, second in pairwise(keys):
        if first == second:
            raise InvalidInput(f"user {first!r} stands twice in one set of access rules", hint=_ONCE)
    return ordered


def level_of(rules: Iterable[AccessRule], principal: Principal) -> AccessLevel | None:
    """The level that the rules give the principal, or None."""
    return next((rule.level for rule in rules if rule.principal == principal), None)


def with_rule(rules: Iterable[AccessRule], rule: AccessRule) -> tuple[AccessRule, ...]:
    """The rules with ``rule`` added, in place of its principal's former rule."""
    return rule_set((*without_principal(rules, rule.principal), rule))


def without_principal(rules: Iterable[AccessRule], principal: Principal) -> tuple[AccessRule, ...]:
    """The rules without the principal's."""
    return rule_set(rule for rule in rules if rule.principal != principal)


def restricted(before: Iterable[AccessRule], after: Iterable[AccessRule]) -> tuple[Principal, ...]:
    """Those who may do less after the change: their open connections have to end."""
    after = tuple(after)
    return tuple(
        rule.principal
        for rule in before
        if (level := level_of(after, rule.principal)) is None
        or (rule.level is AccessLevel.READ_WRITE and level is AccessLevel.READ_ONLY)
    )


def raised(before: Iterable[AccessRule], after: Iterable[AccessRule]) -> tuple[Principal, ...]:
    """Those who had access and may do more after the change: what they have open does not let them yet."""
    before = tuple(before)
    kept = {rule.principal for rule in before}
    return tuple(each for each in restricted(after, before) if each in kept)


def intersection(before: Iterable[AccessRule], after: Iterable[AccessRule]) -> tuple[AccessRule, ...]:
    """What both sets grant: a step between the two that grants no more than either."""
    after = tuple(after)
    both = []
    for rule in before:
        level = level_of(after, rule.principal)
        if level is not None:
            lowest = AccessLevel.READ_ONLY if AccessLevel.READ_ONLY in (level, rule.level) else level
            both.append(AccessRule(rule.principal, lowest))
    return rule_set(both)
