"""What doctor says of a host's firewalls, and what it would do."""

from __future__ import annotations

import json
from ipaddress import ip_network
from pathlib import Path

import pytest
from attrs import evolve
from tests.unit.adapters.test_bridge_firewall import DOCKER

from shares_core.adapters.doctor import examine
from shares_core.adapters.doctor.firewall import Segment, judge_firewalls
from shares_core.adapters.network.firewall import rule
from shares_core.adapters.network.ruleset.iptables import parse_listing, parse_save
from shares_core.adapters.network.ruleset.nft import parse_nft
from shares_core.adapters.network.ruleset.read import Look
from shares_core.adapters.network.ruleset.values import Chain, Ruleset
from shares_core.bootstrap import ports
from shares_core.config import HostConfig
from shares_core.domain.findings import Finding, Verdict
from shares_core.entrypoints.cli.remedies import worded

OURS = f"-A DOCKER-USER {' '.join(rule('shares0'))}\n"
MENDED = DOCKER.replace("-A DOCKER-USER -j RETURN\n", f"{OURS}-A DOCKER-USER -j RETURN\n")
UNASKED = MENDED.replace("-A FORWARD -j DOCKER-USER\n", "")
REJECTING = "-P FORWARD ACCEPT\n-A FORWARD -j REJECT --reject-with icmp-port-unreachable\n"
DOUBTFUL = "-P FORWARD ACCEPT\n-A FORWARD -m connmark --mark 0x5 -j DROP\n"
SEGMENT = Segment("shares0", ip_network("10.217.0.0/24"), exists=True, routed=True)
SIX = evolve(SEGMENT, network=ip_network("fd00:217::/64"))
ADDING = "-i shares0 -o shares0 -m physdev --physdev-is-bridged -j ACCEPT"
IPTABLES, IP6TABLES, NFT = "firewall (iptables)", "firewall (ip6tables)", "firewall (nft)"
TOOLS = ("nft", "iptables", "ip6tables")


def _nft(
    family: str = "inet", table: str = "fw", hook: str = "forward", policy: str = "drop"
) -> tuple[Chain, ...]:
    # Captured from nftables 1.0.6.
    chain = {"family": family, "table": table, "name": "f", "handle": 1, "type": "filter", "prio": 0}
    return parse_nft(json.dumps({"nftables": [{"chain": chain | {"hook": hook, "policy": policy}}]}))


def _judged(chains: tuple[Chain, ...], *segments: Segment, tools: tuple[str, ...] = TOOLS) -> list[Finding]:
    return list(judge_firewalls(Ruleset(chains), segments or (SEGMENT,), 445, tools))


def _iptables(listing: str, tool: str = "iptables", family: str = "ip") -> tuple[Chain, ...]:
    return parse_listing(listing, tool, family)


def _about(subject: str, found: list[Finding]) -> Finding:
    (finding,) = (each for each in found if each.subject == subject)
    return finding


def _unread(monkeypatch: pytest.MonkeyPatch, state_dir: Path, seen: Look) -> dict[str, Finding]:
    """What doctor says of firewalls on a host with all three tools."""
    monkeypatch.setattr(examine, "look", lambda: seen)
    monkeypatch.setattr(examine, "is_installed", lambda _: True)
    monkeypatch.setattr(examine, "is_asked", lambda *_: True)
    config = HostConfig(state_dir=state_dir)
    found = examine.firewall_findings(config.network, 445, ports(config).records)
    return {each.subject: each for each in found}


