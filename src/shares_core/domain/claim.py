"""What one server takes of what all servers share."""

from __future__ import annotations

from attrs import frozen

from shares_core.domain.names import ServerName
from shares_core.domain.network import Interface


@frozen
class Claim:
    """A server's name, user id, addresses and MACs: no other server may have them.

    ``operation`` is the kind of operation that is under way on the server itself, empty if none is.
    """

    id: str
    name: ServerName
    uid: int
    interfaces: tuple[Interface, ...]
    operation: str = ""
