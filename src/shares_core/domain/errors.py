"""Every error that a caller of shares_core may expect.

::

    SharesError
    ├── InvalidInput            the request itself is wrong; nothing was touched
    ├── NotFound                a server, share or user that was named is not there
    ├── Conflict                the request meets something that is already there
    │   ├── AlreadyExists       the name is taken by something with other properties
    │   ├── AddressTaken        an IP or MAC address is in use on that bridge
    │   ├── NotEmpty            the server still has shares
    │   ├── Busy                another caller is at work on the server or the share
    │   └── Cancelled           somebody has cancelled the operation; what it did is undone
    ├── NoCapacity              the pool cannot hold what was asked for
    ├── HostNotReady            the host lacks something; ``shares-core doctor`` tells what
    └── BackendFailure          a part of the host refused, with that part's own words
        ├── CommandFailed       a host command ended with an error
        ├── OnlineGrowRefused   the kernel does not grow this file system while it is mounted
        ├── ShareFailed         a share's volume or file system is missing or is not its own
        │   └── ShareDamaged    its file system was found damaged
        └── RecordUnreadable    a record is damaged or written by a newer version

``str(error)`` is one line that says what happened and to what; ``error.hint`` says what to do.
Errors of other libraries are translated once, in the adapter that met them, and kept as the cause.
"""

from __future__ import annotations

from typing import ClassVar


class SharesError(Exception):
    """The root of the tree.

    Fields: ``message`` (one line, no secret in it) and ``hint`` (what to do, may be empty).
    ``code`` is stable for programs; it is the class's name in snake case.
    """

    code: ClassVar[str] = "shares_error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidInput(SharesError):
    """The request is malformed. Nothing was read from or written to the host."""

    code = "invalid_input"


class NotFound(SharesError):
    """``kind`` (server, share, user) called ``name`` is not there."""

    code = "not_found"

    def __init__(self, kind: str, name: str, *, where: str = "", hint: str = "") -> None:
        place = f" on {where}" if where else ""
        super().__init__(f"there is no {kind} {name!r}{place}", hint=hint)
        self.kind = kind
        self.name = name


class Conflict(SharesError):
    """The request contradicts what is already there."""

    code = "conflict"


class AlreadyExists(Conflict):
    """``kind`` called ``name`` exists and differs from what was asked for."""

    code = "already_exists"

    def __init__(self, kind: str, name: str, detail: str, *, hint: str) -> None:
        super().__init__(f"{kind} {name!r} already exists: {detail}", hint=hint)
        self.kind = kind
        self.name = name


class AddressTaken(Conflict):
    """``address`` (IP or MAC) is used on ``bridge`` by ``holder``."""

    code = "address_taken"

    def __init__(self, address: str, bridge: str, holder: str) -> None:
        super().__init__(
            f"address {address} is taken on bridge {bridge} by {holder}",
            hint="choose another address, or another bridge: addresses need to differ on one bridge only",
        )
        self.address = address
        self.bridge = bridge


class NotEmpty(Conflict):
    """The server has shares and the caller did not say that they may go."""

    code = "not_empty"


class Busy(Conflict):
    """Another caller worked on the same thing for longer than this one would wait."""

    code = "busy"


class Cancelled(Conflict):
    """Somebody has cancelled the operation while it was under way; what it did is undone."""

    code = "cancelled"


class NoCapacity(SharesError):
    """The pool, or the file system under it, has too little room."""

    code = "no_capacity"


class HostNotReady(SharesError):
    """Something that must be installed, started or mounted is not."""

    code = "host_not_ready"


class BackendFailure(SharesError):
    """Docker, Samba, the kernel or a tool refused to do its part."""

    code = "backend_failure"


class CommandFailed(BackendFailure):
    """A command of the host ended badly.

    ``command`` is its argument tuple (it never holds a secret), ``status`` its exit status or None
    after a timeout, ``output`` what it complained of, ``printed`` what it said besides.
    """

    code = "command_failed"

    def __init__(
        self, command: tuple[str, ...], status: int | None, output: str, *, hint: str = "", printed: str = ""
    ) -> None:
        ending = "did not end in time" if status is None else f"failed with status {status}"
        said = " ".join(output.split())[-300:]
        super().__init__(f"{command[0]} {ending}" + (f": {said}" if said else ""), hint=hint)
        self.command = command
        self.status = status
        self.output = output
        self.printed = printed


class OnlineGrowRefused(BackendFailure):
    """This kernel does not let the file system grow while it is mounted; nothing was changed."""

    code = "online_grow_refused"


class ShareFailed(BackendFailure):
    """A share cannot be served as it is; its data was left untouched."""

    code = "share_failed"


class ShareDamaged(ShareFailed):
    """A share's file system was found damaged: only a person decides what becomes of it."""

    code = "share_damaged"


class RecordUnreadable(BackendFailure):
    """The record at ``path`` is damaged or newer than this version; it was not touched."""

    code = "record_unreadable"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"the record {path} cannot be read: {why}",
            hint="restore it from a backup, or use the version of shares-core that wrote it; "
            "it will not be overwritten",
        )
        self.path = path
