"""One error of every class, with everything that errors can have."""

from __future__ import annotations

from collections.abc import Iterator

from shares_core.domain import errors
from shares_core.domain.errors import SharesError
from shares_core.domain.remedy import Call, HostTool, Packages, Parameter, Remedy, UseCase


def parts(error: SharesError) -> object:
    """All parts of an error, for comparisons."""
    fields = {name: value for name, value in vars(error).items() if name != "__notes__"}
    return type(error), str(error), fields, error.notes, error.cause


def _caused(error: SharesError) -> SharesError:
    error.__cause__ = OSError(5, "Input/output error")
    error.add_note("undoing that failed too")
    error.add_note("and that")
    return error


def _tree(kind: type[SharesError] = SharesError) -> Iterator[type[SharesError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


#: A remedy with an action of every kind.
EVERY_ACTION = Remedy.of(
    "look at ",
    Call(UseCase.SERVERS_SHOW, ("tenant",), as_root=True),
    ", give ",
    Parameter("bridge"),
    ", or ",
    HostTool("dockerd", ("--debug",), log="/var/log/dockerd.log"),
    " after ",
    Packages(("docker.io",)),
)
#: Those that take more than a message and a hint.
_OTHERS: tuple[SharesError, ...] = (
    errors.NotFound("share", "x", where="server 'a'", hint="look"),
    errors.AlreadyExists("server", "x", "it differs", hint="choose another"),
    errors.AddressTaken("10.0.0.1", "br-a", "server 'b'"),
    errors.WouldLoseData("it does not fit", 4096, hint="give a larger size"),
    errors.CommandFailed(("mkfs", "-q"), 1, "said", hint="try", printed="printed"),
    errors.RecordUnreadable("/r", "it is truncated"),
)
_OF_CLASS = {type(error): error for error in _OTHERS}
EVERY_ERROR: tuple[SharesError, ...] = (
    *(_caused(_OF_CLASS.get(kind) or kind("what happened", hint="what to do")) for kind in _tree()),
    errors.CommandFailed(("mkfs",), None, ""),
    errors.Busy("another call works on it"),
    errors.HostNotReady("it lacks something", hint=EVERY_ACTION),
)
