"""Reading the rules of all of the host's packet filters, once for everything that is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from shares_core.adapters.linux.commands import is_installed, run
from shares_core.adapters.network.filters import table_name
from shares_core.adapters.network.ruleset.iptables import parse_save
from shares_core.adapters.network.ruleset.nft import parse_nft
from shares_core.adapters.network.ruleset.values import Chain, Ruleset
from shares_core.adapters.network.xtables import FAMILIES, is_legacy, kinds, saving
from shares_core.domain.errors import SharesError

_EBTABLES = "ebtables-legacy"


@frozen
class Look:
    """The rules, and by the names of the commands that did not tell theirs, what they said."""

    ruleset: Ruleset
    unread: Mapping[str, str]


def look() -> Look:
    """Read the rules of nftables and of all kinds of iptables. Changes nothing, and loads no module."""
    unread: dict[str, str] = {}

    def said(*argv: str) -> str:
        try:
            return run(argv)
        except SharesError as error:
            unread[argv[0]] = str(error)
            return ""

    nft: tuple[Chain, ...] = ()
    if is_installed("nft"):
        nft = parse_nft(said("nft", "--json", "list", "ruleset"), without=table_name(""))
    legacy: list[Chain] = []
    for command, family in FAMILIES.items():
        for tool in kinds(command):
            chains = parse_save(said(saving(tool)), tool, family)
            if is_legacy(tool):
                legacy += chains
            else:
                nft = in_iptables_words(nft, chains)
    if any(Path("/sys/module", name).exists() for name in ("ebtable_filter", "ebtable_nat")):
        legacy += parse_save(said(f"{_EBTABLES}-save"), _EBTABLES, "bridge")
    return Look(Ruleset((*nft, *legacy)), unread)


def in_iptables_words(nft: tuple[Chain, ...], saved: tuple[Chain, ...]) -> tuple[Chain, ...]:
    """Put tables as iptables tells them in the place of what nft tells of them. Pure.

    Only iptables knows what all of its rules ask. A table that it does not tell whole stays as it is.
    """
    tables: dict[tuple[str, str], list[Chain]] = {}
    for chain in saved:
        tables.setdefault((chain.family, chain.table), []).append(chain)
    kept = list(nft)
    for key, chains in tables.items():
        there = [chain for chain in kept if (chain.family, chain.table) == key]
        told = {chain.name: len(chain.rules) for chain in chains}
        if there and all(told.get(chain.name) == len(chain.rules) for chain in there):
            kept = [chain for chain in kept if (chain.family, chain.table) != key] + chains
    return tuple(kept)
