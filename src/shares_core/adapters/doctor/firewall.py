"""What the host's packet filters do to the frames between a client and its server. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import evolve, frozen

from shares_core.adapters.doctor.rules import missing, note, ok
from shares_core.adapters.network.firewall import place, rule
from shares_core.adapters.network.ruleset.follow import Obstacle, obstacles
from shares_core.adapters.network.ruleset.frames import Hook, IpNetwork, Possible, conversation
from shares_core.adapters.network.ruleset.iptables import parse_rule
from shares_core.adapters.network.ruleset.values import Chain, Ruleset
from shares_core.domain.findings import Finding
from shares_core.domain.remedy import HostTool, Remedy

#: By the versions of IP: the command whose rules may see what is bridged.
VERSIONS = {"iptables": 4, "ip6tables": 6}
_NFT, _EBTABLES = "firewall (nft)", "firewall (ebtables)"
_NAMED = 3


@frozen
class Segment:
    """A bridge with a network of servers. ``routed`` means that br_netfilter shows its frames to firewalls.

    ``ports`` are the devices on it. One that does not exist yet gets its rule when it is made.
    """

    bridge: str
    network: IpNetwork
    exists: bool
    routed: bool
    ports: Possible = None


@frozen
class _Problem:
    """What keeps frames from their end, and the chain in which our own rule is missing."""

    obstacle: Obstacle
    lacking: str | None


def judge_firewalls(
    ruleset: Ruleset, segments: Sequence[Segment], port: int, tools: Iterable[str]
) -> Iterator[Finding]:
    """The findings about the ``tools`` that the host has: ``nft``, ``iptables`` and ``ip6tables``.

    Nothing is ok that is not known to let all frames through, there and back, on each of the segments.
    """
    found: dict[str, dict[_Problem, list[str]]] = {}
    for segment in segments:
        for subject, problem in _problems(ruleset, segment, port):
            bridges = found.setdefault(subject, {}).setdefault(problem, [])
            if segment.bridge not in bridges:
                bridges.append(segment.bridge)
    routed = [segment for segment in segments if segment.routed]
    if not routed:
        yield ok("firewall", "is not shown bridged traffic")
    subjects = {_subject(tool): segments if tool == "nft" else _of(routed, tool) for tool in tools}
    for subject in (*subjects, *sorted(found.keys() - subjects.keys())):
        problems = found.get(subject, {})
        for problem, bridges in problems.items():
            yield _finding(subject, problem, bridges)
        if not problems and subjects[subject]:
            yield _no_problem(ruleset, subject, subjects[subject])


def _of(segments: Iterable[Segment], tool: str) -> list[Segment]:
    return [segment for segment in segments if segment.network.version == VERSIONS[tool]]


def _subject(tool: str) -> str:
    """What the findings about rules of this tool are called; the kinds of iptables have one name."""
    if tool == "nft":
        return _NFT
    return next((f"firewall ({name})" for name in VERSIONS if tool.startswith(name)), _EBTABLES)


def _problems(ruleset: Ruleset, segment: Segment, port: int) -> Iterator[tuple[str, _Problem]]:
    """Each base chain's, of the first frame that it drops for certain, otherwise of one that it may drop."""
    lacking = _lacking(ruleset, segment.bridge)
    followed = ruleset if segment.exists else _with_rules(ruleset, segment.bridge, lacking)
    worst: dict[int, Obstacle] = {}
    frames = conversation(segment.bridge, segment.network, port, ports=segment.ports, routed=segment.routed)
    for frame in frames:
        for obstacle in obstacles(followed, frame):
            key = id(obstacle.base)
            if key not in worst or (obstacle.certain and not worst[key].certain):
                worst[key] = obstacle
    for obstacle in worst.values():
        base = obstacle.base
        here = lacking.get(base.place) if segment.exists and base.hook == Hook.FORWARD else None
        yield _subject(base.tool), _Problem(obstacle, here)


