"""Parsing what ``nft --json list ruleset`` prints (libnftables-json(5))."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network, summarize_address_range
from typing import Any

from shares_core.adapters.network.ruleset.frames import Hook
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

_TOOL = "nft"
_VERDICTS = {
    "accept": Action.ACCEPT,
    "drop": Action.DROP,
    "reject": Action.DROP,
    "return": Action.RETURN,
    "jump": Action.JUMP,
    "goto": Action.GOTO,
    "notrack": Action.UNTRACK,
    "continue": Action.GO_ON,
    **dict.fromkeys(
        ("queue", "dnat", "snat", "masquerade", "redirect", "tproxy", "synproxy", "fwd"), Action.UNKNOWN
    ),
}
#: Statements that decide nothing.
_ASIDE = {"counter", "log", "mangle", "set", "map", "flow", "dup", "last", "ct helper", "secmark"}
_KEYS = {
    ("meta", "iifname"): "iif",
    ("meta", "iif"): "iif",
    ("meta", "oifname"): "oif",
    ("meta", "oif"): "oif",
    ("meta", "ibrname"): "bridge",
    ("meta", "obrname"): "bridge",
    ("meta", "l4proto"): "protocol",
    ("meta", "protocol"): "ether",
    ("meta", "nfproto"): "ether",
    ("ct", "state"): "state",
    ("ct", "status"): "nat",
    ("ether", "type"): "ether",
    ("ip", "protocol"): "protocol",
    ("ip6", "nexthdr"): "protocol",
}
_SAME = {"ipv4": "ip", "ipv6": "ip6", "2048": "ip", "34525": "ip6", "2054": "arp", "6": "tcp", "17": "udp"}
_SAME |= {"ipv6-icmp": "icmpv6", "58": "icmpv6"}
#: What a header has to be, for a rule to look into it.
_HEADERS = {
    "ip": ("ether", ("ip",)),
    "ip6": ("ether", ("ip6",)),
    "arp": ("ether", ("arp",)),
    "tcp": ("protocol", ("tcp",)),
    "udp": ("protocol", ("udp",)),
    "icmp": ("protocol", ("icmp",)),
    "icmpv6": ("protocol", ("icmpv6",)),
}
_Named = Mapping[tuple[str, str, str], Any]


def parse_nft(document: str, *, without: str = "") -> tuple[Chain, ...]:
    """All chains, but those of tables at the ingress of devices whose names begin with ``without``."""
    entries = [next(iter(entry.items())) for entry in json.loads(document or "{}").get("nftables", ())]
    named = {
        (value["family"], value["table"], value["name"]): value
        for kind, value in entries
        if kind in ("set", "map")
    }
    rules: dict[tuple[str, str, str], list[Rule]] = {}
    for kind, value in entries:
        if kind == "rule":
            place = (value["family"], value["table"], value["chain"])
            rules.setdefault(place, []).extend(_rules(value, named))
    return tuple(
        _chain(value, rules.get((value["family"], value["table"], value["name"]), ()))
        for kind, value in entries
        if kind == "chain"
        and not (without and value["family"] == "netdev" and value["table"].startswith(without))
    )


def _chain(value: Mapping[str, Any], rules: Sequence[Rule]) -> Chain:
    hook, devices = value.get("hook", ""), value.get("dev", ())
    return Chain(
        _TOOL,
        value["family"],
        value["table"],
        value["name"],
        tuple(rules),
        hook=hook if hook in tuple(Hook) else "",
        priority=int(value.get("prio", 0)),
        drops=value.get("policy") == "drop",
        is_nat=value.get("type") == "nat",
        devices=(devices,) if isinstance(devices, str) else tuple(devices),
    )


def _rules(value: Mapping[str, Any], named: _Named) -> Iterator[Rule]:
    """One rule; several if its verdict depends on a map."""
    place, statements = (value["family"], value["table"]), value["expr"]
    text = f"{' '.join(map(_statement_words, statements))} # handle {value.get('handle', '?')}"
    conditions: list[Condition] = []
    for statement in statements:
        kind, body = _parts(statement)
        if kind == "match":
            conditions += _match(body, place, named)
        elif kind == "vmap":
            yield from _verdict_map(text, body, conditions, place, named)
            return
        elif kind == "xt" and isinstance(body, dict) and body.get("type") == "target":
            yield Rule(text, Action.UNKNOWN, tuple(conditions))
            return
        elif kind in _VERDICTS:
            yield _verdict(text, kind, body, conditions)
            if _VERDICTS[kind] not in (Action.UNTRACK, Action.GO_ON):
                return
        elif kind not in _ASIDE:
            conditions.append(Unjudged())


def _parts(statement: Any) -> tuple[str, Any]:
    """The kind of a statement, and what belongs to it."""
    if isinstance(statement, dict) and len(statement) == 1:
        return next(iter(statement.items()))
    return str(statement), None


def _verdict(text: str, kind: str, body: Any, conditions: Sequence[Condition]) -> Rule:
    target = body.get("target", "") if isinstance(body, dict) else ""
    return Rule(text, _VERDICTS.get(kind, Action.UNKNOWN), tuple(conditions), str(target))


def _verdict_map(
    text: str, body: Mapping[str, Any], conditions: Sequence[Condition], place: tuple[str, str], named: _Named
) -> Iterator[Rule]:
    """A rule for each of its keys: no two of them fit one frame."""
    data = body.get("data")
    pairs = data.get("set") if isinstance(data, dict) else _elements(data, place, named)
    for pair in pairs or ():
        key, verdict = pair if isinstance(pair, list) and len(pair) == 2 else (None, "unknown")
        asked = _match({"op": "==", "left": body.get("key"), "right": key}, place, named)
        yield _verdict(text, *_parts(verdict), (*conditions, *asked))
    if pairs is None:
        yield Rule(text, Action.UNKNOWN, (*conditions, Unjudged()))


def _elements(name: Any, place: tuple[str, str], named: _Named) -> list[Any] | None:
    """What a named set or map holds; None if packets or time change it, or it is not known."""
    found = named.get((*place, str(name).removeprefix("@")))
    if found is None or {"dynamic", "timeout"} & {*found.get("flags", ())}:
        return None
    return list(found.get("elem", ()))


def _match(body: Mapping[str, Any], place: tuple[str, str], named: _Named) -> tuple[Condition, ...]:
    """What a comparison asks; what has to be true of the frame for it to be made comes first."""
    operator, left, right = body.get("op"), body.get("left"), body.get("right")
    if operator not in ("==", "!=", "in") or not isinstance(left, dict):
        return (Unjudged(),)
    ((kind, what),) = left.items()
    if kind == "&" and right == "syn" and {"fin", "syn", "rst", "ack"} == {*_flags(what)}:
        return Names("protocol", ("tcp",)), Names("opens", ("yes",), operator == "!=")
    if not isinstance(what, dict):
        return (Unjudged(),)
    if (
        kind == "fib"
        and what.get("result") == "type"
        and "daddr" in what.get("flags", ())
        and right == "local"
    ):
        # The host has no part in what stays on a bridge.
        return (Names("bridged", ("no",), operator == "!="),)
    owner, key = (
        (str(what.get("protocol")), what.get("field")) if kind == "payload" else (kind, what.get("key"))
    )
    header = _HEADERS.get(owner)
    needed = (Names(*header),) if header and kind == "payload" else ()
    values = _values(right, place, named)
    if values is None:
        return *needed, Unjudged()
    try:
        return *needed, _asked(owner, str(key), values, negated=operator == "!=")
    except (ValueError, TypeError, KeyError):
        return *needed, Unjudged()


def _flags(masked: Any) -> Sequence[str]:
    """The flags of TCP that a rule looks at."""
    match masked:
        case [{"payload": {"protocol": "tcp", "field": "flags"}}, list(flags)]:
            return flags
        case [{"payload": {"protocol": "tcp", "field": "flags"}}, {"|": list(flags)}]:
            return flags
    return ()


def _values(right: Any, place: tuple[str, str], named: _Named) -> list[Any] | None:
    if isinstance(right, str) and right.startswith("@"):
        return _elements(right, place, named)
    if isinstance(right, dict) and "set" in right:
        right = right["set"]
    values = right if isinstance(right, list) else [right]
    return [
        value["elem"]["val"] if isinstance(value, dict) and "elem" in value else value for value in values
    ]


def _asked(owner: str, key: str, values: Sequence[Any], *, negated: bool) -> Condition:
    """One comparison with values. Raises ValueError, TypeError or KeyError for what it does not know."""
    if (owner, key) in _KEYS:
        if not all(isinstance(value, str | int) for value in values):
            return Unjudged()
        texts = tuple(_SAME.get(str(value), str(value)) for value in values)
        if key == "status" and not {*texts} <= {"dnat", "snat"}:
            return Unjudged()
        return Names(_KEYS[owner, key], texts, negated)
    if owner in ("tcp", "udp", "th") and key in ("sport", "dport"):
        return Numbers(key, tuple(map(_range, values)), negated)
    if owner in ("ip", "ip6") and key in ("saddr", "daddr"):
        return Networks(tuple(network for value in values for network in _networks(value)), negated)
    return Unjudged()


def _range(value: Any) -> tuple[int, int]:
    low, high = value["range"] if isinstance(value, dict) else (value, value)
    return int(low), int(high)


def _networks(value: Any) -> list[Any]:
    if isinstance(value, dict) and "range" in value:
        low, high = map(ip_address, value["range"])
        return list(summarize_address_range(low, high))
    if isinstance(value, dict):
        return [ip_network(f"{value['prefix']['addr']}/{value['prefix']['len']}", strict=False)]
    return [ip_network(value)]


def _statement_words(statement: Any) -> str:
    """A statement, nearly as nft writes it: enough for a person to find the rule."""
    kind, body = _parts(statement)
    match kind:
        case "match":
            operator = "" if body.get("op") in ("==", "in") else f"{body.get('op')} "
            return f"{_words(body.get('left'))} {operator}{_words(body.get('right'))}"
        case "jump" | "goto":
            return f"{kind} {body['target']}"
        case "vmap":
            return f"{_words(body.get('key'))} vmap {_words(body.get('data'))}"
        case "xt" if isinstance(body, dict):
            return f"xt {body.get('type')} {body.get('name')}"
    return str(kind)


def _words(value: Any) -> str:
    match value:
        case {"meta": {"key": key}}:
            return str(key)
        case {"payload": {"protocol": protocol, "field": name}}:
            return f"{protocol} {name}"
        case {"ct": {"key": key}}:
            return f"ct {key}"
        case {"range": [low, high]}:
            return f"{low}-{high}"
        case {"prefix": {"addr": address, "len": length}}:
            return f"{address}/{length}"
        case {"set": [*members]} | [*members]:
            shown = [_words(member[0] if isinstance(member, list) else member) for member in members]
            return f"{{ {', '.join(shown[:5])}{', ...' if len(shown) > 5 else ''} }}"
        case str() | int():
            return str(value)
    return json.dumps(value)
