"""What rules of nftables do to the frames between a client and its server."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import Any

import pytest
from attrs import evolve

from shares_core.adapters.network.ruleset.follow import obstacles
from shares_core.adapters.network.ruleset.frames import Frame, conversation
from shares_core.adapters.network.ruleset.nft import parse_nft
from shares_core.adapters.network.ruleset.values import Ruleset

V4, V6 = ip_network("10.217.0.0/24"), ip_network("fd00:217::/64")
FINDING, ASKING, ANSWER, MORE = conversation("br-t", V4, 445, ports=frozenset(("p1", "p2")))
ASKING_V6 = tuple(conversation("br-t", V6, 445))[1]
ACCEPTED, DROPPED, UNKNOWN = "accepted", "dropped", "unknown"

# All captured from nftables 1.0.6, except the two of nft_meta_bridge, which this kernel did not
# have: these are from libnftables-json(5).
STATE = '{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": %s}}'
FIELD = '{"match": {"op": "%s", "left": {"payload": {"protocol": "%s", "field": "%s"}}, "right": %s}}'
META = '{"match": {"op": "==", "left": {"meta": {"key": "%s"}}, "right": %s}}'
FLAGS = (
    '{"match": {"op": "%s", "left": {"&": [{"payload": {"protocol": "tcp", "field": "flags"}},'
    ' ["fin", "syn", "rst", "ack"]]}, "right": "syn"}}'
)
FIB = '{"match": {"op": "==", "left": {"fib": {"result": "%s", "flags": %s}}, "right": %s}}'
VMAP = '{"vmap": {"key": {"%s": {"key": "%s"}}, "data": %s}}'
NAMED = [
    {
        "set": {
            "family": "inet",
            "name": "bad",
            "table": "t",
            "type": "ipv4_addr",
            "flags": ["interval"],
            "elem": [
                "1.1.1.1",
                {"prefix": {"addr": "10.0.0.0", "len": 8}},
                {"range": ["192.168.1.1", "192.168.1.9"]},
            ],
        }
    },
    {"set": {"family": "inet", "name": "seen", "table": "t", "type": "ipv4_addr", "flags": ["dynamic"]}},
    {"set": {"family": "inet", "name": "empty", "table": "t", "type": "ipv4_addr"}},
    {
        "map": {
            "family": "inet",
            "name": "m",
            "table": "t",
            "type": "ifname",
            "map": "verdict",
            "elem": [["br-t", {"goto": {"target": "drops"}}]],
        }
    },
]


DROP, ACCEPT, RETURN = (f'{{"{verdict}": null}}' for verdict in ("drop", "accept", "return"))
JUMP = '{"jump": {"target": "drops"}}'


def _rule(*statements: str) -> str:
    return f"[{', '.join(statements)}]"


def _document(*rules: str, family: str = "inet", **base: Any) -> str:
    """What nft lists of one table: a chain with these rules at a hook, and one that drops everything."""
    hook = {"type": "filter", "hook": "forward", "prio": 0, "policy": "accept"} | base
    chain = {"family": family, "table": "t", "name": "base", "handle": 1}
    entries = [
        {"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}},
        {"table": {"family": family, "name": "t", "handle": 1}},
        *NAMED,
        {"chain": chain | hook},
        {"chain": chain | {"name": "drops"}},
        *(
            {"rule": {"family": family, "table": "t", "chain": name, "handle": 7, "expr": json.loads(rule)}}
            for name, listed in (("base", rules), ("drops", ('[{"drop": null}]',)))
            for rule in listed
        ),
    ]
    return json.dumps({"nftables": entries})


def _end(document: str, frame: Frame) -> str:
    found = obstacles(Ruleset(parse_nft(document)), frame)
    if not found:
        return ACCEPTED
    return DROPPED if any(each.certain for each in found) else UNKNOWN


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        ('{"counter": {"packets": 0, "bytes": 0}}', True),
        ('{"log": {"prefix": "x"}}', True),
        ('{"limit": {"rate": 5, "burst": 5, "per": "second"}}', None),
        (META % ("iifname", '"br-t"'), True),
        (META % ("oifname", '"br-t"'), True),
        (META % ("iif", '"br-t"'), True),
        (META % ("iifname", '"lo"'), False),
        (META % ("iifname", '{"set": ["br-*", "eth0"]}'), True),
        (META % ("iifname", '{"set": ["eth*", "lo"]}'), False),
        (META % ("nfproto", '"ipv6"'), False),
        (META % ("nfproto", '"ipv4"'), True),
        (META % ("l4proto", '{"set": ["tcp", "udp"]}'), True),
        (META % ("l4proto", '"udp"'), False),
        (META % ("mark", "5"), None),
        (META % ("pkttype", '"broadcast"'), None),
        (STATE % '["established", "related"]', False),
        (STATE % '"invalid"', False),
        (STATE % '"new"', True),
        ('{"match": {"op": "!=", "left": {"ct": {"key": "state"}}, "right": "established"}}', True),
        ('{"match": {"op": "in", "left": {"ct": {"key": "status"}}, "right": "dnat"}}', False),
        ('{"match": {"op": "in", "left": {"ct": {"key": "status"}}, "right": "assured"}}', None),
        (FIELD % ("==", "ip", "protocol", '"tcp"'), True),
        (FIELD % ("==", "ip6", "daddr", '{"set": [{"prefix": {"addr": "::", "len": 96}}]}'), False),
        (FIELD % ("==", "ip", "saddr", '"@bad"'), True),
        (FIELD % ("==", "ip", "saddr", '"@seen"'), None),
        (FIELD % ("==", "ip", "saddr", '"@empty"'), False),
        (FIELD % ("==", "ip", "saddr", '"@unknown"'), None),
        (FIELD % ("==", "ip", "saddr", '{"prefix": {"addr": "10.0.0.0", "len": 8}}'), True),
        (FIELD % ("==", "ip", "saddr", '{"range": ["10.217.0.1", "10.217.0.5"]}'), None),
        (FIELD % ("!=", "ip", "saddr", '{"prefix": {"addr": "10.0.0.0", "len": 8}}'), False),
        (FIELD % ("==", "ip", "daddr", '"172.17.0.2"'), False),
        (FIELD % ("==", "tcp", "dport", "445"), True),
        (FIELD % ("!=", "tcp", "dport", "445"), False),
        (FIELD % ("==", "tcp", "dport", '{"set": [22, {"range": [100, 445]}]}'), True),
        (FIELD % ("==", "tcp", "dport", '{"range": [137, 139]}'), False),
        (FIELD % ("==", "tcp", "sport", '{"range": [1024, 65535]}'), None),
        (FIELD % ("==", "udp", "dport", "445"), False),
        (FIELD % ("==", "th", "dport", "445"), True),
        (FIELD % (">", "tcp", "dport", "1024"), None),
        (FLAGS % "==", True),
        (FLAGS % "!=", False),
        (FIB % ("type", '["daddr"]', '"local"'), False),
        (FIB % ("oif", '["saddr", "mark", "iif"]', "false"), None),
        ('{"xt": {"type": "match", "name": "conntrack"}}', None),
        ('"a statement of tomorrow"', None),
    ],
)
def test_a_condition_fits_the_first_frame_of_a_client_or_not(condition: str, fits: bool | None) -> None:
    """One that cannot be judged makes the rule's effect unknown, whether it drops or accepts."""
    dropping, accepting = _rule(condition, DROP), _rule(condition, ACCEPT)
    expected = {True: (DROPPED, ACCEPTED), False: (ACCEPTED, DROPPED), None: (UNKNOWN, UNKNOWN)}[fits]
    documents = _document(dropping), _document(accepting, policy="drop")
    assert expected == tuple(_end(document, ASKING) for document in documents)


