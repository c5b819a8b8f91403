"""Docker's default firewall, as on a stock host: frames between two ports of a bridge meet it too."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from shares_core import bootstrap
from shares_core.adapters.network.firewall import rule
from shares_core.domain.findings import Finding, Verdict
from shares_core.domain.remedy import HostTool, Remedy
from tests.integration.conftest import NewClient, NewServer
from tests.testkit.site import Site

ADDRESS = "10.216.0.5"


def rules(chain: str) -> str:
    return subprocess.run(("iptables", "-S", chain), check=True, capture_output=True, text=True).stdout


@pytest.fixture
def _drops_bridged() -> None:
    """The host's firewall sees and drops bridged frames: otherwise these tests would show nothing."""
    assert "1" == Path("/proc/sys/net/bridge/bridge-nf-call-iptables").read_text().strip()
    assert "-P FORWARD DROP" in rules("FORWARD")


def finding(site: Site) -> Finding:
    """Doctor's finding about iptables."""
    found = {each.subject: each for each in bootstrap.examine(site.config)}
    return found["firewall (iptables)"]


@pytest.mark.usefixtures("_drops_bridged")
def test_one_rule_lets_a_client_on_the_bridge_reach_its_server(
    site: Site, new_server: NewServer, client_on: NewClient
) -> None:
    """Without the rule no client does, which doctor reports with a remedy; reconcile restores it."""
    bridge = site.new_bridge()
    new_server("walled", bridge=bridge, addresses=[f"{ADDRESS}/24"])
    client = client_on(bridge, "10.216.0.77/24")
    assert client.reaches(ADDRESS)
    ours = " ".join(("-A", "DOCKER-USER", *rule(bridge)))
    assert 1 == rules("DOCKER-USER").splitlines().count(ours)
    subprocess.run(("iptables", "-D", "DOCKER-USER", *rule(bridge)), check=True)
    assert not client.reaches(ADDRESS)
    site.host.fleet.reconcile()
    assert client.reaches(ADDRESS)
    assert 1 == rules("DOCKER-USER").splitlines().count(ours)


@pytest.mark.usefixtures("_drops_bridged")
def test_the_rule_goes_with_the_last_server(site: Site, new_server: NewServer) -> None:
    """And not before."""
    bridge = site.new_bridge()
    for number, name in enumerate(("first", "second")):
        new_server(name, bridge=bridge, addresses=[f"10.216.0.{5 + number}/24"])
    site.host.servers.delete("first", with_shares=True)
    assert bridge in rules("DOCKER-USER")
    site.host.servers.delete("second", with_shares=True)
    assert bridge not in rules("DOCKER-USER")


@pytest.mark.usefixtures("_drops_bridged")
def test_doctor_says_when_the_default_networks_rule_is_missing(site: Site, new_server: NewServer) -> None:
    """With the command that adds exactly that rule; with the rule it finds nothing."""
    bridge = str(site.config.network.bridge)
    site.host.servers.create("default")
    try:
        assert Verdict.OK is finding(site).verdict
        subprocess.run(("iptables", "-D", "DOCKER-USER", *rule(bridge)), check=True)
        missing = finding(site)
        adding = HostTool("iptables", ("-I", "DOCKER-USER", *rule(bridge)))
        assert (Verdict.MISSING, Remedy.of(adding)) == (missing.verdict, missing.remedy)
        subprocess.run((adding.name, *adding.arguments), check=True)
        assert Verdict.OK is finding(site).verdict
    finally:
        site.host.servers.delete("default", with_shares=True)
