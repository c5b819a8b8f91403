"""Ending connections: Samba itself lets clients that are connected keep their former rights."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

from attrs import frozen

from shares_core.adapters.linux.polling import timer, wait_until
from shares_core.adapters.samba.processes import ServerProcesses
from shares_core.adapters.samba.render import CONFIG_FILE
from shares_core.domain.errors import BackendFailure
from shares_core.domain.names import ShareName, UserName
from shares_core.domain.server import ShareServer
from shares_core.ports.smb import SmbSessions

_SMBCONTROL = ("smbcontrol", f"--configfile={CONFIG_FILE}")
#: In the image: waits until every smbd process has reloaded, then prints ``net status sessions parseable``.
_SETTLED_SESSIONS = ("settled-sessions",)
_TREE_CONNECTS = ("net", f"--configfile={CONFIG_FILE}", "status", "shares", "parseable")
_END_SECONDS = 20.0
#: Where Docker is slow, one look alone may take longer than that, and the next would find them gone.
_END_LOOKS = 4
#: However many processes a server that was broken into may name, no call goes on for longer.
_ALL_SECONDS = 120.0
#: After this long, what looks like the same tree connect may be another user's new one (see ``_close``).
_AGAIN_SECONDS = 2.0
_STOPPING_SECONDS = 2.0
#: What is no process's number was not said by Samba, but by something that speaks in its place.
_PID = re.compile(r"[0-9]{1,9}")


@frozen
class Session:
    """One authenticated session: a connection is one process, and may carry sessions of several users."""

    pid: int
    user: str


@frozen
class TreeConnect:
    """One use of a share by one session, known by the second in which it began, as Samba shows it."""

    pid: int
    share: str
    since: str


class SambaSessions(SmbSessions):
    """Sessions by Samba's own tools, run inside the container as smbd's user."""

    def __init__(self, processes: ServerProcesses) -> None:
        self._processes = processes

    def close_share(self, server: ShareServer, share: ShareName) -> None:
        def close() -> None:
            pids = {session.pid for session in self._sessions(server)}
            self._close(server, share, pids, everywhere=True)

        self._where_it_runs(server, close)

    def close_user(self, server: ShareServer, share: ShareName, users: tuple[UserName, ...]) -> None:
        def close() -> None:
            self._close(server, share, set(pids_of(self._sessions(server), users)))

        self._where_it_runs(server, close)

    def _close(
        self, server: ShareServer, share: ShareName, pids: set[int], *, everywhere: bool = False
    ) -> None:
        """Close the share in these processes, and wait until it is: a write under way there is finished.

        Where another user of the connection reconnects within the second in which the former tree connect
        began, the two look alike; closed again later, they do not.
        """
        before = self._tree_connects(server, share, pids) if pids else Counter()
        if not before:
            return

        def closed() -> bool:
            return not before & self._tree_connects(server, share, pids)

        targets = ("smbd",) if everywhere else sorted({str(connect.pid) for connect in before})
        time_left = timer(_ALL_SECONDS)
        for _ in range(round(_END_SECONDS / _AGAIN_SECONDS)):
            for target in targets:
                if time_left():
                    self._control(server, target, "close-share", str(share))
            if wait_until(closed, _AGAIN_SECONDS):
                return
            if not time_left():
                break
        raise BackendFailure(
            f"share {share} of server {server.name} does not close: writes to it are still under way",
            hint="see whether its storage answers, and call again",
        )

    def end_user(self, server: ShareServer, user: UserName) -> None:
        self._where_it_runs(server, lambda: self._end(server, user))

    def _end(self, server: ShareServer, user: UserName) -> None:
        ended: set[int] = set()
        time_left = timer(_ALL_SECONDS)

        def gone() -> bool:
            pids = pids_of(self._sessions(server), (user,))
            for pid in pids:
                if not time_left():
                    return False
                if pid not in ended:
                    self._control(server, str(pid), "shutdown")
                    ended.add(pid)
            return not ended.intersection(pids)

        if not wait_until(gone, _END_SECONDS, looks=_END_LOOKS):
            raise BackendFailure(
                f"connections of user {user} to server {server.name} do not end",
                hint="see how busy this host and its Docker are, and call again",
            )

    def _where_it_runs(self, server: ShareServer, end: Callable[[], None]) -> None:
        """Do it, unless the server does not run, or stops meanwhile: its connections have ended with it."""
        if not self._runs(server):
            return
        try:
            end()
        except BackendFailure:
            # A command inside dies with the server, a moment before that is known to have stopped.
            if not wait_until(lambda: not self._runs(server), _STOPPING_SECONDS):
                raise

    def _runs(self, server: ShareServer) -> bool:
        """Whether the server runs. The signal is the one that ``apply`` sent, so it is harmless."""
        return self._processes.signal(server.id, "SIGHUP")

    def _sessions(self, server: ShareServer) -> tuple[Session, ...]:
        """The sessions, once every process has taken the configuration and what was asked of it before."""
        return parse_sessions(self._processes.run(server.id, _SETTLED_SESSIONS))

    def _tree_connects(self, server: ShareServer, share: ShareName, pids: set[int]) -> Counter[TreeConnect]:
        """The tree connects to the share in these processes; Samba lists them until they are closed."""
        listed = parse_tree_connects(self._processes.run(server.id, _TREE_CONNECTS))
        return Counter(c for c in listed if c.share.casefold() == share.key and c.pid in pids)

    def _control(self, server: ShareServer, target: str, *message: str) -> None:
        try:
            self._processes.run(server.id, (*_SMBCONTROL, target, *message))
        except BackendFailure:
            # The process may have ended meanwhile, which is more than was asked for.
            if any(str(session.pid) == target for session in self._sessions(server)):
                raise


def parse_sessions(output: str) -> tuple[Session, ...]:
    r"""Read ``net status sessions parseable``: ``pid\user\group\machine\address``, one line each."""
    sessions = []
    for line in output.splitlines():
        fields = line.split("\\")
        if len(fields) >= 2 and _PID.fullmatch(fields[0]):
            sessions.append(Session(int(fields[0]), fields[1]))
    return tuple(sessions)


def parse_tree_connects(output: str) -> tuple[TreeConnect, ...]:
    r"""Read ``net status shares parseable``: ``share\pid\user\group\machine\address\since``, one line each.

    The user is left out: where several share a connection, the line names any of them.
    """
    connects = []
    for line in output.splitlines():
        fields = line.split("\\")
        if len(fields) >= 3 and _PID.fullmatch(fields[1]):
            connects.append(TreeConnect(int(fields[1]), fields[0], fields[-1]))
    return tuple(connects)


def pids_of(sessions: Iterable[Session], users: Iterable[UserName]) -> tuple[int, ...]:
    """The processes that carry a session of one of the users, each once.

    Those of removed users too: Samba looks the names up when asked, and shows the number of a session
    whose user has no account any more. No user's name is a number.
    """
    keys = {user.key for user in users}
    found = {s.pid for s in sessions if s.user.casefold() in keys or s.user.isdigit()}
    return tuple(sorted(found))