@pytest.mark.parametrize(
    ("rule", "end"),
    [
        ('[{"drop": null}]', DROPPED),
        ('[{"reject": {"type": "icmpx", "expr": "admin-prohibited"}}]', DROPPED),
        ('[{"accept": null}]', ACCEPTED),
        ('[{"jump": {"target": "drops"}}]', DROPPED),
        ('[{"goto": {"target": "drops"}}]', DROPPED),
        ('[{"jump": {"target": "nowhere"}}]', UNKNOWN),
        ('[{"return": null}]', ACCEPTED),
        ('[{"continue": null}]', ACCEPTED),
        ('[{"notrack": null}]', ACCEPTED),
        ('[{"queue": {"num": 3}}]', UNKNOWN),
        ('[{"masquerade": null}]', UNKNOWN),
        ('[{"xt": {"type": "target", "name": "REJECT"}}]', UNKNOWN),
        (_rule(VMAP % ("meta", "iifname", '"@m"')), DROPPED),
        (_rule(VMAP % ("meta", "iifname", '"@nowhere"')), UNKNOWN),
        (_rule(VMAP % ("meta", "iifname", '{"set": [["lo", {"drop": null}]]}')), ACCEPTED),
        (
            _rule(
                VMAP % ("ct", "state", '{"set": [["new", {"drop": null}], ["related", {"accept": null}]]}')
            ),
            DROPPED,
        ),
    ],
)
def test_a_verdict_decides(rule: str, end: str) -> None:
    assert end == _end(_document(rule), ASKING)


