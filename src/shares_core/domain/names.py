"""Names of servers, shares and users.

A name ends up in smb.conf, in passwd files, in paths that clients type and on command lines. So the rules are
an allow-list: anything else is refused. Two names that differ only in case are the same name to an SMB
client, so :attr:`Name.key` decides whether a name is unique.
"""

from __future__ import annotations

import re
from typing import ClassVar

from attrs import field, frozen

from shares_core.domain.checks import require
from shares_core.domain.errors import InvalidInput

#: The unix account of the service inside every share server; it owns every file.
SERVICE_ACCOUNT = "shares"
#: Each share server's workgroup, and the beginning of its NetBIOS name. Samba resolves a user name that
#: equals one of them to a domain, so they are reserved.
WORKGROUP = "SHARES"
_NETBIOS_PREFIX = "SRV"

# The accounts of a Debian base image, and the names that Samba resolves before it looks for a user
# (source3/passdb/lookup_sid.c, util_wellknown.c, util_builtin.c): a rule for such a name would admit others.
_RESERVED_USERS = frozenset(
    {SERVICE_ACCOUNT, "shareserver", WORKGROUP.lower(), "workgroup"}
    | set("root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc".split())
    | set("gnats nobody nogroup _apt messagebus sambashare systemd-network systemd-resolve".split())
    | set("administrator administrators users guest guests replicator krbtgt none".split())
    | set("everyone nobody anonymous authenticated interactive network service system self".split())
    | set("batch dialup proxy restricted localsystem localservice networkservice".split())
    | set("builtin nt-authority unix_users unix_groups all global homes printers local iusr".split())
)
# Sections with a special meaning to Samba, and shares with one to clients. Samba ignores spaces in [global]
# ([Glob als]: lib/param/loadparm.c, strwicmp), so these are compared without spaces.
_RESERVED_SHARES = frozenset("global globals homes printers ipc admin print netlogon sysvol".split())


def netbios_name(server_id: str) -> str:
    """The NetBIOS name of a server, of at most 15 characters. Samba makes the ServerGuid of it."""
    return f"{_NETBIOS_PREFIX}{server_id}".upper()


def _check(name: Name) -> None:
    what, value = type(name).kind, name.value
    require(value, str, f"a {what} name", hint=type(name).rule)
    shown = ascii(value if len(value) <= 100 else value[:97] + "...")
    if not value:
        raise InvalidInput(f"a {what} name cannot be empty", hint=type(name).rule)
    if len(value) > type(name).longest:
        raise InvalidInput(
            f"{what} name {shown} is too long: {len(value)} characters, {type(name).longest} at most",
            hint="choose a shorter name",
        )
    # First whether it is reserved, then the pattern, so that the error for IPC$ is not about the $.
    if value.casefold().replace(" ", "").rstrip("$") in type(name).reserved:
        raise InvalidInput(f"{what} name {shown} is reserved", hint=type(name).reserved_rule)
    if type(name).pattern.fullmatch(value) is None or type(name).forbidden.fullmatch(value) is not None:
        raise InvalidInput(f"{what} name {shown} cannot be used", hint=type(name).rule)


@frozen(order=True)
class Name:
    """What the three kinds of names have in common. Raises InvalidInput for a bad name."""

    kind: ClassVar[str]
    longest: ClassVar[int]
    pattern: ClassVar[re.Pattern[str]]
    forbidden: ClassVar[re.Pattern[str]] = re.compile(r"(?!)")
    reserved: ClassVar[frozenset[str]] = frozenset()
    reserved_rule: ClassVar[str] = "choose another name"
    rule: ClassVar[str]

    value: str = field()

    def __attrs_post_init__(self) -> None:
        _check(self)

    def __str__(self) -> str:
        return self.value

    @property
    def key(self) -> str:
        """The form in which two names are compared: without case."""
        return self.value.casefold()


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
    """A CIFS share's name, as clients type it after the server: ``Projects 2026``, ``R&D``.

    SMB clients take at most 80 characters (MS-SMB2, MS-SRVS). Samba reads several spaces as one, so two names
    could become one share: several spaces in a row are refused.
    """

    kind = "share"
    longest = 80
    pattern = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_ .&'()-]*[A-Za-z0-9_&'()-])?")
    forbidden = re.compile(r".*  .*")
    reserved = _RESERVED_SHARES
    reserved_rule = f"choose another name than {', '.join(sorted(_RESERVED_SHARES))}"
    rule = (
        "use letters, digits, single spaces inside, and . _ - & ' ( ), "
        "beginning with a letter, a digit or '_'"
    )


@frozen(order=True)
class UserName(Name):
    """A user's name: ``max.mustermann``, ``Ada-Lovelace``.

    A unix account name has at most 32 characters. Samba takes a name like ``S-1-1-0`` (Everyone) for a
    security identifier, and a server's NetBIOS name for its domain, so both are refused.
    """

    kind = "user"
    longest = 32
    pattern = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
    forbidden = re.compile(rf"[sS]-[0-9].*|[0-9]+|.*\.|(?i:{_NETBIOS_PREFIX}[0-9a-f]{{12}})")
    reserved = _RESERVED_USERS
    reserved_rule = (
        "choose another name: those of Debian's accounts (root, mail, backup, ...), of built-in users and "
        "groups of Samba and Windows (administrator, guest, everyone, service, ...) and of sections of "
        "smb.conf (homes, printers, ...) are reserved"
    )
    rule = "use letters, digits, '.', '_' and '-', beginning with a letter, a digit or '_'; not only digits"
