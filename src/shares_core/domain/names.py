"""Names of servers, shares and users.

A server's name is an allow-list of plain characters. Shares and users have the names that people give them:
what Windows takes is taken, but for what SMB clients, Samba's files or a terminal read as something else. Two
names that differ only in case, or in how an accent is composed, are the same name to an SMB client, so
:attr:`Name.key` decides whether a name is unique.
"""

from __future__ import annotations

import re
import unicodedata
from typing import ClassVar

from attrs import field, frozen

from shares_core.domain.checks import require
from shares_core.domain.errors import InvalidInput

#: The unix account of the service inside every share server; it owns every file.
SERVICE_ACCOUNT = "shares"
#: Each share server's workgroup, and the beginning of its NetBIOS name.
WORKGROUP = "SHARES"
_NETBIOS_PREFIX = "SRV"

#: What Windows allows in no name of a user or a share, and Manila in no user's.
_NOT_IN_NAMES = frozenset('"/\\[]:;|=,+*?<>')
#: The most bytes of UTF-8 that Samba's map of users holds: it cuts its lines.
_USER_BYTES = 450
#: Unicode's categories of characters that are not text: control characters, surrogates, private ones, those
#: that are not assigned, and separators of lines. Names that a newer Unicode has wait for a newer Python.
_NO_TEXT = frozenset(("Cc", "Cs", "Co", "Cn", "Zl", "Zp"))
#: Invisible characters that emoji and some scripts need inside a word; no others, such as those that turn
#: the direction of a text.
_JOINERS = frozenset("\u200c\u200d")
#: Letters and signs without a shape of their own, and those that choose another's: two names that differ only
#: in these look the same.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_UNSEEN = _JOINERS | {*map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0)), "\u034f"}
# Sections with a special meaning to Samba, and shares with one to clients. Samba ignores spaces in [global]
# ([Glob als]: lib/param/loadparm.c, strwicmp), so these are compared without spaces.
_RESERVED_SHARES = frozenset("global globals homes printers ipc$ print$ admin$ netlogon sysvol".split())


def netbios_name(server_id: str) -> str:
    """The NetBIOS name of a server, of at most 15 characters. Samba makes the ServerGuid of it."""
    return f"{_NETBIOS_PREFIX}{server_id}".upper()


def key_of(text: str) -> str:
    """The form in which two names are compared: without case and what cannot be seen, with accents composed.

    At least as coarse as Samba, which compares the upper case of single characters.
    """
    if text.isascii():
        return text.lower()  # which is the same, and most names are
    composed = unicodedata.normalize("NFC", "".join(char for char in text if char not in _UNSEEN))
    return unicodedata.normalize("NFC", composed.upper().casefold())


def forms_of(text: str) -> tuple[str, ...]:
    """How clients may send a name: with accents composed, and with accents apart."""
    return tuple(dict.fromkeys(unicodedata.normalize(form, text) for form in ("NFC", "NFD")))


def _is_text(value: str, excluded: frozenset[str]) -> bool:
    """Whether these are words that a person can read, write and paste, without the excluded characters."""
    return (
        value == value.strip()
        and not set(value) <= _UNSEEN
        and all(
            char not in excluded
            and char not in _BLANK
            and (category := unicodedata.category(char)) not in _NO_TEXT
            and (category != "Cf" or char in _JOINERS)
            and (category != "Zs" or char == " ")
            for char in value
        )
    )


def _check(name: Name) -> None:
    what, value = type(name).kind, name.value
    require(value, str, f"a {what} name", hint=type(name).rule)
    shown = ascii(value if len(value) <= 100 else value[:97] + "...")
    if not value:
        raise InvalidInput(f"a {what} name cannot be empty", hint=type(name).rule)
    if (length := type(name).length_of(value)) > type(name).longest:
        raise InvalidInput(
            f"{what} name {shown} is too long: {length} {type(name).unit}, {type(name).longest} at most",
            hint="choose a shorter name",
        )
    if type(name).is_reserved(value):
        raise InvalidInput(f"{what} name {shown} is reserved", hint=type(name).reserved_rule)
    if not type(name).is_usable(value):
        raise InvalidInput(f"{what} name {shown} cannot be used", hint=type(name).rule)


