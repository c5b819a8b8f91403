"""What a use case is about to do, written into the record before it does it.

After a crash the next caller finds the intent and settles it: creating and allowing are undone, denying and
deleting are carried on, an extension goes whichever way the file system itself went.
"""

from __future__ import annotations

from attrs import frozen

from shares_core.domain.access import AccessRule
from shares_core.domain.capacity import Capacity
from shares_core.domain.names import UserName


@frozen
class CreateServer:
    """Undone: whatever exists of the server is removed, and its record with it."""


@frozen
class DeleteServer:
    """Carried on: its shares, its container, its interfaces and its record go."""


@frozen
class CreateShare:
    """Undone: the volume that was minted for it is removed, unless there are files in it."""

    share_id: str


@frozen
class DeleteShare:
    """Carried on: whoever is connected is cut off, and the volume goes."""

    share_id: str


@frozen
class WidenAccess:
    """Undone: the record still holds the former rules, and none of the ``accounts`` made for the new ones."""

    share_id: str
    rules: tuple[AccessRule, ...]
    accounts: tuple[UserName, ...] = ()


@frozen
class NarrowAccess:
    """Carried on: the record already holds the new rules; ``users`` are to be cut off."""

    share_id: str
    users: tuple[UserName, ...]


@frozen
class ExtendShare:
    """Carried on where the file system has begun to grow beyond ``volume_before``, else undone.

    ``volume_before`` is the volume's size before, which the pool's granularity may have rounded up.
    """

    share_id: str
    before: Capacity
    after: Capacity
    volume_before: Capacity


@frozen
class EndSessions:
    """Carried on: a password is set or an account removed, so ``user``'s sessions are to end."""

    user: UserName


@frozen
class CheckShare:
    """Carried on: the file system is made whole where that needs no person, and served again."""

    share_id: str


Intent = (
    CreateServer
    | DeleteServer
    | CreateShare
    | DeleteShare
    | WidenAccess
    | NarrowAccess
    | ExtendShare
    | EndSessions
    | CheckShare
)
