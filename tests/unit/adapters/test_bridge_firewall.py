"""Finding our own rules among those that iptables lists."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from shares_core.adapters.network import firewall
from shares_core.adapters.network.firewall import count_copies
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


@pytest.mark.parametrize(("status", "known"), [(1, True), (4, False)])
def test_only_a_missing_chain_holds_no_rule(
    status: int, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing that failed otherwise says nothing about the rules."""

    def fails(argv: tuple[str, ...]) -> str:
        raise CommandFailed(argv, status, "said")

    monkeypatch.setattr(firewall, "run", fails)
    monkeypatch.setattr(firewall, "_installed", lambda: ["iptables"])
    with nullcontext() if known else pytest.raises(CommandFailed):
        firewall.forget_bridge("br-a")
