"""Of which kinds a host has iptables, and which bridged frames meet their rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from shares_core.adapters.network import xtables

NFT, LEGACY = "xtables-nft-multi", "xtables-legacy-multi"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host without any commands or settings of its own."""
    monkeypatch.setattr(xtables, "environment", lambda: {"PATH": str(tmp_path)})
    monkeypatch.setattr(xtables, "_EVERYWHERE", tmp_path / "bridge")
    monkeypatch.setattr(xtables, "_DEVICES", tmp_path / "net")
    monkeypatch.setattr(xtables, "_LEGACY_TABLES", {"iptables": str(tmp_path / "ip_tables_names")})
    return tmp_path


def _install(host: Path, **commands: str) -> None:
    for program in {*commands.values()}:
        (host / program).write_text("#!/bin/false\n")
        (host / program).chmod(0o755)
    for name, program in commands.items():
        (host / name.replace("_", "-")).symlink_to(host / program)


DEBIAN = {"iptables": NFT, "iptables_nft": NFT, "iptables_legacy": LEGACY}


@pytest.mark.parametrize(
    ("commands", "tables", "expected"),
    [
        ({}, "filter\n", []),
        (DEBIAN, None, ["iptables"]),
        (DEBIAN, "", ["iptables"]),
        (DEBIAN, "nat\nfilter\n", ["iptables", "iptables-legacy"]),
        (DEBIAN | {"iptables": LEGACY}, "filter\n", ["iptables", "iptables-nft"]),
        (DEBIAN | {"iptables": LEGACY}, "", ["iptables-nft"]),
        ({"iptables": "xtables-multi"}, "filter\n", ["iptables"]),
        ({"iptables_legacy": LEGACY}, "filter\n", ["iptables-legacy"]),
    ],
)
def test_each_kind_is_asked_once_and_the_legacy_one_only_if_it_has_rules(
    host: Path, commands: dict[str, str], tables: str | None, expected: list[str]
) -> None:
    """Asking that one would make the kernel load its tables."""
    _install(host, **commands)
    if tables is not None:
        (host / "ip_tables_names").write_text(tables)
    assert expected == list(xtables.kinds("iptables"))


@pytest.mark.parametrize(
    ("everywhere", "here", "expected"),
    [
        (None, "1", False),  # br_netfilter is not loaded
        ("0", None, False),
        ("0", "0", False),
        ("0", "1", True),
        ("1", "0", True),
        ("1", None, True),
    ],
)
def test_firewalls_see_a_bridges_frames_if_the_host_or_the_bridge_says_so(
    host: Path, everywhere: str | None, here: str | None, expected: bool
) -> None:
    (host / "bridge").mkdir()
    (host / "net/br-a/bridge").mkdir(parents=True)
    if everywhere is not None:
        (host / "bridge/bridge-nf-call-iptables").write_text(f"{everywhere}\n")
    if here is not None:
        (host / "net/br-a/bridge/nf_call_iptables").write_text(f"{here}\n")
    assert expected == xtables.is_asked("iptables", "br-a")
    assert (everywhere == "1") == xtables.is_asked("iptables")
    assert not xtables.is_asked("ip6tables", "br-a")
