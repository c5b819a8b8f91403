"""The names, ids and addresses that one server has, and no other may have."""

from __future__ import annotations

from attrs import frozen

from shares_core.domain.names import ServerName
from shares_core.domain.network import Interface


@frozen
class Claim:
    """A server's name, user id, addresses and MACs: no other server may have them.

    ``operation`` is the kind of the operation under way on the server itself, empty if there is none.
    """

    id: str
    name: ServerName
    uid: int
    interfaces: tuple[Interface, ...]
    operation: str = ""
