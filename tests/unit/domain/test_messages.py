"""Every whole message for people, with its hint."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve
from tests.contracts.operations import in_status
from tests.unit.adapters.values import SERVER, SHARE

from shares_core.domain.access import AccessLevel, AccessRule, Principal, rule_set
from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.errors import AddressTaken, AlreadyExists, NotFound, RecordUnreadable, SharesError
from shares_core.domain.names import ServerName, ShareName, UserName
from shares_core.domain.pools import DevicePath, ThinPoolName, VolumeGroupName, check_device_names
from shares_core.domain.secret import Secret, require_secret
from shares_core.domain.server import FIRST_SERVER_UID, free_uid
from shares_core.domain.share import FileSystemKind, ShareStatus

SIZE = "give a size like 500MiB, 1.5GiB or 2TiB"
BYTES = "give bytes, or read a size like 1.5GiB with Capacity.parse"
UNITS = (
    "the units are KiB, MiB, GiB, TiB and PiB; GB and its like are refused, "
    "since they are ambiguous: some mean powers of 1000, others of 1024"
)
RULE = "make rules with AccessRule.for_user('ada', 'rw')"
RULES = "give a list of rules made with AccessRule.for_user('ada', 'rw')"
USER = (
    'use letters, digits, signs and single spaces inside, but none of " / \\ [ ] : ; | = , + * ? < > '
    "and no '@' or '&' at the beginning, in at most 450 bytes of UTF-8"
)
SHORTER = "choose a shorter name"
FOXES = "🦊" * 41
DEVICE = "give an absolute path like /dev/sdb"
ACCOUNT = SERVER.accounts[0].name.value
ANOTHER_CASE = " differs from it in case only, which SMB does not tell apart"
SMALLER = "use a smaller unit, like "
LVM_NAME = "use letters, digits, '_', '.', '+' and '-', and do not begin with '-'"
THIN_POOL_NAME = (
    f"{LVM_NAME}; LVM keeps snapshot..., pvmove... and ..._tdata and its like for itself, "
    "and shares-... are volumes"
)
SHARE_NAME = (
    'use letters, digits, signs and single spaces inside, but none of % " / \\ [ ] : ; | = , + * ? < >, '
    "no '-' at the beginning and no '.' at the end"
)
RESTORE = (
    "restore it from a backup, or use the version of shares-core that wrote it; it will not be overwritten"
)


def _raise(error: SharesError) -> None:
    raise error


TOLD: list[tuple[Callable[[], object], str, str]] = [
    # -- sizes that are not whole bytes
    (lambda: Capacity.parse("1.1KiB"), "1.1KiB is not a whole number of bytes", f"{SMALLER}1127B"),
    (
        lambda: Capacity.parse("100.0001KiB"),
        "100.0001KiB is not a whole number of bytes",
        f"{SMALLER}102401B",
    ),
    (lambda: Capacity.parse("0.098MiB"), "0.098MiB is not a whole number of bytes", f"{SMALLER}101KiB"),
    (lambda: Capacity.parse("0.09MiB"), "0.09MiB is not a whole number of bytes", f"{SMALLER}94372B"),
    # -- names
    (lambda: UserName(b"x"), "a user name must be text, not bytes", USER),  # type: ignore[arg-type]
    (lambda: ServerName(""), "a server name cannot be empty", ServerName.rule),
    (
        lambda: ServerName("y" * 100),
        f"server name '{'y' * 100}' is too long: 100 characters, 63 at most",
        SHORTER,
    ),
    (
        lambda: UserName("y" * 256),
        f"user name '{'y' * 97}...' is too long: 256 characters, 255 at most",
        SHORTER,
    ),
    (
        lambda: ShareName(FOXES),
        f"share name {FOXES!a} is too long: 82 UTF-16 units, 80 at most",
        SHORTER,
    ),
    (
        lambda: ShareName("IPC$"),
        "share name 'IPC$' is reserved",
        "choose another name than admin$, global, globals, homes, ipc$, netlogon, print$, printers, sysvol",
    ),
    (lambda: ShareName("a%U"), "share name 'a%U' cannot be used", SHARE_NAME),
    (lambda: UserName("\u00e9\n"), "user name '\\xe9\\n' cannot be used", USER),
    # -- pools
    (lambda: VolumeGroupName("-x"), "volume group name '-x' cannot be used", LVM_NAME),
    (lambda: VolumeGroupName(7), "a volume group name must be text, not int", LVM_NAME),  # type: ignore[arg-type]
    (
        lambda: ThinPoolName("a_tmeta"),
        "thin pool name 'a_tmeta' cannot be used",
        THIN_POOL_NAME,
    ),
    (lambda: DevicePath("sd\u00e9"), "'sd\\xe9' is not the path of a device", DEVICE),
    (
        lambda: DevicePath(None),  # type: ignore[arg-type]
        "the path of a device must be text, not None",
        DEVICE,
    ),
    (
        lambda: check_device_names(VolumeGroupName("g" * 60), ThinPoolName("p" * 61)),
        f"a device named after '{'g' * 60}' and '{'p' * 61}' would have 128 characters, 127 at most",
        "choose a shorter name; a hyphen counts twice",
    ),
    # -- passwords
    (lambda: Secret(""), "a password cannot be empty", "give one, or none at all to have one made"),
    (
        lambda: Secret(b"correct horse"),  # type: ignore[arg-type]
        "a password must be text, not bytes",
        "give Secret its text; bytes are decoded first",
    ),
    (lambda: Secret("x" * 257), "a password has at most 256 characters", "give a shorter one"),
    (
        lambda: Secret("a\n"),
        "a password cannot hold control characters",
        "leave out tabs and line ends: one that was read from a file may end in one",
    ),
    (lambda: require_secret("plain"), "a password must be Secret, not text", "wrap it: Secret('...')"),
    # -- sizes
    (lambda: Capacity(1.5), "a capacity is a whole number of bytes, not float", BYTES),  # type: ignore[arg-type]
    (lambda: Capacity(-1), "a capacity must be greater than zero, not -1 bytes", SIZE),
    (lambda: Capacity(2**64), f"a capacity of {2**64} bytes is more than any file system holds", SIZE),
    (lambda: Capacity.parse("z" * 50), f"'{'z' * 40}' is not a size", SIZE),
    (lambda: Capacity.parse("1GB"), "'GB' is not a unit of size that is known here", UNITS),
    (lambda: Capacity.parse("0.3B"), "0.3B is not a whole number of bytes", "give whole bytes, like 1B"),
    (lambda: Capacity.parse("1.5"), "1.5 is not a whole number of bytes", "give whole bytes, like 2B"),
    (lambda: Capacity.parse(" 1.1 GiB"), "1.1GiB is not a whole number of bytes", SMALLER + "1127MiB"),
    (lambda: Capacity.parse("1.1k"), "1.1k is not a whole number of bytes", SMALLER + "1127B"),
    (
        lambda: Capacity.parse("9000.0000000000000001P"),
        "a capacity of 10133099161583616000 bytes is more than any file system holds",
        SIZE,
    ),
    (lambda: Capacity.parse("-1.5"), "a capacity must be greater than zero, not -2 bytes", SIZE),
    (lambda: Capacity.parse(5), "a size must be text, not int", SIZE),  # type: ignore[arg-type]
    # -- rules and shares
    (lambda: AccessLevel.parse("rx"), "'rx' is not an access level", "give 'rw' or 'ro'"),
    (
        lambda: rule_set([AccessRule.for_user("ada", "ro"), AccessRule.for_user("Ada", "rw")]),
        "user 'ada' stands twice in one set of access rules",
        "give each user one rule; names that differ in case only are one user's",
    ),
    (
        lambda: rule_set([("ada", "rw")]),  # type: ignore[list-item]
        "an access rule must be AccessRule, not tuple",
        RULE,
    ),
    (
        lambda: rule_set(AccessRule.for_user("ada", "rw")),  # type: ignore[arg-type]
        "a set of access rules must be Iterable, not AccessRule",
        RULES,
    ),
    (
        lambda: AccessRule("ada", AccessLevel.READ_ONLY),  # type: ignore[arg-type]
        "whom a rule is about must be Principal, not text",
        RULE,
    ),
    (
        lambda: AccessRule(Principal(UserName("ada")), "rw"),  # type: ignore[arg-type]
        "a rule's level must be AccessLevel, not text",
        "give AccessLevel.READ_WRITE or AccessLevel.READ_ONLY",
    ),
    (
        lambda: Principal("ada"),  # type: ignore[arg-type]
        "a principal's name must be UserName, not text",
        RULE,
    ),
    (
        lambda: Principal(UserName("ada"), None),  # type: ignore[arg-type]
        "a principal's kind must be PrincipalKind, not None",
        "give PrincipalKind.USER",
    ),
    (
        lambda: FileSystemKind.EXT4.check("100MiB"),  # type: ignore[arg-type]
        "a share's capacity must be Capacity, not text",
        "Capacity.parse('500MiB') reads a size",
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
        lambda: in_status(SHARE, ShareStatus.DELETING).require_ready(),
        "share 'R&D 2026' is deleting",
        "its data was left as it is; repair what is wrong, then run Host.fleet.reconcile()",
    ),
    (
        lambda: in_status(SHARE, ShareStatus.FAILED, "gone").require_ready(),
        "share 'R&D 2026' is failed: gone",
        "its data was left as it is; repair what is wrong, then run Host.fleet.reconcile()",
    ),
    (
        lambda: SERVER.share("none such"),
        "there is no share 'none such' on server 'tenant-a'",
        "Host.shares.list('tenant-a') lists those that are there",
    ),
    (
        lambda: SERVER.with_share(evolve(SHARE, id="x", name=ShareName("r&d 2026"))),
        "share 'R&D 2026' already exists: names differ in more than case",
        "choose another name",
    ),
    (
        lambda: SERVER.find_account(UserName(ACCOUNT.swapcase())),
        f"user {ACCOUNT!r} already exists: {ACCOUNT.swapcase()}{ANOTHER_CASE}",
        f"name {ACCOUNT}, or choose another name",
    ),
    (
        lambda: free_uid(evolve(SERVER, uid=FIRST_SERVER_UID + number) for number in range(1_000_000)),
        "every unix user id for share servers is in use",
        "delete a server first",
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
    """Everything in the message is also in a field."""
    taken = AddressTaken("10.0.0.5", "br-a", "the host")
    exists, missing = AlreadyExists("share", "x", "d", hint="h"), NotFound("user", "eve")
    assert ("10.0.0.5", "br-a") == (taken.address, taken.bridge)
    assert ("share", "x", "user", "eve") == (exists.kind, exists.name, missing.kind, missing.name)
    assert "/r" == RecordUnreadable("/r", "why").path
