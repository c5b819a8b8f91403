"""What clients did to the files of an audited share, and which accounts they were."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache

from attrs import frozen

from shares_core.domain.errors import InvalidInput
from shares_core.domain.names import forms_of
from shares_core.domain.server import Account

#: A moment of the trail, or the beginning of one: a day, or a time on it.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?Z?)?")
#: Begins the name of a user who has no account by now. No account's name begins with it.
UNKNOWN = "?"
#: How long a name Samba logs: it cuts longer ones.
_LONGEST_SEEN = 255
#: Unicode's last letter that has a case: looking through all that follow would take long.
_LAST_LETTER = 0x1E943
#: What Samba leaves of a name in its log; it writes an underscore for every other byte of UTF-8.
_LEFT = frozenset("abcdefghijklmnopqrstuvwxyz0123456789. _-")


class AuditAction(StrEnum):
    """What was done to a file or folder, in the words that people read."""

    #: For writing. Also if the client asked for all that it may do, or to make the file if it is missing.
    OPENED = "opened"
    CREATED = "created"
    #: Written anew: it was made, or emptied first.
    REPLACED = "replaced"
    CREATED_FOLDER = "created folder"
    #: Given another name beside its own.
    LINKED = "linked"
    RENAMED = "renamed"
    #: A file or folder, or one of a file's streams.
    DELETED = "deleted"
    #: Of nobody: some of what was done until now may be missing.
    INCOMPLETE = "incomplete"
    #: Of nobody: the day's trail is full, and its later entries are missing.
    FULL = "full"


@frozen
class AuditEntry:
    """One entry of a share's audit trail. As the server says: a compromised one may lie.

    ``time`` is the host's, in UTC to the nanosecond, and sorts as text. ``users`` are the accounts that the
    client may have logged in with: Samba's log does not always tell two names apart. If none has such a name
    by now, it is the name in the log, after a ``?``. ``path`` is below the share, with ``/`` between folders;
    ``new_path`` is only of what was renamed or linked.
    """

    time: str
    action: AuditAction
    users: tuple[str, ...] = ()
    address: str = ""
    path: str = ""
    new_path: str = ""


def day_of(now: int) -> str:
    """The day in UTC, as an entry's time begins; ``now`` is unix time in seconds."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def check_moment(text: str) -> None:
    """Raise InvalidInput unless an audit trail can begin after it."""
    if text and _MOMENT.fullmatch(text) is None:
        raise InvalidInput(
            f"{text[:100]!a} is not a time of the trail",
            hint="give the time of an entry, or a day like 2026-01-31",
        )


def users_seen_as(seen: str, accounts: Iterable[Account]) -> tuple[str, ...]:
    """The names of the accounts that Samba's log may mean by ``seen``."""
    names = (str(account.name) for account in accounts)
    found = tuple(name for name in names if any(_is_seen_as(form, seen) for form in forms_of(name)))
    return found or (f"{UNKNOWN}{seen}",)


def _is_seen_as(name: str, seen: str) -> bool:
    """Whether Samba may log ``seen`` for a client that sends the name, in any case."""
    ends = {0}
    for char in name:
        forms = [(end, form) for end in ends for form in _logged(char)]
        if len(seen) >= _LONGEST_SEEN and any(form.startswith(seen[end:]) for end, form in forms):
            return True  # the rest was cut off
        ends = {end + len(form) for end, form in forms if seen.startswith(form, end)}
    return len(seen) in ends


@cache
def _logged(char: str) -> frozenset[str]:
    """What Samba may log for a character, or for one that is the same to it but for case."""
    return frozenset(form for alike in {char, *_same_letters().get(char.upper(), ())} for form in _one(alike))


def _one(char: str) -> tuple[str, ...]:
    lower = char.lower() if char.isascii() else char
    if lower in _LEFT:
        return (lower,)
    # A dollar at the end may stay: it ends the name of a computer's account.
    return ("_", "$") if char == "$" else ("_" * len(char.encode(errors="replace")),)


@cache
def _same_letters() -> dict[str, tuple[str, ...]]:
    """The letters that differ in case only, by their upper case."""
    letters: dict[str, list[str]] = {}
    for char in map(chr, range(_LAST_LETTER + 1)):
        if unicodedata.category(char) in {"Lu", "Ll", "Lt"}:
            for upper in {char.upper(), char.lower().upper()}:
                letters.setdefault(upper, []).append(char)
    return {upper: tuple(chars) for upper, chars in letters.items() if len(chars) > 1}
