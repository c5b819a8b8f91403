"""Parsing what ``iptables-save``, its kin and ``iptables -S`` print."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence
from ipaddress import ip_network

from shares_core.adapters.network.ruleset.values import (
    Action,
    Chain,
    Condition,
    Names,
    Networks,
    Numbers,
    Rule,
    Unjudged,
)

#: Of its built-in chains those that a bridged frame meets, and their priorities, table by table
#: (linux/netfilter_ipv4.h, linux/netfilter_bridge.h).
_PRIORITIES = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
_HOOKS = {"PREROUTING": "prerouting", "FORWARD": "forward", "POSTROUTING": "postrouting"}
_ACTIONS = {
    "ACCEPT": Action.ACCEPT,
    "DROP": Action.DROP,
    "REJECT": Action.DROP,
    "RETURN": Action.RETURN,
    "NOTRACK": Action.UNTRACK,
    **dict.fromkeys(
        (
            *("AUDIT", "CHECKSUM", "CLASSIFY", "CONNMARK", "CONNSECMARK", "CONTINUE", "DSCP", "LOG", "MARK"),
            *("NFLOG", "SECMARK", "SET", "TCPMSS", "TEE", "TOS", "TRACE", "ULOG", "mark"),
        ),
        Action.GO_ON,
    ),
}
#: Modules that ask nothing by themselves, only by their options.
_MODULES = {"addrtype", "comment", "conntrack", "multiport", "physdev", "state", "tcp", "udp"}
_PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "ipv6-icmp": "icmpv6", "58": "icmpv6"}
_ETHER = {"ipv4": "ip", "ipv6": "ip6", "arp": "arp"}
_NAMES = {
    "-i": "iif",
    "-o": "oif",
    "--physdev-in": "port",
    "--physdev-out": "port",
    "--logical-in": "bridge",
    "--logical-out": "bridge",
}
_NUMBERS = {"--sport": "sport", "--sports": "sport", "--dport": "dport", "--dports": "dport"}
_SYN = ["FIN,SYN,RST,ACK", "SYN"]


def parse_save(text: str, tool: str, family: str) -> tuple[Chain, ...]:
    """All chains that ``iptables-save`` prints, of ``tool`` and ``family``."""
    found: list[Chain] = []
    table = ""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("*"):
            table, lines = line[1:].strip(), []
        elif line.startswith("COMMIT"):
            found += _table(lines, tool, family, table)
        elif line.startswith(":"):
            name, _, policy = line[1:].partition(" ")
            kept = policy.split()[:1] or ["-"]
            lines.append(f"-N {name}" if kept == ["-"] else f"-P {name} {kept[0]}")
        else:
            lines.append(line)
    if lines and not any(chain.table == table for chain in found):  # ebtables-save has no COMMIT
        found += _table(lines, tool, family, table)
    return tuple(found)


def parse_listing(text: str, tool: str, family: str) -> tuple[Chain, ...]:
    """All chains of the table ``filter`` that ``iptables -S`` prints."""
    return tuple(_table(text.splitlines(), tool, family, "filter"))


def _table(lines: Sequence[str], tool: str, family: str, table: str) -> Iterator[Chain]:
    policies: dict[str, str] = {}
    rules: dict[str, list[str]] = {}
    for line in lines:
        what, _, rest = line.partition(" ")
        name, _, rest = rest.partition(" ")
        if what == "-P":
            policies[name] = rest
        elif what == "-A":
            rules.setdefault(name, []).append(rest)
        if what in ("-P", "-N"):
            rules.setdefault(name, [])
    for name, listed in rules.items():
        yield Chain(
            tool,
            family,
            table,
            name,
            tuple(parse_rule(rule, rules.keys(), family) for rule in listed),
            hook=_HOOKS.get(name, "") if name in policies else "",
            priority=_PRIORITIES.get(table, 0),
            drops=policies.get(name) == "DROP",
            is_nat=table == "nat",
        )


def parse_rule(text: str, chains: Collection[str], family: str) -> Rule:
    """One rule, without the chain that it is in; ``chains`` are the names that it may jump to."""
    words = shlex.split(text) if '"' in text or "'" in text or "\\" in text else text.split()
    conditions: list[Condition] = []
    for option, values, negated in _options(words):
        if option in ("-j", "-g"):
            return _with_target(text, option, values, conditions, chains)
        try:
            asked = _condition(option, values, family, negated=negated)
        except ValueError:  # a name in a number's place, or an address that is none
            asked = Unjudged()
        if asked is not None:
            conditions.append(asked)
    return Rule(text, Action.GO_ON, tuple(conditions))


def _options(words: Sequence[str]) -> Iterator[tuple[str, list[str], bool]]:
    """Each option with its values, and whether ``!`` stands before it. What follows a target is its own."""
    at = 0
    while at < len(words):
        negated = words[at] == "!"
        at += negated
        option = words[at] if at < len(words) else ""
        end = at + (2 if option == "--comment" else 1)  # a comment may look like anything
        while end < len(words) and words[end] != "!" and not words[end].startswith("-"):
            end += 1
        if option in ("-j", "-g"):
            yield option, list(words[at + 1 :]), negated
            return
        yield option, list(words[at + 1 : end]), negated
        at = end


def _with_target(
    text: str, option: str, words: Sequence[str], conditions: list[Condition], chains: Collection[str]
) -> Rule:
    target = words[0] if words else ""
    if target == "CT":
        action = Action.UNTRACK if "--notrack" in words else Action.GO_ON
    elif target in _ACTIONS:
        action = _ACTIONS[target]
    elif target in chains:
        action = Action.GOTO if option == "-g" else Action.JUMP
    else:
        action = Action.UNKNOWN
    return Rule(text, action, tuple(conditions), target)


def _condition(option: str, values: Sequence[str], family: str, *, negated: bool) -> Condition | None:
    """What an option asks; None if it asks nothing."""
    value = values[0] if values else ""
    listed = tuple(value.split(","))
    match option:
        case "-m":
            return None if value in _MODULES else Unjudged()
        case "--comment":
            return None
        case "-p" if family == "bridge":
            return Names("ether", (_ETHER.get(value.lower(), value),), negated)
        case "-p":
            return Names("protocol", (_PROTOCOLS.get(value, value),), negated)
        case "-s" | "-d" if family != "bridge":
            return Networks((ip_network(value, strict=False),), negated)
        case "--ctstate" | "--state":
            return Names("state", tuple(state.lower() for state in listed), negated)
        case "--physdev-is-bridged":
            return Names("bridged", ("yes",), negated)
        case "--syn":
            return Names("opens", ("yes",), negated)
        case "--tcp-flags" if list(values) == _SYN:
            return Names("opens", ("yes",), negated)
        case "--dst-type" if value == "LOCAL":
            # The host has no part in what stays on a bridge.
            return Names("bridged", ("no",), negated)
    if option in _NAMES:
        pattern = f"{value[:-1]}*" if value.endswith("+") else value
        return Names(_NAMES[option], (pattern,), negated)
    if option in _NUMBERS:
        return Numbers(_NUMBERS[option], tuple(_range(each) for each in listed), negated)
    return Unjudged()


def _range(text: str) -> tuple[int, int]:
    low, colon, high = text.partition(":")
    return int(low or 0), int((high or 65535) if colon else low)