DROP_ALL = _rule(DROP)


@pytest.mark.parametrize(
    ("document", "frame", "end"),
    [
        # each family sees its own
        (_document(DROP_ALL, family="ip"), ASKING, DROPPED),
        (_document(DROP_ALL, family="ip6"), ASKING, ACCEPTED),
        (_document(DROP_ALL, family="ip6"), ASKING_V6, DROPPED),
        (_document(DROP_ALL, family="inet"), ASKING_V6, DROPPED),
        (_document(DROP_ALL, family="inet"), FINDING, ACCEPTED),
        (_document(DROP_ALL, family="bridge"), FINDING, DROPPED),
        # those of routed packets see it only with br_netfilter
        (_document(DROP_ALL, family="inet"), evolve(ASKING, routed=False), ACCEPTED),
        (_document(DROP_ALL, family="bridge"), evolve(ASKING, routed=False), DROPPED),
        # what is forwarded comes past these hooks, and no others
        (_document(DROP_ALL, hook="prerouting", prio=-300), ASKING, DROPPED),
        (_document(DROP_ALL, hook="postrouting"), ASKING, DROPPED),
        (_document(DROP_ALL, hook="input"), ASKING, ACCEPTED),
        (_document(DROP_ALL, hook="output"), ASKING, ACCEPTED),
        (_document(DROP_ALL, hook="prerouting", type="nat"), ASKING, DROPPED),
        (_document(DROP_ALL, hook="prerouting", type="nat"), MORE, ACCEPTED),
        # before it is known where it goes, it goes nowhere
        (
            _document(_rule(META % ("oifname", '"br-t"'), DROP), hook="prerouting"),
            ASKING,
            ACCEPTED,
        ),
        (
            _document(_rule(META % ("iifname", '"br-t"'), DROP), hook="postrouting"),
            ASKING,
            ACCEPTED,
        ),
        # filters of bridges see ports
        (_document(_rule(META % ("iifname", '"p1"'), DROP), family="bridge"), ASKING, UNKNOWN),
        (_document(_rule(META % ("iifname", '"p3"'), DROP), family="bridge"), ASKING, ACCEPTED),
        (_document(_rule(META % ("iifname", '"br-t"'), DROP), family="bridge"), ASKING, ACCEPTED),
        (_document(_rule(META % ("ibrname", '"br-t"'), DROP), family="bridge"), ASKING, DROPPED),
        (_document(_rule(META % ("obrname", '"br-u"'), DROP), family="bridge"), ASKING, ACCEPTED),
        (
            _document(_rule(META % ("protocol", '"arp"'), ACCEPT), family="bridge", policy="drop"),
            FINDING,
            ACCEPTED,
        ),
        # those of devices, at a port's
        (_document(DROP_ALL, family="netdev", hook="ingress", dev="p1"), ASKING, UNKNOWN),
        (_document(DROP_ALL, family="netdev", hook="ingress", dev=["p1", "x"]), ASKING, UNKNOWN),
        (_document(DROP_ALL, family="netdev", hook="ingress", dev="eth0"), ASKING, ACCEPTED),
        (_document(DROP_ALL, family="netdev", hook="ingress"), ASKING, UNKNOWN),
        # the answer
        (_document(_rule(FIELD % ("==", "tcp", "sport", "445"), DROP)), ANSWER, DROPPED),
        (_document(_rule(FIELD % ("==", "tcp", "sport", "445"), DROP)), ASKING, UNKNOWN),
        (_document(_rule(STATE % '"established"', ACCEPT), policy="drop"), ANSWER, ACCEPTED),
        # what connection tracking is kept from has no state that it gives
        (
            _document('[{"notrack": null}]', _rule(STATE % '"new"', ACCEPT), policy="drop"),
            ASKING,
            DROPPED,
        ),
        # a condition that cannot be judged, on the way to a chain and out of it
        (_document(_rule(META % ("mark", "5"), JUMP)), ASKING, UNKNOWN),
        (_document(_rule(META % ("mark", "5"), RETURN), DROP_ALL), ASKING, UNKNOWN),
        (_document(_rule(META % ("mark", "5"), ACCEPT), DROP_ALL), ASKING, UNKNOWN),
        (_document(_rule(META % ("mark", "5"), DROP), DROP_ALL), ASKING, DROPPED),
        ("", ASKING, ACCEPTED),
    ],
)
def test_a_frame_is_followed_to_its_end(document: str, frame: Frame, end: str) -> None:
    assert end == _end(document, frame)


