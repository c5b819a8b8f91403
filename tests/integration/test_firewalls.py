"""Firewalls that see bridged frames, on the real kernel: doctor says ok exactly if a client gets through.

Each test has a network namespace of its own for the host's part, with a firewall of its own. In there are the
bridges and the rules; Docker, the disks and the containers are the machine's.
"""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define
from pyroute2 import netns

from shares_core import bootstrap
from shares_core.adapters.network.firewall import rule
from shares_core.domain.findings import Finding, Verdict
from shares_core.domain.remedy import HostTool
from shares_core.domain.views import ReconcileOutcome
from tests.integration.conftest import NewClient, NewServer
from tests.testkit.clients import ClientNamespace
from tests.testkit.leftovers import NAMESPACE_PREFIX
from tests.testkit.probes import until
from tests.testkit.site import Site

V4, V6 = "10.216.0.5", "fd00:216::5"
STOCK = (
    "-P FORWARD DROP",
    "-N DOCKER-USER",
    "-A DOCKER-USER -j RETURN",
    "-A FORWARD -j DOCKER-USER",
    "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
)


def run(*argv: str, stdin: str = "") -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, input=stdin).stdout


def change(tool: str, *rules: str) -> None:
    for each in rules:
        run(tool, "--wait", *each.split())


def load(rules: str) -> None:
    run("nft", "-f", "-", stdin=rules)


def everything() -> str:
    """All rules of all firewalls, in the words of their tools, without handles and counts."""
    listings = [run(tool, "-S") for tool in ("iptables", "ip6tables", "iptables-legacy", "ip6tables-legacy")]
    tables = [table for table in run("nft", "list", "tables").splitlines() if "netdev" not in table]
    others = [table for table in tables if not table.endswith((" filter", " raw", " mangle"))]
    return "\n".join([*listings, *(run("nft", "list", *table.split()) for table in others)])


@pytest.fixture
def _own_network() -> Iterator[None]:
    """The host's network is a namespace of this test's, where bridged frames meet the firewall."""
    name = f"{NAMESPACE_PREFIX}{uuid.uuid4().hex[:8]}"
    netns.create(name)
    netns.pushns(name)
    try:
        run("ip", "link", "set", "lo", "up")
        for version in ("iptables", "ip6tables"):
            switch = Path("/proc/sys/net/bridge", f"bridge-nf-call-{version}")
            assert switch.exists(), "the kernel has no br_netfilter: nothing would be shown here"
            switch.write_text("1")
        yield
    finally:
        netns.popns()
        netns.remove(name)


@define
class Street:
    """A server and a client on one bridge."""

    site: Site
    server: str
    bridge: str
    client: ClientNamespace

    def reached(self) -> tuple[bool, bool]:
        """Whether the client reaches the server with either version of IP."""
        return self.client.reaches(V4), self.client.reaches(V6)

    def found(self, subject: str) -> Finding:
        """The worst of doctor's findings on the subject."""
        order = (Verdict.MISSING, Verdict.NOTE, Verdict.OK)
        mine = [each for each in bootstrap.examine(self.site.config) if each.subject == subject]
        return min(mine, key=lambda each: order.index(each.verdict))

    def verdicts(self) -> dict[str, Verdict]:
        names = ("firewall (nft)", "firewall (iptables)", "firewall (ip6tables)")
        return {name: self.found(name).verdict for name in names}

    def reconcile(self) -> list[str]:
        """What reconcile reports of the server."""
        views = self.site.host.fleet.reconcile().servers
        assert not [view for view in views if view.outcome is ReconcileOutcome.FAILED]
        return [str(drift) for view in views if view.name == self.server for drift in view.found]

    def is_well(self) -> None:
        """Check that the client gets through, doctor says so, and reconcile has nothing to do.

        A client that has just given up looking for its neighbour says so once more.
        """
        assert until(lambda: self.reached() == (True, True))
        assert {Verdict.OK} == set(self.verdicts().values())
        assert [] == self.reconcile()

    def is_gone_without_a_rule(self) -> None:
        """Take everything off the bridge, and check that no firewall knows it any more."""
        self.client.remove()
        assert self.bridge in everything()
        self.site.host.servers.delete(self.server, with_shares=True)
        assert self.bridge not in everything()


@pytest.fixture
def street(_own_network: None, site: Site, new_server: NewServer, client_on: NewClient) -> Street:
    """On a host with Docker's own firewall, for both versions of IP."""
    for tool in ("iptables", "ip6tables"):
        change(tool, *STOCK)
    bridge = site.new_bridge()
    name = f"street-{uuid.uuid4().hex[:6]}"
    new_server(name, bridge=bridge, addresses=[f"{V4}/24", f"{V6}/64"])
    return Street(site, name, bridge, client_on(bridge, "10.216.0.77/24", "fd00:216::77/64"))


def test_a_stock_docker_host_is_well(street: Street) -> None:
    street.is_well()


