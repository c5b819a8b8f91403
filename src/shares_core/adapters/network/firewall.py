"""Letting bridged frames pass, on hosts whose firewall for routed packets sees them too.

If br_netfilter is loaded, bridged frames pass through the FORWARD chain, whose policy Docker sets to DROP:
clients would not reach a server on their own bridge. So each bridge of ours gets one rule, for what stays on
it, in the chain that Docker keeps for such rules. Packets that the host would route from or to the bridge
never get that far (see filters).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from shares_core.adapters.linux.commands import is_installed, run
from shares_core.domain.errors import CommandFailed

#: The commands, each with the setting that makes bridged frames meet its rules.
SWITCHES = {"iptables": "bridge-nf-call-iptables", "ip6tables": "bridge-nf-call-ip6tables"}
_NO_SUCH_CHAIN = 1  # iptables(8); 4 means that somebody else holds its lock
_CHAINS = ("DOCKER-USER", "FORWARD")
_WAIT = ("--wait", "10")  # for another caller that is changing the rules


def let_bridged_pass(bridge: str) -> None:
    """Let frames that stay on the bridge pass, if something might drop them. Idempotent.

    If the host has no iptables, another firewall is in charge, which ``shares-core doctor`` checks.
    """
    for command, chain in _dropping():
        if not _copies(command, chain, bridge):
            _change(command, "-I", chain, bridge)


def passes(bridge: str) -> bool:
    """Whether ``let_bridged_pass`` has nothing to do."""
    return all(_copies(command, chain, bridge) for command, chain in _dropping())


def _dropping() -> Iterator[tuple[str, str]]:
    """The commands whose rules may drop what stays on a bridge, each with the chain for exceptions."""
    for command in _installed():
        chain = _chain(command) if is_asked(command) else None
        if chain is not None:
            yield command, chain


def forget_bridge(bridge: str) -> None:
    """Remove the bridge's rules from every chain, even if bridged frames do not meet them now. Idempotent."""
    for command in _installed():
        for chain in _CHAINS:
            for _ in range(_copies(command, chain, bridge)):
                _change(command, "-D", chain, bridge)


def _change(command: str, how: str, chain: str, bridge: str) -> None:
    """Change the rules. If this caller is killed, a waiting command must not undo the next one's change."""
    run((command, *_WAIT, how, chain, *rule(bridge)), outlives=False)


def rule(bridge: str) -> tuple[str, ...]:
    """The rule, as iptables' arguments."""
    return ("-i", bridge, "-o", bridge, "-m", "physdev", "--physdev-is-bridged", "-j", "ACCEPT")


def count_copies(listing: str, chain: str, bridge: str) -> int:
    """How often the rule is in the output of ``iptables -S`` for the chain."""
    wanted = ["-A", chain, *rule(bridge)]
    return sum(line.split() == wanted for line in listing.splitlines())


def _installed() -> list[str]:
    return [command for command in SWITCHES if is_installed(command)]


def is_asked(command: str) -> bool:
    """Whether bridged frames meet the command's rules in this kernel."""
    try:
        return (Path("/proc/sys/net/bridge") / SWITCHES[command]).read_text().strip() == "1"
    except OSError:
        return False  # br_netfilter is not loaded


def _chain(command: str) -> str | None:
    """Docker's chain for such rules, otherwise the chain itself if it drops."""
    try:
        run((command, *_WAIT, "-n", "-L", _CHAINS[0]))
    except CommandFailed:
        return "FORWARD" if "-P FORWARD DROP" in run((command, *_WAIT, "-S", "FORWARD")) else None
    return _CHAINS[0]


def _copies(command: str, chain: str, bridge: str) -> int:
    """Counts them in a listing, because ``-C`` would make the kernel load the rule's modules."""
    try:
        return count_copies(run((command, *_WAIT, "-S", chain)), chain, bridge)
    except CommandFailed as error:
        if error.status != _NO_SUCH_CHAIN:
            raise
        return 0
