"""Where our own rule is among those that iptables lists, and where it is missing."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from shares_core.adapters.network import firewall
from shares_core.adapters.network.firewall import count_copies, place, rule
from shares_core.adapters.network.ruleset.iptables import parse_listing
from shares_core.domain.errors import CommandFailed

#: Of iptables 1.8.9, on nf_tables.
LISTED = """\
-N DOCKER-USER
-A DOCKER-USER -i br-a -o br-a -m physdev --physdev-is-bridged -j ACCEPT
-A DOCKER-USER -i br-a.1 -o br-a.1 -m physdev --physdev-is-bridged -j ACCEPT
-A DOCKER-USER -i br-a -o br-a -j ACCEPT
-A DOCKER-USER -i br-a -o br-a -m physdev --physdev-is-bridged -j DROP
-A DOCKER-USER -i br-a -o br-a -m physdev --physdev-is-bridged -j ACCEPT
-A DOCKER-USER -j RETURN
"""


@pytest.mark.parametrize(
    ("chain", "bridge", "copies"),
    [
        ("DOCKER-USER", "br-a", 2),
        ("DOCKER-USER", "br-a.1", 1),
        ("DOCKER-USER", "br", 0),
        ("FORWARD", "br-a", 0),
    ],
)
def test_a_rule_is_counted_as_often_as_its_chain_has_it(chain: str, bridge: str, copies: int) -> None:
    """Rules of other bridges, and other rules of the same bridge, do not count."""
    assert copies == count_copies(LISTED, chain, bridge)


# Captured from iptables 1.8.9 (nf_tables) in a namespace set up as a stock Docker host's.
DOCKER = """\
-P INPUT ACCEPT
-P FORWARD DROP
-P OUTPUT ACCEPT
-N DOCKER-USER
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-USER -j RETURN
"""
OPEN = "-P INPUT DROP\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n"
CLOSED = OPEN.replace("-P FORWARD ACCEPT", "-P FORWARD DROP")
# The forwarding part of ufw 0.36.2, loaded and listed with iptables 1.8.9.
UFW = """\
-P FORWARD %s
-N ufw-before-forward
-N ufw-reject-forward
-N ufw-user-forward
-A FORWARD -j ufw-before-forward
-A FORWARD -j ufw-reject-forward
-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-forward -j ufw-user-forward
"""
OURS = " ".join(rule("br-a"))


def _head(listing: str, chain: str, *rules: str) -> str:
    """The listing with these rules put at the head of a chain."""
    added = "".join(f"-A {chain} {each}\n" for each in rules)
    lines = listing.splitlines(keepends=True)
    at = next((n for n, line in enumerate(lines) if line.startswith(f"-A {chain} ")), len(lines))
    return "".join([*lines[:at], added, *lines[at:]])


UNASKED = DOCKER.replace("-A FORWARD -j DOCKER-USER\n", "")


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        # Docker's chain, asked
        (DOCKER, "DOCKER-USER"),
        (_head(DOCKER, "DOCKER-USER", OURS), None),
        (_head(DOCKER, "DOCKER-USER", OURS.replace("br-a", "br-b")), "DOCKER-USER"),
        (_head(DOCKER, "DOCKER-USER", '-i br-a -o br-a -m comment --comment "x y" -j ACCEPT'), None),
        (_head(DOCKER, "FORWARD", OURS), None),
        (DOCKER.replace("-P FORWARD DROP", "-P FORWARD ACCEPT"), "DOCKER-USER"),
        # where frames never come to the rule
        (f"{DOCKER}-A DOCKER-USER {OURS}\n", "DOCKER-USER"),
        # not asked, or not by these frames
        (UNASKED, "FORWARD"),
        (_head(UNASKED, "DOCKER-USER", OURS), "FORWARD"),
        (_head(_head(UNASKED, "DOCKER-USER", OURS), "FORWARD", OURS), None),
        (_head(UNASKED, "FORWARD", "-i docker0 -j DOCKER-USER"), "FORWARD"),
        (_head(UNASKED, "FORWARD", "-i br-a -j DOCKER-USER"), "DOCKER-USER"),
        (_head(UNASKED, "FORWARD", "-m mark --mark 0x5 -j DOCKER-USER"), "FORWARD"),
        (_head(UNASKED, "FORWARD", "-g DOCKER-USER"), "DOCKER-USER"),
        (_head(UNASKED, "FORWARD", "-j MINE") + "-N MINE\n-A MINE -j DOCKER-USER\n", "DOCKER-USER"),
        (
            _head(UNASKED, "FORWARD", "-g MINE", "-j DOCKER-USER") + "-N MINE\n-A MINE -i x -j DROP\n",
            "FORWARD",
        ),
        (_head(UNASKED, "FORWARD", "-j RETURN", "-j DOCKER-USER"), "FORWARD"),
        (UNASKED.replace("-P FORWARD DROP", "-P FORWARD ACCEPT"), None),
        # without Docker
        (OPEN, None),
        (CLOSED, "FORWARD"),
        (f"{CLOSED}-A FORWARD -j ACCEPT\n", None),
        (f"{OPEN}-A FORWARD -j REJECT --reject-with icmp-host-prohibited\n", "FORWARD"),
        (f"{OPEN}-A FORWARD -j DROP\n-A FORWARD -j DOCKER-USER\n-N DOCKER-USER\n", "FORWARD"),
        (f"{CLOSED}-A FORWARD -i br-a -o eth0 -j ACCEPT\n", "FORWARD"),
        (f"{CLOSED}-A FORWARD -s 10.254.0.0/24 -i br-a -j ACCEPT\n", "FORWARD"),
        (f"{CLOSED}-A FORWARD -i br+ -j ACCEPT\n", None),
        ("", None),
        (UFW % "DROP", "FORWARD"),
        (f"{UFW % 'ACCEPT'}-A ufw-reject-forward -j REJECT --reject-with icmp-port-unreachable\n", "FORWARD"),
        (UFW % "ACCEPT", None),
        # another's rules ahead of ours, and rules that name a bridge, are theirs
        (_head(_head(DOCKER, "DOCKER-USER", OURS), "DOCKER-USER", "-i br-a -j DROP"), None),
        (_head(_head(DOCKER, "DOCKER-USER", OURS), "FORWARD", "-j DROP"), None),
        (f"{OPEN}-A FORWARD -i br-a -j DROP\n", None),
        (f"{CLOSED}-A FORWARD -i br-a -j DROP\n", None),
        (_head(DOCKER, "DOCKER-USER", "-i br-a -j DROP"), None),
    ],
)
def test_the_rule_belongs_where_frames_come_by(listing: str, expected: str | None) -> None:
    """To the head of Docker's chain if they do come there, otherwise to that of FORWARD if it drops them."""
    assert expected == place(parse_listing(listing, "iptables", "ip"), "br-a")


