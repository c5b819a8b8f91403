"""Converting errors to exit statuses, and to lines for people."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from attrs import frozen

from shares_core.domain.errors import (
    BackendFailure,
    Conflict,
    HostNotReady,
    InvalidInput,
    NoCapacity,
    NotFound,
    SharesError,
)
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.entrypoints.cli.remedies import plain, worded
from shares_core.entrypoints.cli.text import printable

#: The exit status of each branch of the error tree; scripts rely on them.
STATUSES: Mapping[type[SharesError], int] = {
    InvalidInput: 2,
    NotFound: 3,
    Conflict: 4,
    NoCapacity: 5,
    HostNotReady: 6,
    BackendFailure: 7,
}
INVALID = STATUSES[InvalidInput]
FAILED = STATUSES[BackendFailure]
UNEXPECTED = 70  # sysexits.h, EX_SOFTWARE
BROKEN_PIPE = 141  # as if SIGPIPE had ended the process
MISSING = 1  # doctor's


class PipeClosed(Exception):
    """The reader of the answer has gone. Not an OSError, so that no port's error looks like it."""


class OutputFailed(Exception):
    """The answer could not be written."""


@frozen
class Report:
    """An error as reported: its parts hold only printable characters."""

    status: int
    code: str
    message: str
    hint: str = ""
    notes: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """The lines for standard error."""
        hint = (f"hint: {self.hint}",) if self.hint else ()
        return (f"error: {self.message}", *hint, *(f"note: {note}" for note in self.notes))

    def document(self) -> dict[str, object]:
        """The JSON document for standard output."""
        error = {"code": self.code, "message": self.message, "hint": self.hint, "notes": list(self.notes)}
        return {"error": error}


def report(error: Exception, command: Callable[..., str] = plain) -> Report:
    """What to say of an error that ended a command. ``command`` makes commands of ours to paste."""
    if isinstance(error, SharesError):
        return _report(_status(error), error.code, error.message, worded(error.remedy, command), error)
    if isinstance(error, PermissionError):
        look = worded(Remedy.of("see ", Call(UseCase.EXAMINE)), command)
        hint = "run it as root, with sudo for example" if os.geteuid() != 0 else look
        return _report(STATUSES[HostNotReady], HostNotReady.code, f"not permitted: {error}", hint, error)
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    hint = "this is a fault in shares-core: run it again with -v, and report what that prints"
    return _report(UNEXPECTED, "unexpected", f"unexpected: {what}", hint, error)


def bad_usage(message: str, hint: str) -> Report:
    """The report of a wrong command line."""
    return Report(INVALID, "usage", printable(message), printable(hint))


def unreadable_output(error: OutputFailed) -> Report:
    """The report if the answer could not be written: the command itself has done its work."""
    return Report(
        UNEXPECTED,
        "output_failed",
        printable(str(error)),
        "the command has done its work; show tells how things are",
    )


def _status(error: SharesError) -> int:
    return next((status for kind, status in STATUSES.items() if isinstance(error, kind)), FAILED)


def _report(status: int, code: str, message: str, hint: str, error: Exception) -> Report:
    notes = tuple(printable(note) for note in getattr(error, "__notes__", ()))
    return Report(status, code, printable(message), printable(hint), notes)
