"""Passwords: in on standard input, out once. Never in an argument, where every process can read it."""

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

    On a terminal it is asked for, unseen.
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
    """What became of the user's password, as fields: with it, where it was generated."""
    if password is not None:
        return (("password", password.reveal()), ("", "(generated; it is shown this once)"))
    said = {
        PasswordOutcome.KEPT: f"kept: {user} has one already",
        PasswordOutcome.SET: "set to what was given",
        PasswordOutcome.GENERATED: "generated",
    }
    return (("password", said[outcome]),)
