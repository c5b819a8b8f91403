"""Every error that a caller of shares_core may expect.

::

    SharesError
    ├── InvalidInput            the request itself is wrong; nothing was touched
    ├── NotFound                the server, share or user does not exist
    ├── Conflict                the request contradicts what already exists
    │   ├── AlreadyExists       the name is taken by something with other properties
    │   ├── AddressTaken        the IP or MAC address is in use on that bridge
    │   ├── NotEmpty            the server still has shares
    │   ├── WouldLoseData       what is there does not fit into what was asked for
    │   ├── Busy                another caller is at work on the server or the share
    │   └── Cancelled           somebody has cancelled the operation; what it did is undone
    ├── NoCapacity              the pool cannot hold what was asked for
    ├── HostNotReady            the host lacks something; ``shares-core doctor`` tells what
    └── BackendFailure          a part of the host refused, with that part's own words
        ├── CommandFailed       a host command ended with an error
        ├── OnlineGrowRefused   the kernel does not grow this file system while it is mounted
        ├── ShareFailed         a share's volume or file system is missing or not its own
        │   └── ShareDamaged    its file system was found damaged
        └── RecordUnreadable    a record is damaged or written by a newer version

``str(error)`` is one line that says what happened and to what; ``error.hint`` says what to do, in the
library's words for ``error.remedy``, a value that an embedding tool can word in its own way.
Errors of other libraries are translated once, in the adapter that met them, and kept as the cause.

Pickle and the codec take an error to another process with its fields, its notes and its cause's text. Its
fields are those that its class annotates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from shares_core.domain.remedy import Hint, Remedy


class RemoteCause(Exception):
    """The cause of an error that was raised in another process, as text."""


class SharesError(Exception):
    """The root of the tree.

    Fields: ``message`` (one line, no secret in it) and ``remedy`` (what to do, may be empty). ``hint``,
    from which it is made, is plain advice or a remedy with actions in it.
    ``code`` is stable for programs; it is the class's name in snake case.
    """

    code: ClassVar[str] = "shares_error"
    message: str
    remedy: Remedy

    def __init__(self, message: str, *, hint: Hint = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = Remedy.of(hint)

    @property
    def hint(self) -> str:
        """What to do, in the library's words; empty if that is not known."""
        return str(self.remedy)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was added to the error as it passed: above all, undos that failed."""
        return tuple(getattr(self, "__notes__", ()))

    @property
    def cause(self) -> str:
        """The cause of the error in one line; empty if it is not known."""
        cause = self.__cause__
        if cause is None or isinstance(cause, RemoteCause | SharesError):
            return str(cause or "")
        return f"{type(cause).__name__}: {cause}"

    @classmethod
    def restored(cls, fields: Mapping[str, Any], notes: Iterable[str] = (), cause: str = "") -> Self:
        """Rebuild an error that was raised elsewhere, from its parts; its message is already complete."""
        error = cls.__new__(cls, fields["message"])
        for name, value in fields.items():
            setattr(error, name, value)
        for note in notes:
            error.add_note(note)
        if cause:
            error.__cause__ = RemoteCause(cause)
        return error

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {name: value for name, value in vars(self).items() if name != "__notes__"}
        return type(self).restored, (fields, self.notes, self.cause)


class InvalidInput(SharesError):
    """The request is malformed. Nothing was read from or written to the host."""

    code = "invalid_input"


class NotFound(SharesError):
    """No ``kind`` (server, share, user) called ``name`` exists."""

    code = "not_found"
    kind: str
    name: str
    where: str

    def __init__(self, kind: str, name: str, *, where: str = "", hint: Hint = "") -> None:
        place = f" on {where}" if where else ""
        super().__init__(f"there is no {kind} {name!r}{place}", hint=hint)
        self.kind = kind
        self.name = name
        self.where = where


class Conflict(SharesError):
    """The request contradicts what already exists."""

    code = "conflict"


class AlreadyExists(Conflict):
    """``kind`` called ``name`` exists and differs from what was asked for."""

    code = "already_exists"
    kind: str
    name: str
    detail: str

    def __init__(self, kind: str, name: str, detail: str, *, hint: Hint) -> None:
        super().__init__(f"{kind} {name!r} already exists: {detail}", hint=hint)
        self.kind = kind
        self.name = name
        self.detail = detail


class AddressTaken(Conflict):
    """``address`` (IP or MAC) is used on ``bridge`` by ``holder``."""

    code = "address_taken"
    address: str
    bridge: str
    holder: str

    def __init__(self, address: str, bridge: str, holder: str) -> None:
        super().__init__(
            f"address {address} is taken on bridge {bridge} by {holder}",
            hint="choose another address, or another bridge: addresses need to differ on one bridge only",
        )
        self.address = address
        self.bridge = bridge
        self.holder = holder


class NotEmpty(Conflict):
    """The server has shares, and the caller did not allow deleting them."""

    code = "not_empty"


class WouldLoseData(Conflict):
    """A share would get too small for what it holds, which needs ``needed`` bytes."""

    code = "would_lose_data"
    needed: int

    def __init__(self, message: str, needed: int, *, hint: Hint = "") -> None:
        super().__init__(message, hint=hint)
        self.needed = needed


class Busy(Conflict):
    """Another caller was at work on the same thing for longer than this caller waits."""

    code = "busy"


class Cancelled(Conflict):
    """Somebody cancelled the operation while it was under way; what it did is undone."""

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
    after a timeout, ``output`` its complaint, ``printed`` its other output.
    """

    code = "command_failed"
    command: tuple[str, ...]
    status: int | None
    output: str
    printed: str

    def __init__(
        self, command: tuple[str, ...], status: int | None, output: str, *, hint: Hint = "", printed: str = ""
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
    """A share's file system is damaged: a person has to decide what becomes of it."""

    code = "share_damaged"


class RecordUnreadable(BackendFailure):
    """The record at ``path`` is damaged or newer than this version; it was not touched."""

    code = "record_unreadable"
    path: str
    why: str

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"the record {path} cannot be read: {why}",
            hint="restore it from a backup, or use the version of shares-core that wrote it; "
            "it will not be overwritten",
        )
        self.path = path
        self.why = why
