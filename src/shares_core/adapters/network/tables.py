"""The kernel's packet filters: loaded with nft, listed with netlink."""

from __future__ import annotations

from collections.abc import Mapping

from shares_core.adapters.linux.commands import run
from shares_core.adapters.network.filters import render_removal, render_removal_of, table_name
from shares_core.adapters.network.netlink import translated

_NETDEV = 5  # linux/netfilter.h: NFPROTO_NETDEV
#: The families of further tables of the same names, by their names.
_FURTHER = {"inet": 1, "bridge": 7}


def load_filters(rules: str) -> None:
    """Load ``rules`` into the kernel, all of them or none."""
    # A late command would sweep away what the next caller has loaded: do it at once or not at all.
    run(("nft", "-f", "-"), stdin=rules.encode(), outlives=False)


def netdev_tables() -> Mapping[str, str]:
    """The names of nftables' tables at the edges of devices, each with its comment, or an empty text."""
    return _tables(_NETDEV)


def further_tables() -> Mapping[str, Mapping[str, str]]:
    """The same of the other families that refuse closed ports, by family."""
    return {family: _tables(number) for family, number in _FURTHER.items()}


def remove_filters(device: str) -> None:
    """Remove all of the device's tables. Idempotent."""
    further = (family for family, there in further_tables().items() if table_name(device) in there)
    rules = "".join(render_removal_of(family, device) for family in further)
    load_filters(render_removal([device]) + rules)


def _tables(family: int) -> Mapping[str, str]:
    """Asks the kernel directly, because ``nft`` takes long."""
    from pyroute2.nftables.main import NFTables

    with translated("looking at packet filters"), NFTables(nfgen_family=family) as nftables:
        return {table.get("name"): table.get("userdata") or "" for table in nftables.get_tables()}
