"""Values that hide themselves: they can be used, but not printed, logged or recorded by accident."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from shares_core.domain.checks import require
from shares_core.domain.errors import InvalidInput

_LONGEST_PASSWORD = 256  # the clients' own limit for NTLM


def _usable(_: object, __: object, value: Any) -> None:
    require(value, str, "a password", hint="give Secret its text; bytes are decoded first")
    if not value:
        raise InvalidInput("a password cannot be empty", hint="give one, or none at all to have one made")
    if len(value) > _LONGEST_PASSWORD:
        raise InvalidInput(
            f"a password has at most {_LONGEST_PASSWORD} characters", hint="give a shorter one"
        )
    if any(ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) <= 0xDFFF for char in value):
        raise InvalidInput(
            "a password cannot hold control characters",
            hint="leave out tabs and line ends: one that was read from a file may end in one",
        )


@frozen(repr=False)
class Secret:
    """A password. Only ``reveal()`` returns its text.

    Raises InvalidInput for a password that no client can send.
    """

    _value: str = field(validator=_usable)

    def reveal(self) -> str:
        """The password itself; call this only where the password leaves the program for its one reader."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__


@frozen(repr=False)
class PasswordHash:
    """What Samba needs to check a password: the NT hash, as good as the password itself.

    ``nt`` is 32 upper-case hexadecimal digits (MS-NLMP, NTOWFv1); ``changed`` is in unix seconds.
    """

    nt: str
    changed: int

    def __repr__(self) -> str:
        return "PasswordHash('***')"

    __str__ = __repr__


def require_secret(password: object) -> None:
    """Raises InvalidInput if the password is anything but a Secret, above all plain text."""
    if password is not None:
        require(password, Secret, "a password", hint="wrap it: Secret('...')")
