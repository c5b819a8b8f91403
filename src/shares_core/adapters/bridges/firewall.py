"""Frames between two ports of one bridge, on hosts whose firewall for routed packets sees them too.

Where br_netfilter is loaded, bridged frames pass through the FORWARD chain, whose policy Docker sets to
DROP: clients would not reach a server that is on their own bridge. So each bridge of ours gets one rule, for
what stays on it, in the chain that Docker keeps for such rules. What the host would route from or to the
bridge are not meant: those never get that far (see filters).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from shares_core.adapters.commands import environment, run
from shares_core.domain.errors import CommandFailed

_SWITCHES = (("iptables", "bridge-nf-call-iptables"), ("ip6tables", "bridge-nf-call-ip6tables"))
_CHAINS = ("DOCKER-USER", "FORWARD")
_WAIT = ("--wait", "10")  # for whoever else is changing the rules


def let_bridged_pass(bridge: str) -> None:
    """Let frames pass that stay on the bridge, where something might drop them. Idempotent.

    Where the host has no iptables, another firewall is in charge: ``shares-core doctor`` looks at it.
    """
    for command in _commands():
        chain = _chain(command)
        if chain is not None and not _has(command, chain, bridge):
            run((command, *_WAIT, "-I", chain, *rule(bridge)))


def forget_bridge(bridge: str) -> None:
    """Remove the bridge's rules, wherever they are. Idempotent."""
    for command in _commands():
        for chain in _CHAINS:
            if _has(command, chain, bridge):
                run((command, *_WAIT, "-D", chain, *rule(bridge)))


def rule(bridge: str) -> tuple[str, ...]:
    """The rule, as iptables' arguments."""
    return ("-i", bridge, "-o", bridge, "-m", "physdev", "--physdev-is-bridged", "-j", "ACCEPT")


def _commands() -> list[str]:
    """Those of iptables and ip6tables that this kernel asks about bridged frames."""
    return [command for command, switch in _SWITCHES if _is_on(switch) and _is_installed(command)]


def _is_on(switch: str) -> bool:
    try:
        return (Path("/proc/sys/net/bridge") / switch).read_text().strip() == "1"
    except OSError:
        return False  # br_netfilter is not loaded


def _is_installed(command: str) -> bool:
    return shutil.which(command, path=environment()["PATH"]) is not None


def _chain(command: str) -> str | None:
    """Docker's chain for such rules, else the chain itself where it drops."""
    try:
        run((command, *_WAIT, "-n", "-L", _CHAINS[0]))
    except CommandFailed:
        return "FORWARD" if "-P FORWARD DROP" in run((command, *_WAIT, "-S", "FORWARD")) else None
    return _CHAINS[0]


def _has(command: str, chain: str, bridge: str) -> bool:
    try:
        run((command, *_WAIT, "-C", chain, *rule(bridge)))
    except CommandFailed:
        return False
    return True
