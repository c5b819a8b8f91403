"""Letting bridged frames pass, on hosts whose firewall for routed packets sees them too.

If br_netfilter is loaded, bridged frames pass through the FORWARD chain, whose policy Docker sets to DROP:
clients would not reach a server on their own bridge. So each bridge of ours gets one rule, for what stays on
it, in the chain that Docker keeps for such rules; in FORWARD itself if that does not ask Docker's chain.
Packets that the host would route from or to the bridge never get that far (see filters).

The rule is put at the head of its chain. What somebody puts ahead of it afterwards stays there, and so does
what names this bridge: another firewall's rules are for ``shares-core doctor`` to report.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from attrs import define, field

from shares_core.adapters.linux.commands import run
from shares_core.adapters.network.ruleset.frames import Facts, Hook, anything
from shares_core.adapters.network.ruleset.iptables import parse_listing
from shares_core.adapters.network.ruleset.values import Action, Chain
from shares_core.adapters.network.xtables import FAMILIES, SWITCHES, is_asked, kinds
from shares_core.domain.errors import CommandFailed

_NO_SUCH_TABLE = 1  # iptables(8), also if nft keeps it; 4 means that somebody else holds its lock
_DOCKERS, _FORWARD = "DOCKER-USER", "FORWARD"
#: A rule for what comes in on this one device.
_COMING_IN = re.compile(r"-A \S+ (?:(?:! )?-[sd] \S+ )*-i (\S*[^+\s]) ")
_WAIT = ("--wait", "10")  # for another caller that is changing the rules


def let_bridged_pass(bridge: str) -> None:
    """Let frames that stay on the bridge pass, if something might drop them. Idempotent.

    If the host has no iptables, another firewall is in charge, which ``shares-core doctor`` checks.
    """
    for tool, listing in _listings((bridge,)):
        chain = place(listing.concerning(bridge), bridge)
        if chain is not None:
            _change(tool, "-I", chain, bridge)


def passing(bridges: Collection[str]) -> frozenset[str]:
    """Those of the bridges for which ``let_bridged_pass`` has nothing to do. Lists the rules once for all."""
    left = frozenset(bridges)
    for _, listing in _listings(bridges):
        left = frozenset(name for name in left if place(listing.concerning(name), name) is None)
    return left


def forget_bridge(bridge: str) -> None:
    """Remove the bridge's rules from every chain, even if bridged frames do not meet them now. Idempotent."""
    for tool in (tool for command in SWITCHES for tool in kinds(command)):
        listing = _listing(tool)
        for chain in (_DOCKERS, _FORWARD):
            for _ in range(count_copies(listing, chain, bridge)):
                _change(tool, "-D", chain, bridge)


def rule(bridge: str) -> tuple[str, ...]:
    """The rule, as iptables' arguments."""
    return ("-i", bridge, "-o", bridge, "-m", "physdev", "--physdev-is-bridged", "-j", "ACCEPT")


def count_copies(listing: str, chain: str, bridge: str) -> int:
    """How often the rule is in the output of ``iptables -S`` for the chain."""
    wanted = ["-A", chain, *rule(bridge)]
    return sum(bridge in line and line.split() == wanted for line in listing.splitlines())


class _Listing:
    """What ``iptables -S`` prints. Other bridges' rules are not parsed, however many there are."""

    def __init__(self, text: str, tool: str, family: str) -> None:
        self._tool, self._family = tool, family
        self._lines: dict[str, list[tuple[int, str]]] = {}
        for number, line in enumerate(text.splitlines()):
            coming_in = _COMING_IN.match(line)
            self._lines.setdefault(coming_in[1] if coming_in else "", []).append((number, line))

    def concerning(self, bridge: str) -> tuple[Chain, ...]:
        """The chains, without rules for what comes in on other devices."""
        lines = sorted((*self._lines.get("", ()), *self._lines.get(bridge, ())))
        return parse_listing("\n".join(line for _, line in lines), self._tool, self._family)


def _listings(bridges: Collection[str]) -> Iterator[tuple[str, _Listing]]:
    """The commands whose rules these bridges' frames meet, each with its rules for what is forwarded."""
    for command in SWITCHES:
        if any(is_asked(command, bridge) for bridge in bridges):
            for tool in kinds(command):
                yield tool, _Listing(_listing(tool), tool, FAMILIES[command])


def _change(tool: str, how: str, chain: str, bridge: str) -> None:
    """Change the rules. If this caller is killed, a waiting command must not undo the next one's change."""
    run((tool, *_WAIT, how, chain, *rule(bridge)), outlives=False)


def _listing(tool: str) -> str:
    """All rules for what is forwarded; asking with ``-C`` would make the kernel load our rule's modules."""
    try:
        return run((tool, *_WAIT, "-S"))
    except CommandFailed as error:
        if error.status != _NO_SUCH_TABLE:
            raise
        return ""


def place(chains: Sequence[Chain], bridge: str) -> str | None:
    """The chain at whose head the bridge's rule is missing. Pure.

    None if frames come to the rule, or to another one that accepts them or drops this bridge's by name,
    unless another's rule drops all first; and if neither Docker nor a default drops anything.
    """
    beside = {chain.name: chain for chain in chains}
    forward = beside.get(_FORWARD)
    if forward is None or not forward.hook:
        return None
    version = 6 if forward.family == "ip6" else 4
    search = _Search(beside, anything(bridge, version).at(forward.family, Hook.FORWARD))
    if search.settled(forward):
        return None
    if search.asks_docker:
        return _DOCKERS
    return _FORWARD if forward.drops or search.drops_all else None


@define
class _Search:
    """The way of a frame through FORWARD past the rules that drop it: does it come to one that accepts it?"""

    _beside: Mapping[str, Chain]
    _facts: Facts
    asks_docker: bool = False
    drops_all: bool = False
    _seen: set[str] = field(factory=set)

    def settled(self, chain: Chain) -> bool:
        """Whether it does, in this chain."""
        self._seen.add(chain.name)
        if chain.name == _DOCKERS and not self.drops_all:
            self.asks_docker = True
        for each in chain.rules:
            if not each.holds(self._facts):
                continue
            if each.action is Action.ACCEPT:
                return True
            if each.action is Action.DROP:
                if each.conditions:  # it names this bridge: its tenant may be locked out on purpose
                    return True
                self.drops_all = True
            if each.action is Action.RETURN:
                return False
            if each.action in (Action.JUMP, Action.GOTO):
                if each.target not in self._seen and self.settled(self._beside[each.target]):
                    return True
                if each.action is Action.GOTO:
                    return False
        return False
