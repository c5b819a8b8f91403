"""What people are told: every message whole, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve
from tests.unit.adapters.values import SERVER, SHARE

from shares_core.domain.access import AccessLevel, AccessRule, rule_set
from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.errors import AddressTaken, AlreadyExists, NotFound, RecordUnreadable, SharesError
from shares_core.domain.names import ServerName, ShareName, UserName
from shares_core.domain.secret import Secret
from shares_core.domain.share import FileSystemKind, ShareStatus

SIZE = "give a size like 500MiB, 1.5GiB or 2TiB"
USER = "use letters, digits, '.', '_' and '-', beginning with a letter, a digit or '_'; not only digits"
SHARE_NAME = (
    "use letters, digits, single spaces inside, and . _ - & ' ( ), beginning with a letter, a digit or '_'"
)
RESTORE = (
    "restore it from a backup, or use the version of shares-core that wrote it; it will not be overwritten"
)


def _raise(error: SharesError) -> None:
    raise error


TOLD: list[tuple[Callable[[], object], str, str]] = [
    # -- names
    (lambda: UserName(b"x"), "a user name is text, not bytes", ""),  # type: ignore[arg-type]
    (lambda: ServerName(""), "a server name cannot be empty", ServerName.rule),
    (lambda: UserName("x" * 33), f"user name '{'x' * 33}' is too long: 33 characters, 32 at most", ""),
    (lambda: UserName("y" * 100), f"user name '{'y' * 100}' is too long: 100 characters, 32 at most", ""),
    (lambda: UserName("y" * 101), f"user name '{'y' * 97}...' is too long: 101 characters, 32 at most", ""),
    (lambda: ShareName("IPC$"), "share name 'IPC$' is reserved", "choose another name"),
    (lambda: ShareName("a%U"), "share name 'a%U' cannot be used", SHARE_NAME),
    (lambda: UserName("\u00e9"), "user name '\\xe9' cannot be used", USER),
    # -- passwords
    (lambda: Secret(""), "a password cannot be empty", "give one on standard input, or let one be made"),
    (lambda: Secret("x" * 257), "a password has at most 256 characters", ""),
    (lambda: Secret("a\n"), "a password cannot hold control characters", ""),
    # -- sizes
    (lambda: Capacity(1.5), "a capacity is a whole number of bytes, not 1.5", SIZE),  # type: ignore[arg-type]
    (lambda: Capacity(-1), "a capacity must be greater than zero, not -1 bytes", SIZE),
    (lambda: Capacity(2**64), f"a capacity of {2**64} bytes is more than any file system holds", SIZE),
    (lambda: Capacity.parse("z" * 50), f"'{'z' * 40}' is not a size", SIZE),
    (lambda: Capacity.parse("1GB"), "'GB' is not a unit of size that is known here", SIZE),
    (lambda: Capacity.parse("0.3B"), "'0.3B' is not a whole number of bytes", SIZE),
    # -- rules and shares
    (lambda: AccessLevel.parse("rx"), "'rx' is not an access level", "give 'rw' or 'ro'"),
    (
        lambda: rule_set([AccessRule.for_user("ada", "ro"), AccessRule.for_user("Ada", "rw")]),
        "user 'ada' stands twice in one set of access rules",
        "",
    ),
    (
        lambda: FileSystemKind.parse("ntfs"),
        "'ntfs' is not a file system that is known here",
        "give ext4 or xfs",
    ),
    (
        lambda: FileSystemKind.EXT4.check(Capacity(MIB)),
        "1 MiB is too small for ext4",
        "the smallest ext4 share has 16 MiB",
    ),
    (
        lambda: SHARE.with_status(ShareStatus.DELETING).require_ready(),
        "share 'R&D 2026' is deleting",
        "its data was left as it is; mend what is wrong, then run 'shares-core reconcile'",
    ),
    (
        lambda: SHARE.with_status(ShareStatus.FAILED, "gone").require_ready(),
        "share 'R&D 2026' is failed: gone",
        "its data was left as it is; mend what is wrong, then run 'shares-core reconcile'",
    ),
    (
        lambda: SERVER.share("none such"),
        "there is no share 'none such' on server 'tenant-a'",
        "'shares-core share list tenant-a' lists those that are there",
    ),
    (
        lambda: SERVER.with_share(evolve(SHARE, id="x", name=ShareName("r&d 2026"))),
        "share 'R&D 2026' already exists: names differ in more than case",
        "",
    ),
    # -- records
    (
        lambda: _raise(RecordUnreadable("/r/1.json", "it is torn")),
        "the record /r/1.json cannot be read: it is torn",
        RESTORE,
    ),
    (lambda: _raise(NotFound("user", "eve")), "there is no user 'eve'", ""),
    (
        lambda: _raise(AlreadyExists("share", "x", "as xfs", hint="h")),
        "share 'x' already exists: as xfs",
        "h",
    ),
]


@pytest.mark.parametrize(("action", "message", "hint"), TOLD, ids=[text[:50] for _, text, _ in TOLD])
def test_the_message_says_what_happened_and_the_hint_what_to_do(
    action: Callable[[], object], message: str, hint: str
) -> None:
    """Word for word: a message is one line for people, ASCII, and found again in ``message``."""
    with pytest.raises(SharesError) as told:
        action()
    assert (message, message, hint) == (str(told.value), told.value.message, told.value.hint)


def test_errors_keep_their_parts_for_programs() -> None:
    """What the message names can be read without taking it apart."""
    taken = AddressTaken("10.0.0.5", "br-a", "the host")
    exists, missing = AlreadyExists("share", "x", "d"), NotFound("user", "eve")
    assert ("10.0.0.5", "br-a") == (taken.address, taken.bridge)
    assert ("share", "x", "user", "eve") == (exists.kind, exists.name, missing.kind, missing.name)
    assert "/r" == RecordUnreadable("/r", "why").path