@pytest.mark.parametrize("tool", ["iptables", "ip6tables"])
def test_a_chain_of_dockers_that_nobody_jumps_to_is_found_and_mended(street: Street, tool: str) -> None:
    """The rule is there, where nobody asks; reconcile puts one where it is asked, and both go at the end."""
    change(tool, "-D FORWARD -j DOCKER-USER")
    hit = (tool == "ip6tables", tool == "iptables")
    assert hit == street.reached()
    found = street.found(f"firewall ({tool})")
    assert Verdict.MISSING is found.verdict
    assert f"drops traffic between the ports of {street.bridge}: the policy of chain FORWARD" in found.detail
    assert (HostTool(tool, ("-I", "FORWARD", *rule(street.bridge))),) == found.remedy.parts
    (told,) = street.reconcile()
    assert f"is not attached to {street.bridge}, or not filtered and let through" in told
    street.is_well()
    street.is_gone_without_a_rule()


@pytest.mark.parametrize("tool", ["iptables-legacy", "ip6tables-legacy"])
def test_the_firewall_of_the_other_kind_is_found_and_mended(street: Street, tool: str) -> None:
    """A host may have rules of iptables-legacy besides those of nftables; a frame has to pass both."""
    change(tool, "-P FORWARD DROP")
    assert False in street.reached()
    assert Verdict.MISSING is street.found(f"firewall ({tool.removesuffix('-legacy')})").verdict
    assert 1 == len(street.reconcile())
    street.is_well()
    street.is_gone_without_a_rule()


FIREWALLS = {
    "inet, by policy": """
        table inet fw {
          chain f { type filter hook forward priority 10; policy drop;
          }
        }""",
    "inet, by a reject after a jump": """
        table inet fw {
          chain rest { counter reject with icmpx admin-prohibited
          }
          chain f { type filter hook forward priority 10; policy accept;
            ct state vmap { established : accept, related : accept }
            iifname { "eth0", "eth1" } accept
            jump rest
          }
        }""",
    "ip, raw, before connection tracking": """
        table ip fw {
          chain p { type filter hook prerouting priority -300; policy accept;
            tcp dport { 137-139, 445 } drop
          }
        }""",
    "ip, the answers": """
        table ip fw {
          chain f { type filter hook postrouting priority 0; policy accept;
            tcp sport 445 drop
          }
        }""",
    "bridge, by policy": """
        table bridge fw {
          chain f { type filter hook forward priority 0; policy drop;
          }
        }""",
    "bridge, the neighbours": """
        table bridge fw {
          chain f { type filter hook forward priority 0; policy drop;
            ip protocol tcp accept
          }
        }""",
}


@pytest.mark.parametrize("rules", FIREWALLS.values(), ids=FIREWALLS.keys())
def test_anothers_nft_table_is_reported_and_left(street: Street, rules: str) -> None:
    """With its table and its chain. The remedy lets frames through; nobody applies it but a person."""
    load(rules)
    assert not street.client.reaches(V4)
    found = street.found("firewall (nft)")
    assert (Verdict.MISSING, True) == (found.verdict, " fw" in found.detail), found
    assert Verdict.OK is street.found("firewall (iptables)").verdict
    before = everything()
    assert [] == street.reconcile()
    assert before == everything()
    if "table bridge" in rules:
        return  # the remedy needs nft_meta_bridge, which not every kernel has
    while (found := street.found("firewall (nft)")).verdict is not Verdict.OK:
        (remedy,) = (part for part in found.remedy.parts if isinstance(part, HostTool))
        known = everything()
        run(remedy.name, *remedy.arguments)
        assert known != everything()
    street.is_well()


def test_rules_of_another_ahead_of_ours_are_reported_and_left(street: Street) -> None:
    """Somebody may have locked a tenant out on purpose."""
    change("iptables", f"-I DOCKER-USER -i {street.bridge} -j DROP")
    assert (False, True) == street.reached()
    found = street.found("firewall (iptables)")
    assert Verdict.MISSING is found.verdict
    assert f"the rule '-i {street.bridge} -j DROP' of chain DOCKER-USER" in found.detail
    before = everything()
    assert [] == street.reconcile()
    assert before == everything()


def test_what_cannot_be_judged_is_a_note(street: Street) -> None:
    """Such a rule may drop, and here it does not."""
    change("iptables", "-t mangle -A FORWARD -m connmark --mark 5 -j DROP")
    assert (True, True) == street.reached()
    found = street.found("firewall (iptables)")
    assert (Verdict.NOTE, True) == (found.verdict, "cannot be judged" in found.detail)
    assert "-m connmark --mark 0x5 -j DROP" in found.detail


def test_a_firewall_that_is_not_shown_bridged_frames_drops_none(street: Street) -> None:
    """Then doctor follows only the filters of bridges."""
    for version in ("iptables", "ip6tables"):
        Path("/proc/sys/net/bridge", f"bridge-nf-call-{version}").write_text("0")
    change("iptables", "-D FORWARD -j DOCKER-USER")
    assert (True, True) == street.reached()
    assert Verdict.OK is street.found("firewall").verdict
    load(FIREWALLS["bridge, by policy"])
    assert Verdict.MISSING is street.found("firewall (nft)").verdict