def test_a_firewall_that_cannot_be_read_is_a_note_and_not_ok(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The others are judged all the same."""
    found = _unread(monkeypatch, tmp_path, Look(Ruleset(()), {"nft": "it says no"}))
    assert Finding(NFT, Verdict.NOTE, "cannot be read: it says no") == found[NFT]
    assert Verdict.OK is found[IPTABLES].verdict
    saving = Look(Ruleset(()), {"iptables-legacy-save": "it says no"})
    found = _unread(monkeypatch, tmp_path, saving)
    assert (Verdict.OK, False) == (found[NFT].verdict, IPTABLES in found)


def test_a_host_without_rules_lacks_nothing() -> None:
    """No server has an IPv6 address, so nothing is said of ip6tables."""
    detail = "lets traffic on shares0 through"
    assert [Finding(subject, Verdict.OK, detail) for subject in (NFT, IPTABLES)] == _judged(())


def test_a_bridge_that_is_let_through_lacks_nothing() -> None:
    assert Verdict.OK is _about(IPTABLES, _judged(_iptables(MENDED))).verdict


@pytest.mark.parametrize(
    ("listing", "chain", "what"),
    [
        (DOCKER, "DOCKER-USER", "the policy"),
        (UNASKED, "FORWARD", "the policy"),
        (REJECTING, "FORWARD", "the rule '-j REJECT --reject-with icmp-port-unreachable'"),
    ],
)
def test_a_rule_that_reconcile_puts_back_is_missing_with_the_exact_command(
    listing: str, chain: str, what: str
) -> None:
    """In Docker's chain if frames come there, otherwise in FORWARD."""
    finding = _about(IPTABLES, _judged(_iptables(listing)))
    assert (Verdict.MISSING, f"iptables -I {chain} {ADDING}") == (finding.verdict, worded(finding.remedy))
    said = f"drops traffic between the ports of shares0: {what} of chain FORWARD in table iptables filter"
    assert f"{said}; reconcile mends every bridge made here" == finding.detail


def test_each_version_of_ip_has_its_own_finding() -> None:
    """And its own command."""
    found = _judged((*_iptables(MENDED), *_iptables(DOCKER, "ip6tables", "ip6")), SEGMENT, SIX)
    assert Verdict.OK is _about(IPTABLES, found).verdict
    assert f"ip6tables -I DOCKER-USER {ADDING}" == worded(_about(IP6TABLES, found).remedy)


def test_rules_of_the_other_kind_of_iptables_count_as_well() -> None:
    """The command is the one for these rules."""
    found = _about(
        IPTABLES, _judged((*_iptables(MENDED), *_iptables("-P FORWARD DROP\n", "iptables-legacy")))
    )
    assert f"iptables-legacy -I FORWARD {ADDING}" == worded(found.remedy)


def test_anothers_rule_ahead_of_ours_is_missing_with_an_exception_for_its_firewall() -> None:
    """Reconcile does not mend it, and nothing says so."""
    listing = MENDED.replace(OURS, f"-A DOCKER-USER -i shares0 -j DROP\n{OURS}")
    finding = _about(IPTABLES, _judged(_iptables(listing)))
    assert Verdict.MISSING is finding.verdict
    assert "the rule '-i shares0 -j DROP' of chain DOCKER-USER in table iptables filter" in finding.detail
    assert "reconcile" not in finding.detail
    assert "iptables -I FORWARD -i shares0 -o shares0 -j ACCEPT" in worded(finding.remedy)


@pytest.mark.parametrize(
    ("chains", "command"),
    [
        (_nft(), "nft insert rule inet fw f meta iifname shares0 meta oifname shares0 accept"),
        (_nft(hook="prerouting"), "nft insert rule inet fw f meta iifname shares0 accept"),
        (_nft("ip", hook="postrouting"), "nft insert rule ip fw f meta oifname shares0 accept"),
        (_nft("bridge"), "nft insert rule bridge fw f meta ibrname shares0 meta obrname shares0 accept"),
    ],
)
def test_anothers_nft_table_is_missing_with_an_exception_for_it(
    chains: tuple[Chain, ...], command: str
) -> None:
    """The finding names its table and chain."""
    finding = _about(NFT, _judged((*_iptables(MENDED), *chains)))
    assert Verdict.MISSING is finding.verdict
    assert f"the policy of chain f in table {chains[0].family} fw" in finding.detail
    assert command in worded(finding.remedy)


@pytest.mark.parametrize(
    ("saved", "tool", "subject", "command"),
    [
        (
            "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -i shares0 -j DROP\nCOMMIT\n",
            "iptables",
            IPTABLES,
            "iptables -t raw -I PREROUTING -i shares0 -j ACCEPT",
        ),
        (
            "*filter\n:FORWARD DROP\n",
            "ebtables-legacy",
            "firewall (ebtables)",
            "ebtables-legacy -I FORWARD --logical-in shares0 --logical-out shares0 -j ACCEPT",
        ),
    ],
)
def test_other_tables_get_an_exception_in_their_own_words(
    saved: str, tool: str, subject: str, command: str
) -> None:
    family = "bridge" if tool.startswith("ebtables") else "ip"
    finding = _about(subject, _judged(parse_save(saved, tool, family)))
    assert (Verdict.MISSING, True) == (finding.verdict, command in worded(finding.remedy))


def test_what_cannot_be_judged_is_a_note_that_says_so() -> None:
    finding = _about(IPTABLES, _judged(_iptables(DOUBTFUL)))
    said = "may drop traffic between the ports of shares0, which cannot be judged: the rule "
    assert (Verdict.NOTE, True) == (finding.verdict, finding.detail.startswith(said))
    assert "'-m connmark --mark 0x5 -j DROP'" in finding.detail


def test_a_certain_end_outweighs_a_doubtful_one_of_the_same_chain() -> None:
    """The first frame may be dropped; the answer is, for certain."""
    listing = f"{DOUBTFUL}-A FORWARD -p tcp -m tcp --sport 445 -j DROP\n"
    assert Verdict.MISSING is _about(IPTABLES, _judged(_iptables(listing))).verdict


def test_a_bridge_that_does_not_exist_yet_lacks_no_rule() -> None:
    """Each bridge gets its rule when it is made, so a fresh Docker host lacks nothing."""
    finding = _about(IPTABLES, _judged(_iptables(DOCKER), evolve(SEGMENT, exists=False)))
    said = "drops bridged traffic; each bridge made here gets a rule that lets its own pass"
    assert Finding(IPTABLES, Verdict.OK, said) == finding


def test_a_bridge_that_does_not_exist_yet_would_meet_other_firewalls() -> None:
    """Its rule is for one of them only."""
    found = _judged((*_iptables(DOCKER), *_nft()), evolve(SEGMENT, exists=False))
    assert [Verdict.MISSING, Verdict.OK] == [_about(subject, found).verdict for subject in (NFT, IPTABLES)]


def test_filters_of_bridges_count_even_if_no_firewall_is_shown_bridged_traffic() -> None:
    """Those of routed packets do not."""
    hidden = evolve(SEGMENT, routed=False)
    firewall = Finding("firewall", Verdict.OK, "is not shown bridged traffic")
    open_nft = Finding(NFT, Verdict.OK, "lets traffic on shares0 through")
    assert [firewall, open_nft] == _judged((*_iptables(DOCKER), *_nft()), hidden)
    found = _judged(_nft("bridge"), hidden)
    assert [Verdict.OK, Verdict.MISSING] == [each.verdict for each in found]


def test_every_bridge_is_judged_and_those_with_one_trouble_are_told_together() -> None:
    """The command is for the first of them."""
    names = [f"br-{number}" for number in range(5)]
    segments = [evolve(SEGMENT, bridge=name) for name in names]
    finding = _about(IPTABLES, _judged(_iptables(MENDED), SEGMENT, *segments))
    assert "the ports of br-0, br-1, br-2 and 2 more:" in finding.detail
    assert worded(finding.remedy).startswith("iptables -I DOCKER-USER -i br-0 ")


def test_what_another_network_on_the_bridge_meets_is_told() -> None:
    """Rules may ask for addresses."""
    listing = "-P FORWARD DROP\n-A FORWARD -s 10.217.0.0/24 -d 10.217.0.0/24 -j ACCEPT\n"
    assert Verdict.OK is _about(IPTABLES, _judged(_iptables(listing))).verdict
    other = evolve(SEGMENT, network=ip_network("10.218.0.0/24"))
    assert Verdict.MISSING is _about(IPTABLES, _judged(_iptables(listing), SEGMENT, other)).verdict
