"""Who is connected to a server, and what they have open. As its Samba says: a compromised server may lie."""

from __future__ import annotations

from attrs import frozen


@frozen
class SmbSession:
    """One user's session.

    ``id`` is Samba's, ``address`` the client's, ``since`` in seconds since 1970, and ``encryption`` the
    cipher, empty without one. ``shares`` are those in use. Sessions with the same ``connection`` share it,
    and so end together.
    """

    id: str
    user: str
    address: str
    since: int
    dialect: str
    encryption: str
    shares: tuple[str, ...]
    connection: int


@frozen
class OpenFile:
    """A file or folder that a client has open.

    ``path`` is below the share, with ``/`` between folders; the share's own folder is ``.``. ``users`` are
    those of the connection: Samba does not say which of them it was. ``access`` is ``rw``, ``r``, ``w``, or
    empty for its attributes alone, ``locks`` how many ranges of bytes they have locked.
    """

    share: str
    path: str
    users: tuple[str, ...]
    access: str
    locks: int
    since: int
    connection: int


@frozen
class ClosedSessions:
    """What closing sessions did: ``alongside`` ended too, because it shared a connection with one of them."""

    closed: tuple[SmbSession, ...]
    alongside: tuple[SmbSession, ...]
