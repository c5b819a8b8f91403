"""The way of a frame through the chains of a host, to its end. Pure.

Every base chain that sees a frame has to accept it; one that drops it is enough. A rule whose conditions
cannot be judged may take effect or not: then both ways are followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import define, evolve, field, frozen

from shares_core.adapters.network.ruleset.frames import Facts, Frame, Hook
from shares_core.adapters.network.ruleset.values import Action, Chain, Rule, Ruleset

_ORDER = tuple(Hook)


@frozen
class Obstacle:
    """What drops a frame, or may drop it: a rule of ``chain``, or the policy if ``rule`` is empty.

    ``base`` is the chain at the hook, from which the frame came to ``chain``. ``certain`` is False if a
    condition on the way cannot be judged.
    """

    base: Chain
    chain: str
    rule: str
    certain: bool


@frozen
class _Ends:
    """How a way through a chain may end; more than one is possible if something could not be judged."""

    accepts: bool = False
    dropped_by: tuple[str, str] | None = None
    falls: bool = False

    def also(self, other: _Ends) -> _Ends:
        return _Ends(
            self.accepts or other.accepts,
            self.dropped_by or other.dropped_by,
            self.falls or other.falls,
        )


_ACCEPTED, _FALLEN = _Ends(accepts=True), _Ends(falls=True)


def obstacles(ruleset: Ruleset, frame: Frame) -> tuple[Obstacle, ...]:
    """What keeps the frame from its end, or may, on its way. None only if it gets there for certain.

    At most one of each base chain: each of them is asked on its own.
    """
    walk = _Walk(frame, ruleset)
    return tuple(found for base in _seeing(ruleset, frame) if (found := walk.through(base)) is not None)


def _seeing(ruleset: Ruleset, frame: Frame) -> Iterator[Chain]:
    """The base chains that see the frame, in the order of its way."""
    for hook in _ORDER:
        for chain in ruleset.bases:
            if chain.hook != hook or not frame.seen_by(chain.family) or (chain.is_nat and not frame.opens):
                continue
            if hook is not Hook.INGRESS or _is_on(chain, frame):
                yield chain


def _is_on(chain: Chain, frame: Frame) -> bool:
    """Whether a chain at the ingress of devices is at a port's, as far as both are known."""
    return frame.ports is None or not chain.devices or not frame.ports.isdisjoint(chain.devices)


@define
class _Walk:
    """One frame's way. On it the frame may become one that connection tracking does not know."""

    _frame: Frame
    _ruleset: Ruleset
    _known: dict[str, _Ends] = field(factory=dict)
    _facts: Facts = field(init=False)

    def through(self, base: Chain) -> Obstacle | None:
        self._known.clear()
        self._facts = self._frame.at(base.family, base.hook)
        ends = self._follow(base, base, ())
        if ends.falls:
            policy = _Ends(dropped_by=(base.name, "")) if base.drops else _ACCEPTED
            ends = evolve(ends, falls=False).also(policy)
        if ends.dropped_by is None:
            return None
        # The filter at one port's ingress does not see what comes in at another's.
        certain = not ends.accepts and base.hook != Hook.INGRESS
        return Obstacle(base, *ends.dropped_by, certain=certain)

    def _follow(self, chain: Chain, base: Chain, above: tuple[str, ...]) -> _Ends:
        if chain.name not in self._known:
            self._known[chain.name] = self._rules(chain, base, (*above, chain.name))
        return self._known[chain.name]

    def _rules(self, chain: Chain, base: Chain, above: tuple[str, ...]) -> _Ends:
        possible = _Ends()
        for rule in chain.rules:
            holds = rule.holds(self._facts)
            if holds is False or rule.action is Action.GO_ON:
                continue
            if rule.action is Action.UNTRACK:
                self._frame = evolve(self._frame, state="untracked" if holds else None)
                self._facts = self._frame.at(base.family, base.hook)
                continue
            ends = self._end(rule, chain, base, above)
            comes_back = rule.action is Action.JUMP and ends.falls
            if holds and not comes_back:
                return possible.also(ends)
            possible = possible.also(evolve(ends, falls=False) if comes_back else ends)
        return possible.also(_FALLEN)

    def _end(self, rule: Rule, chain: Chain, base: Chain, above: tuple[str, ...]) -> _Ends:
        """How the way may end if the rule takes effect."""
        beside: Mapping[str, Chain] = self._ruleset.beside(chain)
        dropped = _Ends(dropped_by=(chain.name, rule.text))
        match rule.action:
            case Action.ACCEPT:
                return _ACCEPTED
            case Action.DROP:
                return dropped
            case Action.RETURN:
                return _FALLEN
            case Action.JUMP | Action.GOTO if rule.target in beside and rule.target not in above:
                return self._follow(beside[rule.target], base, above)
        return dropped.also(_ACCEPTED)
