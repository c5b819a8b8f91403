"""Passwords: read from standard input, shown once. Never in an argument, which every process can read."""

from __future__ import annotations

import getpass
import sys

from shares_core.domain.errors import InvalidInput
from shares_core.domain.secret import Secret
from shares_core.domain.views import PasswordOutcome

_LONGEST_LINE = 4096
_HINT = "give it as one line: printf '%s\\n' \"$PASSWORD\" | shares-core ... --password-stdin"


def from_stdin(wanted: bool) -> Secret | None:
    """The first line of standard input, without its end, if it is ``wanted``. Raises InvalidInput.

    On a terminal it is asked for, without echo.
    """
    if not wanted:
        return None
    if sys.stdin is None:
        raise InvalidInput("standard input is closed, so there is no password on it", hint=_HINT)
    if sys.stdin.isatty():
        try:
            return Secret(getpass.getpass("Password: ", stream=sys.stderr))
        except EOFError:
            raise InvalidInput("no password was given") from None
    line = sys.stdin.buffer.readline(_LONGEST_LINE)
    if not line:
        raise InvalidInput("standard input holds no password", hint=_HINT)
    try:
        return Secret(line.removesuffix(b"\n").removesuffix(b"\r").decode())
    except UnicodeDecodeError:
        raise InvalidInput("the password is not UTF-8") from None


def described(user: str, outcome: PasswordOutcome, password: Secret | None) -> tuple[tuple[str, str], ...]:
    """The outcome for the user's password, as fields, with the password if it was generated."""
    if password is not None:
        return (("password", password.reveal()), ("", "(generated; it is shown this once)"))
    said = {
        PasswordOutcome.KEPT: f"kept: {user} has one already",
        PasswordOutcome.SET: "set to what was given",
        PasswordOutcome.GENERATED: "generated",
    }
    return (("password", said[outcome]),)
