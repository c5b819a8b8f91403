"""Any valid name, account, rule, share and server, with a preference for similar names."""

from __future__ import annotations

import string
from typing import TypeVar

from attrs import evolve
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shares_core.domain.access import AccessLevel, AccessRule
from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.errors import InvalidInput
from shares_core.domain.names import Name, ServerName, ShareName, UserName
from shares_core.domain.secret import PasswordHash
from shares_core.domain.server import FIRST_SERVER_UID, ShareServer
from shares_core.domain.share import CifsShare, ShareStatus
from tests.contracts.operations import in_status
from tests.contracts.values import new_share_volume

T = TypeVar("T")

_WORD = string.ascii_letters + string.digits + "._-"
_SIGNS = " &'()#@!~`{}^$éßıſİǆ漢🦊"
_ALPHABETS: dict[type[Name], str] = {
    UserName: _WORD + _SIGNS + "%",
    ServerName: _WORD,
    ShareName: _WORD + _SIGNS,
}
#: Words of smb.conf, of its sections and of what clients send, and names that people have.
WORDS = (
    "path, include, copy, valid users, glob-al,  the printers, print er, IPC, "
    "Projects 2026, R&D, O'Brien's files, Ada-Lovelace, max.mustermann, (old), a.b, a b, ab, a-b, a_b, __, "
    "R & D, R&D', ''&'', (((, 2026.Q1, yes, no, none, all, null, con, PIPE, lpc, wheel, users2, operator, "
    "admin users, read list, shares-2, nobody1, S-1, S_1-1-0, s-x, x-S-1-1-0, 0x0, 1e3, 4ever, a--b, x.y.z"
).split(", ")
#: Texts that a reader of smb.conf may confuse.
ALIKE = (
    "a b",
    "a  b",
    "a   b",
    "ab",
    "a.b",
    "a .b",
    "a' b",
    "a 'b",
    "'a b'",
    "global",
    "Global s",
    "GLOBALS",
    "glo bal",
    "global-s",
    "homes 1",
)
ID = st.text("0123456789abcdef", min_size=12, max_size=12)


def accepted(kind: type[Name], value: str) -> bool:
    try:
        kind(value)
    except InvalidInput:
        return False
    return True


def names(kind: type[Name]) -> st.SearchStrategy[str]:
    """Texts that are names of that kind: short ones and others that nearly collide, long ones, and words."""
    alphabet = _ALPHABETS[kind]
    near = st.text("".join(char for char in "aA1 ._-&'()#$éÉ" if char in alphabet), min_size=1, max_size=4)
    far = st.text(alphabet, min_size=1, max_size=24)
    longest = near.map(lambda value: (value * kind.longest)[: kind.longest])
    words = st.sampled_from([word for word in WORDS if accepted(kind, word)])
    alike = st.sampled_from([word for word in ALIKE if accepted(kind, word)])
    return st.one_of(near, far, words, alike, longest).filter(lambda value: accepted(kind, value))


def unique(kind: type[Name], least: int, most: int) -> st.SearchStrategy[list[str]]:
    """Names that differ in more than case, as in a record."""
    return st.lists(names(kind), min_size=least, max_size=most, unique_by=lambda value: kind(value).key)


@st.composite
def servers(draw: st.DrawFn, *, accounts: int = 4, shares: int = 8) -> ShareServer:
    """A share server with accounts, and shares of every status with rules for some of them."""
    # The number is drawn first: lists alone tend to be short.
    users = draw(unique(UserName, draw(st.integers(1, accounts)), accounts))
    uid = draw(st.integers(FIRST_SERVER_UID, FIRST_SERVER_UID + 999_999))
    server = ShareServer(draw(ID), ServerName(draw(names(ServerName))), uid, ())
    for user in users:
        server = server.with_account(UserName(user))
    found = draw(unique(ShareName, draw(st.integers(0, shares)), shares))
    ids = draw(st.lists(ID, min_size=len(found), max_size=len(found), unique=True))
    for share_id, name in zip(ids, found, strict=True):
        levels = draw(
            st.dictionaries(st.sampled_from(users), st.sampled_from(AccessLevel), min_size=draw(_RULES))
        )
        rules = tuple(AccessRule.for_user(user, level) for user, level in levels.items())
        server = server.with_share(in_status(evolve(_share(share_id, name), rules=rules), draw(_STATUSES)))
    return server


#: Seldom none, because without a rule nothing is served.
_RULES = st.sampled_from((0, 1, 1, 1))
#: Most are ready, because only these are served.
_STATUSES = st.one_of(st.just(ShareStatus.READY), st.just(ShareStatus.READY), st.sampled_from(ShareStatus))


def _share(share_id: str, name: str) -> CifsShare:
    return CifsShare(share_id, ShareName(name), Capacity(64 * MIB), new_share_volume())


def examples(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """That many at once, for a judge that starts slowly but answers quickly."""
    found: list[T] = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def gather(value: T) -> None:
        found.append(value)

    gather()
    return found


HASHES = st.builds(
    PasswordHash, st.text("0123456789ABCDEF", min_size=32, max_size=32), st.integers(0, 0xFFFFFFFF)
)
