"""What revoke.sh saw inside a server, and whether it proves that nothing is open any more. Pure.

On a compromised server it may be a lie. A missing or truncated list proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from attrs import frozen

from shares_core.domain.errors import BackendFailure
from shares_core.domain.names import ShareName, key_of

#: Anything but a process id does not come from Samba, but from something in its place.
_PID = re.compile(r"[0-9]{1,9}")
_T = TypeVar("_T")


@frozen
class Session:
    """One authenticated session. A connection is one process, and may carry sessions of several users."""

    pid: int
    account: str


@frozen
class TreeConnect:
    """One use of a share by one session, identified by the second in which it began, as Samba shows it."""

    pid: int
    share: str
    since: str


@frozen
class Proof:
    """The lists made after every smbd process reloaded its configuration; None for a list that was not made.

    ``sessions`` are from before anything was closed or ended, ``remaining`` from after. ``connects`` are the
    tree connects from after; if there is a list from ``before``, only those in both still have to be closed.
    """

    sessions: tuple[Session, ...] | None = None
    before: frozenset[TreeConnect] | None = None
    connects: frozenset[TreeConnect] | None = None
    remaining: tuple[Session, ...] | None = None

    def processes_of(self, accounts: Iterable[str]) -> frozenset[int]:
        """The processes that carried a session of one of these. Raises BackendFailure if nobody looked.

        Also of removed ones: Samba looks the names up when asked, and shows a number for a session whose
        user no longer has an account. No account's name is a number.
        """
        named = set(accounts)
        return frozenset(s.pid for s in _given(self.sessions) if s.account in named or s.account.isdigit())

    def processes_using(self, share: ShareName, accounts: Iterable[str]) -> frozenset[int]:
        """The accounts' processes that have the share open. Raises BackendFailure if nobody looked."""
        there = {each.pid for each in _given(self.connects) if key_of(each.share) == share.key}
        return self.processes_of(accounts) & there

    def open_still(self, share: ShareName, pids: frozenset[int] | None = None) -> bool:
        """Whether the share is open, in these processes or in any. Raises BackendFailure if nobody looked."""

        def there(connects: frozenset[TreeConnect]) -> frozenset[TreeConnect]:
            return frozenset(
                c for c in connects if key_of(c.share) == share.key and (pids is None or c.pid in pids)
            )

        if pids is not None and not pids:
            return False
        if self.before is None:
            return bool(there(_given(self.connects)))
        before = there(self.before)
        return bool(before) and bool(before & there(_given(self.connects)))

    def connected_still(self, accounts: Iterable[str]) -> bool:
        """Whether a connection of the accounts is still open. Raises BackendFailure if nobody looked."""
        pids = self.processes_of(accounts)
        return bool(pids) and self.running_still(pids)

    def running_still(self, connections: Iterable[int]) -> bool:
        """Whether one of these connections still has a session. Raises BackendFailure if nobody looked."""
        pids = set(connections)
        return any(session.pid in pids for session in _given(self.remaining))


def parse_proof(output: str) -> Proof:
    """Read what revoke.sh prints. Raises BackendFailure if it is incomplete."""
    settled, *lines = output.removesuffix("\n").split("\n")
    lists: dict[str, list[str]] = {}
    counted: dict[str, int] = {}
    for line in lines:
        word, _, rest = line.partition(" ")
        if word.endswith("-number") and rest.isdecimal() and len(rest) < 10:
            counted[word.removesuffix("-number")] = int(rest)
        else:
            lists.setdefault(word, []).append(rest)
    if settled != "settled" or not set(lists) <= set(counted):
        raise _no_proof()
    if any(number != len(lists.get(word, ())) for word, number in counted.items()):
        raise _no_proof()

    def listed(word: str) -> str | None:
        return "\n".join(lists.get(word, ())) if word in counted else None

    sessions, before, connects, remaining = map(listed, ("session", "before", "connect", "remaining"))
    return Proof(
        None if sessions is None else parse_sessions(sessions),
        None if before is None else frozenset(parse_tree_connects(before)),
        None if connects is None else frozenset(parse_tree_connects(connects)),
        None if remaining is None else parse_sessions(remaining),
    )


def _given(part: _T | None) -> _T:
    if part is None:
        raise _no_proof()
    return part


def _no_proof() -> BackendFailure:
    return BackendFailure(
        "what the server says of its connections proves nothing",
        hint="something there speaks in Samba's place: stop the server, which needs none of its help",
    )


def parse_sessions(output: str) -> tuple[Session, ...]:
    r"""Read ``net status sessions parseable``: ``pid\user\group\machine\address``, one line each."""
    sessions = []
    for line in output.split("\n"):
        fields = line.split("\\")
        if len(fields) >= 2 and _PID.fullmatch(fields[0]):
            sessions.append(Session(int(fields[0]), fields[1]))
    return tuple(sessions)


def parse_tree_connects(output: str) -> tuple[TreeConnect, ...]:
    r"""Read ``net status shares parseable``: ``share\pid\user\group\machine\address\since``, one line each.

    The user is left out: if several share a connection, the line names any of them.
    """
    connects = []
    for line in output.split("\n"):
        fields = line.split("\\")
        if len(fields) >= 3 and _PID.fullmatch(fields[1]):
            connects.append(TreeConnect(int(fields[1]), fields[0], fields[-1]))
    return tuple(connects)
