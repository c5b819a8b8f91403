"""The kernel's packet filters: loaded with nft, listed with netlink."""

from __future__ import annotations

from collections.abc import Mapping

from shares_core.adapters.linux.commands import run
from shares_core.adapters.network.netlink import translated

_INET, _NETDEV = 1, 5  # linux/netfilter.h: NFPROTO_INET, NFPROTO_NETDEV


def load_filters(rules: str) -> None:
    """Load ``rules`` into the kernel, all of them or none."""
    # A late command would sweep away what the next caller has loaded: do it at once or not at all.
    run(("nft", "-f", "-"), stdin=rules.encode(), outlives=False)


def netdev_tables() -> Mapping[str, str]:
    """The names of nftables' tables at the edges of devices, each with its comment, or an empty text."""
    return _tables(_NETDEV)


def host_tables() -> Mapping[str, str]:
    """The same of the tables for what the host itself sends, and others of the inet family."""
    return _tables(_INET)


def _tables(family: int) -> Mapping[str, str]:
    """Asks the kernel directly, because ``nft`` takes long."""
    from pyroute2.nftables.main import NFTables

    with translated("looking at packet filters"), NFTables(nfgen_family=family) as nftables:
        return {table.get("name"): table.get("userdata") or "" for table in nftables.get_tables()}
