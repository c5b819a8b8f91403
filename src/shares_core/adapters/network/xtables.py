"""The commands of iptables: of which kinds a host has them, and which bridged frames meet their rules."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from shares_core.adapters.linux.commands import environment

#: The commands, each with the setting that makes bridged frames meet its rules.
SWITCHES = {"iptables": "bridge-nf-call-iptables", "ip6tables": "bridge-nf-call-ip6tables"}
#: The family of each command's rules, in nftables' words.
FAMILIES = {"iptables": "ip", "ip6tables": "ip6"}
_BY_BRIDGE = {"iptables": "nf_call_iptables", "ip6tables": "nf_call_ip6tables"}
_EVERYWHERE, _DEVICES = Path("/proc/sys/net/bridge"), Path("/sys/class/net")
_LEGACY_TABLES = {"iptables": "ip_tables_names", "ip6tables": "ip6_tables_names"}


def is_asked(command: str, bridge: str = "") -> bool:
    """Whether bridged frames meet the command's rules in this kernel: everywhere, or on this bridge."""
    everywhere = _EVERYWHERE / SWITCHES[command]
    if not everywhere.exists():
        return False  # br_netfilter is not loaded
    return _is_on(everywhere) or (bool(bridge) and _is_on(_DEVICES / bridge / "bridge" / _BY_BRIDGE[command]))


def _is_on(switch: Path) -> bool:
    try:
        return switch.read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False


def kinds(command: str) -> Iterator[str]:
    """The host's commands for the same kind of packets whose rules the kernel may have.

    A host may have two sets of rules, of ``iptables-nft`` and of ``iptables-legacy``, and a frame has to pass
    both. ``iptables`` is the same as one of them. Looks at the rules of neither, and loads no module.
    """
    seen = set()
    for name in (command, f"{command}-nft", f"{command}-legacy"):
        program = _program(name)
        if not program or program in seen:
            continue
        seen.add(program)
        if not is_legacy(name) or _has_legacy_rules(command):
            yield name


def is_legacy(name: str) -> bool:
    """Whether it is the command for the rules that nftables does not know."""
    return "nft" not in _program(name)


def saving(name: str) -> str:
    """The command that prints all of the rules."""
    return f"{name}-save"


def _program(name: str) -> str:
    """The program behind the command: one of each kind answers to many names. Empty if there is none."""
    found = shutil.which(name, path=environment()["PATH"])
    return os.path.basename(os.path.realpath(found)) if found else ""


def _has_legacy_rules(command: str) -> bool:
    """Whether the kernel has such a table; asking the command would make the kernel load one."""
    try:
        return bool(Path("/proc/net", _LEGACY_TABLES[command]).read_text(encoding="ascii").strip())
    except OSError:
        return False
