"""What to do about an error or a finding: a value that each entrypoint words in its own way.

>>> remedy = Remedy.of(Call(UseCase.SHARES_LIST, ("tenant-a",)), " lists those that are there")
>>> str(remedy)
"Host.shares.list('tenant-a') lists those that are there"

The command line says the same of ``shares-core share list tenant-a``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from attrs import frozen


class UseCase(StrEnum):
    """What this library can be asked for, of what remedies name. The value is where Python finds it."""

    SERVERS_LIST = "Host.servers.list"
    SERVERS_SHOW = "Host.servers.show"
    SERVERS_SET = "Host.servers.set"
    SERVERS_START = "Host.servers.start"
    SERVERS_STOP = "Host.servers.stop"
    SERVERS_UPGRADE = "Host.servers.upgrade"
    SHARES_LIST = "Host.shares.list"
    SHARES_SET = "Host.shares.set"
    SHARES_EXTEND = "Host.shares.extend"
    SHARES_CHECK = "Host.shares.check"
    SHARES_DELETE = "Host.shares.delete"
    SNAPSHOTS_EXPORT = "Host.snapshots.export"
    SNAPSHOTS_UNEXPORT = "Host.snapshots.unexport"
    USERS_LIST = "Host.users.list"
    POOL_EXTEND = "Host.pool.extend"
    POOL_SHOW = "Host.pool.show"
    OPERATIONS_LIST = "Host.operations.list"
    RECONCILE = "Host.fleet.reconcile"
    BUILD_IMAGE = "bootstrap.image_builder().build"
    BUILD_POOL = "bootstrap.pool_builder().build"
    EXAMINE = "bootstrap.examine"


@frozen
class Call:
    """Call a use case with those of its arguments that are known, in its own order.

    ``as_root`` says that it needs rights that the caller does not have.
    """

    kind: ClassVar[str] = "call"
    use_case: UseCase
    arguments: tuple[str, ...] = ()
    as_root: bool = False


@frozen
class Parameter:
    """Give a parameter of that name: of a use case, of an interface, or of the configuration."""

    kind: ClassVar[str] = "parameter"
    name: str


@frozen
class HostTool:
    """Run a tool of the host. ``log`` is the file for what it says if it goes on running."""

    kind: ClassVar[str] = "tool"
    name: str
    arguments: tuple[str, ...] = ()
    log: str = ""


@frozen
class Packages:
    """Install packages, by the names that Debian has for them."""

    kind: ClassVar[str] = "packages"
    names: tuple[str, ...]


Action = Call | Parameter | HostTool | Packages


@frozen
class Remedy:
    """A sentence with actions in their places; one without any parts says that nothing is to be done.

    As text it is in the library's own words.
    """

    parts: tuple[str | Action, ...] = ()

    @classmethod
    def of(cls, *parts: str | Action | Remedy) -> Remedy:
        """The remedy that consists of these, in this order."""
        flat: list[str | Action] = []
        for part in parts:
            flat += part.parts if isinstance(part, Remedy) else (part,) if part else ()
        return cls(tuple(flat))

    def __bool__(self) -> bool:
        return bool(self.parts)

    def __str__(self) -> str:
        return "".join(map(_in_python, self.parts))


#: What an error takes as its hint: plain advice, or a remedy with actions in it.
Hint = str | Remedy


def _in_python(part: str | Action) -> str:
    match part:
        case Call(use_case, arguments, as_root):
            return f"{use_case}({', '.join(map(repr, arguments))})" + (" as root" if as_root else "")
        case Parameter(name):
            return name
        case HostTool(name, arguments):
            return f"{name} with {' '.join(arguments)}" if arguments else name
        case Packages(names):
            return f"install Debian's {' and '.join(names)}"
        case text:
            return text