@pytest.mark.parametrize("listing", [DOCKER, UNASKED, CLOSED, f"{OPEN}-A FORWARD -j REJECT\n"])
def test_with_the_rule_in_its_place_nothing_is_left_to_do(listing: str) -> None:
    chain = place(parse_listing(listing, "iptables", "ip"), "br-a")
    assert chain is not None
    assert place(parse_listing(_head(listing, chain, OURS), "iptables", "ip"), "br-a") is None


def test_of_a_long_listing_only_what_concerns_the_bridge_is_parsed() -> None:
    """Not the rules of a thousand other bridges; whatever may concern this one, in its order."""
    others = [" ".join(rule(f"br-{number}")) for number in range(1000)]
    mine = ["! -i br-b -j LOG", "-s 10.0.0.0/8 -i br-a -j LOG", OURS, "-i br+ -j LOG", "-o br-b -j LOG"]
    listing = firewall._Listing(_head(DOCKER, "DOCKER-USER", *others[:500], *mine, *others[500:]), "", "ip")
    chains = {chain.name: chain for chain in listing.concerning("br-a")}
    assert [*mine, "-j RETURN"] == [each.text for each in chains["DOCKER-USER"].rules]
    assert chains["FORWARD"].drops


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """A host with Docker's firewall for both versions of IP, and every command that is given to it."""
    given: list[tuple[str, ...]] = []

    def answer(argv: tuple[str, ...], *, outlives: bool = True) -> str:
        given.append(argv)
        assert outlives == ("-S" in argv)
        return UNASKED if "-S" in argv else ""

    monkeypatch.setattr(firewall, "run", answer)
    monkeypatch.setattr(firewall, "is_asked", lambda *_: True)
    monkeypatch.setattr(firewall, "kinds", lambda command: [command])
    return given


def test_one_look_is_for_all_bridges(host: list[tuple[str, ...]]) -> None:
    """However many there are."""
    assert frozenset() == firewall.passing([f"br-{number}" for number in range(100)])
    assert [(tool, "--wait", "10", "-S") for tool in ("iptables", "ip6tables")] == host


def test_a_bridge_is_let_through_with_one_look_and_one_rule(host: list[tuple[str, ...]]) -> None:
    """Of each version of IP."""
    firewall.let_bridged_pass("br-a")
    expected: list[tuple[str, ...]] = []
    for tool in ("iptables", "ip6tables"):
        expected += [(tool, "--wait", "10", "-S"), (tool, "--wait", "10", "-I", "FORWARD", *rule("br-a"))]
    assert expected == host


@pytest.mark.parametrize(("status", "known"), [(1, True), (4, False)])
def test_only_a_missing_table_holds_no_rule(
    status: int, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing that failed otherwise says nothing about the rules."""

    def fails(argv: tuple[str, ...]) -> str:
        raise CommandFailed(argv, status, "said")

    monkeypatch.setattr(firewall, "run", fails)
    monkeypatch.setattr(firewall, "kinds", lambda command: [command])
    with nullcontext() if known else pytest.raises(CommandFailed):
        firewall.forget_bridge("br-a")