@frozen(order=True)
class Name:
    """What the three kinds of names have in common. Raises InvalidInput for a bad name."""

    kind: ClassVar[str]
    longest: ClassVar[int]
    unit: ClassVar[str] = "characters"
    pattern: ClassVar[re.Pattern[str]]
    forbidden: ClassVar[re.Pattern[str]] = re.compile(r"(?!)")
    reserved_rule: ClassVar[str] = "choose another name"
    rule: ClassVar[str]

    value: str = field()

    def __attrs_post_init__(self) -> None:
        _check(self)

    def __str__(self) -> str:
        return self.value

    @property
    def key(self) -> str:
        """The form in which two names are compared."""
        return key_of(self.value)

    @classmethod
    def length_of(cls, value: str) -> int:
        """Its length, in ``unit``."""
        return len(value)

    @classmethod
    def is_reserved(cls, value: str) -> bool:
        """Whether it means something else to Samba or to clients."""
        return False

    @classmethod
    def is_usable(cls, value: str) -> bool:
        """Whether it has only characters that may stand where they stand: ``pattern``, not ``forbidden``."""
        return cls.pattern.fullmatch(value) is not None and cls.forbidden.fullmatch(value) is None


@frozen(order=True)
class ServerName(Name):
    """A share server's name; Manila's server ids (UUIDs) are valid ones."""

    kind = "server"
    longest = 63
    pattern = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
    forbidden = re.compile(r".*\.")
    rule = "use letters, digits, '.', '_' and '-', beginning with a letter or a digit"


@frozen(order=True)
class ShareName(Name):
    """A CIFS share's name, as clients type it after the server: ``Projects 2026``, ``R&D``, ``Büro``.

    One that ends in ``$`` is hidden. SMB clients take at most 80 UTF-16 units (MS-SMB2, MS-SRVS), and cut a
    period at the end off. Samba reads several spaces as one, so two names could become one share; to its
    tools a name that begins with ``-`` is an option, and ``%`` begins a variable.
    """

    kind = "share"
    longest = 80
    unit = "UTF-16 units"
    reserved_rule = f"choose another name than {', '.join(sorted(_RESERVED_SHARES))}"
    rule = (
        'use letters, digits, signs and single spaces inside, but none of % " / \\ [ ] : ; | = , + * ? < >, '
        "no '-' at the beginning and no '.' at the end"
    )

    @property
    def is_hidden(self) -> bool:
        """Whether clients do not list it."""
        return self.value.endswith("$")

    @classmethod
    def length_of(cls, value: str) -> int:
        return len(value.encode("utf-16-le", "surrogatepass")) // 2

    @classmethod
    def is_reserved(cls, value: str) -> bool:
        return key_of(value).replace(" ", "") in _RESERVED_SHARES

    @classmethod
    def is_usable(cls, value: str) -> bool:
        return (
            _is_text(value, _NOT_IN_NAMES | {"%"})
            and "  " not in value
            and not value.startswith("-")
            and not value.endswith(".")
        )


@frozen(order=True)
class UserName(Name):
    """A user's name, as Windows and Manila take it: ``ada@example.com``, ``Max Mustermann``, ``müller``.

    It stands in no file of Samba's but the map of such names to accounts. A name there that begins with ``@``
    or ``&`` is a group's, and a line is cut at 511 bytes.
    """

    kind = "user"
    longest = 255
    rule = (
        'use letters, digits, signs and single spaces inside, but none of " / \\ [ ] : ; | = , + * ? < > '
        f"and no '@' or '&' at the beginning, in at most {_USER_BYTES} bytes of UTF-8"
    )

    @classmethod
    def is_usable(cls, value: str) -> bool:
        return (
            _is_text(value, _NOT_IN_NAMES)
            and value[0] not in "@&"
            and not set(value) <= {".", " "}
            and max(len(form.encode()) for form in forms_of(value)) <= _USER_BYTES
        )