def test_the_obstacle_names_the_chain_and_the_rule() -> None:
    """As nft lists it, for a person to find."""
    jump = _rule(META % ("iifname", '"br-t"'), JUMP)
    (found,) = obstacles(Ruleset(parse_nft(_document(jump))), ASKING)
    assert ("base", "drops", "drop # handle 7") == (found.base.name, found.chain, found.rule)
    long = _rule(FIELD % ("!=", "tcp", "dport", '{"set": [22, {"range": [100, 139]}]}'), DROP)
    (found,) = obstacles(Ruleset(parse_nft(_document(long))), ASKING)
    assert "tcp dport != { 22, 100-139 } drop # handle 7" == found.rule


def test_obstacles_come_in_the_order_of_the_way() -> None:
    """By hook, then by priority, in whatever order they are listed."""
    way = [("prerouting", -300), ("prerouting", 0), ("forward", -5), ("forward", 5), ("postrouting", -300)]
    chains = [
        evolve(chain, table=f"{hook} {priority}")
        for hook, priority in (way[3], way[4], way[1], way[0], way[2])
        for chain in parse_nft(_document(policy="drop", hook=hook, prio=priority))
    ]
    found = obstacles(Ruleset(chains), ASKING)
    assert way == [(each.base.hook, each.base.priority) for each in found]


def test_tables_of_our_own_are_left_out() -> None:
    """They are at the ingress of a server's device, and are loaded again by every reconcile."""
    document = _document(DROP_ALL, family="netdev", hook="ingress").replace('"t"', '"shares-shc0"')
    assert () == parse_nft(document, without="shares-")
    assert () != parse_nft(document.replace("netdev", "bridge"), without="shares-")
