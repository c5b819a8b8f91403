"""Chains of a packet filter, their rules, and what a rule asks of a frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, auto
from typing import Protocol

from attrs import frozen

from shares_core.adapters.network.ruleset.frames import Facts, IpNetwork

#: Whether a condition holds: None if that cannot be judged.
Holds = bool | None


class Condition(Protocol):
    """What a rule asks of a frame."""

    def holds(self, facts: Facts) -> Holds:
        """Whether it holds for every frame of which that is known, for none, or one cannot tell."""


@frozen
class Names:
    """One of these names, of a device, a protocol or a state. A name may end with ``*``."""

    key: str
    patterns: tuple[str, ...]
    negated: bool = False

    def holds(self, facts: Facts) -> Holds:
        possible = facts.names[self.key]
        if possible is None:
            return None
        if not possible:
            return None if self.negated else False
        found = {_fits(name, self.patterns) for name in possible}
        return _one(found, negated=self.negated)


@frozen
class Numbers:
    """A TCP port within one of these ranges, both ends included."""

    key: str
    ranges: tuple[tuple[int, int], ...]
    negated: bool = False

    def holds(self, facts: Facts) -> Holds:
        if not facts.is_tcp:
            return facts.is_tcp
        number = facts.ports[self.key]
        if number == 0:
            everything = any(low <= 1 and high == 65535 for low, high in self.ranges)
            return _one({True}, negated=self.negated) if everything else None
        return _one({any(low <= number <= high for low, high in self.ranges)}, negated=self.negated)


@frozen
class Networks:
    """An address, of the sender or of the receiver, within one of these networks."""

    networks: tuple[IpNetwork, ...]
    negated: bool = False

    def holds(self, facts: Facts) -> Holds:
        if facts.network is None:
            return None
        found = {_within(facts.network, network) for network in self.networks}
        if True in found:
            return not self.negated
        return None if None in found else self.negated


@frozen
class Unjudged:
    """Anything that this module cannot judge."""

    def holds(self, facts: Facts) -> Holds:
        return None


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return name in patterns or any(
        pattern.endswith("*") and name.startswith(pattern[:-1]) for pattern in patterns
    )


def _one(found: set[bool], *, negated: bool) -> Holds:
    return None if len(found) > 1 else found.pop() is not negated


def _within(ours: IpNetwork, theirs: IpNetwork) -> Holds:
    if ours.version != theirs.version or not ours.overlaps(theirs):
        return False
    return True if theirs.prefixlen <= ours.prefixlen else None


class Action(Enum):
    """What a rule does with a frame for which all of its conditions hold."""

    ACCEPT = auto()
    DROP = auto()
    #: Jump to the chain ``target``, and come back from its end.
    JUMP = auto()
    #: The same, without coming back.
    GOTO = auto()
    RETURN = auto()
    #: Nothing that decides: counters, logs, marks.
    GO_ON = auto()
    #: Keep connection tracking away from it.
    UNTRACK = auto()
    #: Something that may let it pass or not, like a rewritten address.
    UNKNOWN = auto()


@frozen
class Rule:
    """One rule; ``text`` is how a person finds it."""

    text: str
    action: Action
    conditions: tuple[Condition, ...] = ()
    target: str = ""

    def holds(self, facts: Facts) -> Holds:
        """Whether all of its conditions do."""
        answer: Holds = True
        for condition in self.conditions:
            holds = condition.holds(facts)
            if holds is False:
                return False
            if holds is None:
                answer = None
        return answer


@frozen
class Chain:
    """One chain. Only a base chain has a ``hook``, a ``priority``, and a policy: whether it ``drops``.

    ``tool`` is the command that manages the table: ``nft``, or one of iptables'. ``devices`` are those that a
    chain at the ingress is for.
    """

    tool: str
    family: str
    table: str
    name: str
    rules: tuple[Rule, ...] = ()
    hook: str = ""
    priority: int = 0
    drops: bool = False
    is_nat: bool = False
    devices: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, str, str]:
        """The table that it is in: only there do its rules find other chains."""
        return self.tool, self.family, self.table


class Ruleset:
    """All chains of a host."""

    def __init__(self, chains: Iterable[Chain]) -> None:
        self.chains = tuple(chains)
        self._tables: dict[tuple[str, str, str], dict[str, Chain]] = {}
        for chain in self.chains:
            self._tables.setdefault(chain.place, {})[chain.name] = chain
        self.bases = sorted((chain for chain in self.chains if chain.hook), key=lambda each: each.priority)

    def beside(self, chain: Chain) -> Mapping[str, Chain]:
        """The chains of its table, by their names."""
        return self._tables[chain.place]