def _lacking(ruleset: Ruleset, bridge: str) -> Mapping[tuple[str, str, str], str]:
    """The tables of iptables in which the bridge lacks its rule, and the chains where it belongs."""
    tables = {
        base.place: tuple(ruleset.beside(base).values())
        for base in ruleset.bases
        if base.table == "filter" and base.hook == Hook.FORWARD and base.tool.startswith(tuple(VERSIONS))
    }
    places = {table: place(chains, bridge) for table, chains in tables.items()}
    return {table: chain for table, chain in places.items() if chain is not None}


def _with_rules(ruleset: Ruleset, bridge: str, lacking: Mapping[tuple[str, str, str], str]) -> Ruleset:
    """The rules as they are after the bridge is made."""
    ours = parse_rule(" ".join(rule(bridge)), (), "ip")
    return Ruleset(
        evolve(chain, rules=(ours, *chain.rules)) if lacking.get(chain.place) == chain.name else chain
        for chain in ruleset.chains
    )


def _no_problem(ruleset: Ruleset, subject: str, segments: Sequence[Segment]) -> Finding:
    places = [place for each in segments if not each.exists for place in _lacking(ruleset, each.bridge)]
    if any(_subject(tool) == subject for tool, _, _ in places):
        return ok(subject, "drops bridged traffic; each bridge made here gets a rule that lets its own pass")
    return ok(subject, f"lets traffic on {_names(segment.bridge for segment in segments)} through")


def _names(bridges: Iterable[str]) -> str:
    names = list(dict.fromkeys(bridges))
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _finding(subject: str, problem: _Problem, bridges: Sequence[str]) -> Finding:
    """The remedy is for the first of the bridges."""
    obstacle, ports = problem.obstacle, f"traffic between the ports of {_names(bridges)}"
    said = f"drops {ports}" if obstacle.certain else f"may drop {ports}, which cannot be judged"
    detail = f"{said}: {_words(obstacle)}"
    judge = missing if obstacle.certain else note
    if problem.lacking is not None:
        adding = HostTool(obstacle.base.tool, ("-I", problem.lacking, *rule(bridges[0])))
        return judge(subject, f"{detail}; reconcile mends every bridge made here", adding)
    return judge(subject, detail, _exception(obstacle.base, bridges[0]))


def _words(obstacle: Obstacle) -> str:
    base = obstacle.base
    what = f"the rule '{obstacle.rule}'" if obstacle.rule else "the policy"
    owner = base.family if base.tool == "nft" else base.tool
    return f"{what} of chain {obstacle.chain} in table {owner} {base.table}"


def _exception(base: Chain, bridge: str) -> Remedy:
    """What lets frames that stay on the bridge past a firewall that is not ours."""
    inward = base.hook != Hook.POSTROUTING
    outward = base.hook not in (Hook.PREROUTING, Hook.INGRESS)
    if base.hook == Hook.INGRESS:
        return Remedy.of("change that firewall, if it is not meant to drop them")
    if base.tool == "nft":
        ingoing, outgoing = ("ibrname", "obrname") if base.family == "bridge" else ("iifname", "oifname")
        keys = [("meta", ingoing, bridge)] * inward + [("meta", outgoing, bridge)] * outward
        where = ("insert", "rule", base.family, base.table, base.name)
        adding = HostTool("nft", (*where, *(word for key in keys for word in key), "accept"))
    else:
        bridged = base.family == "bridge"
        ingoing, outgoing = ("--logical-in", "--logical-out") if bridged else ("-i", "-o")
        options = [(ingoing, bridge)] * inward + [(outgoing, bridge)] * outward
        table = () if base.table == "filter" else ("-t", base.table)
        matches = tuple(word for option in options for word in option)
        adding = HostTool(base.tool, (*table, "-I", base.name, *matches, "-j", "ACCEPT"))
    return Remedy.of("if it is not meant to, ", adding, ", and the same in that firewall's own configuration")
