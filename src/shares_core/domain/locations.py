"""Where clients find a share, in the form that each kind of client takes."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from attrs import frozen

from shares_core.domain.names import ShareName


class ClientKind(StrEnum):
    """Who can paste a location."""

    WINDOWS = "windows"
    LINUX = "linux"


@frozen
class ExportLocation:
    """A location to paste, and the kind of client that takes it."""

    client: ClientKind
    location: str


def locations_at(address: IPv4Address | IPv6Address, share: ShareName) -> tuple[ExportLocation, ...]:
    """The share's location at an address, for each kind of client."""
    return (
        ExportLocation(ClientKind.WINDOWS, rf"\\{_unc_host(address)}\{share}"),
        ExportLocation(ClientKind.LINUX, f"//{address}/{share}"),
    )


def _unc_host(address: IPv4Address | IPv6Address) -> str:
    """The host in a UNC path, which cannot have a colon (MS-DTYP 2.2.57): Windows itself maps this name."""
    return f"{address}".replace(":", "-") + ".ipv6-literal.net" if address.version == 6 else f"{address}"
