"""Ending connections, because Samba itself lets connected clients keep their former rights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from shares_core.adapters.linux.polling import wait_until
from shares_core.adapters.samba.profile import SHARES_FOLDER
from shares_core.adapters.samba.proof import Proof, parse_proof
from shares_core.adapters.samba.render import account_names, served_folder
from shares_core.adapters.samba.status import parse_files_of, parse_sessions_of
from shares_core.domain.errors import BackendFailure
from shares_core.domain.names import ShareName, UserName
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.domain.server import ShareServer
from shares_core.domain.sessions import OpenFile, SmbSession
from shares_core.ports.processes import Script, ServerProcesses
from shares_core.ports.smb import SmbSessions

_STOPPING_SECONDS = 2.0


@cache
def status_script() -> Script:
    """The script to run inside: it tells who is connected, and what they have open."""
    return Script("status", Path(__file__).with_name("status.sh").read_text())


@cache
def revoke_script() -> Script:
    """The script to run inside: it closes or ends connections, and lists what it saw."""
    return Script("revoke", Path(__file__).with_name("revoke.sh").read_text())


class SambaSessions(SmbSessions):
    """Sessions by Samba's tools, which run inside the container as smbd's user: one request for each verb."""

    def __init__(self, processes: ServerProcesses) -> None:
        self._processes = processes

    def close_share(self, server: ShareServer, share: ShareName) -> None:
        served = any(each.served and each.name.key == share.key for each in server.exports)
        proof = self._revoke(server, "close-share", *_returning(served), str(share), _folder(server, share))
        if proof is not None:
            _closed(server, share, proof.open_still(share))

    def close_user(self, server: ShareServer, share: ShareName, users: tuple[UserName, ...]) -> None:
        allowed = _allowed(server, share)
        returning = _returning(any(user.key in allowed for user in users))
        folder = _folder(server, share)
        accounts = _accounts(server, users)
        proof = self._revoke(server, "close-user", *returning, str(share), folder, *accounts)
        if proof is not None:
            _closed(server, share, proof.open_still(share, proof.processes_of(accounts)))

    def connections(
        self, server: ShareServer, share: ShareName, users: tuple[UserName, ...]
    ) -> Mapping[UserName, int]:
        proof = self._revoke(server, "count-user", str(share), *_accounts(server, users))
        if proof is None:
            return dict.fromkeys(users, 0)
        return {user: len(proof.processes_using(share, _accounts(server, (user,)))) for user in users}

    def end_user(self, server: ShareServer, user: UserName) -> None:
        accounts = _accounts(server, (user,))
        asked = ("end-user", *accounts) if accounts else ("end-removed", SHARES_FOLDER)
        proof = self._revoke(server, *asked)
        if proof is not None:
            _ended(f"connections of user {user} to server {server.name}", proof.connected_still(accounts))

    def sessions(self, server: ShareServer) -> tuple[SmbSession, ...]:
        said = self._status(server, "sessions")
        return () if said is None else parse_sessions_of(said, server)

    def files(self, server: ShareServer) -> tuple[OpenFile, ...]:
        said = self._status(server, "files")
        return () if said is None else parse_files_of(said, server)

    def _status(self, server: ShareServer, what: str) -> str | None:
        said = self._asked(server, status_script(), what)
        if said == "":
            raise BackendFailure(
                f"the container of server {server.name} is of an image that cannot tell who is connected",
                hint=Remedy.of(Call(UseCase.SERVERS_UPGRADE, (str(server.name),))),
            )
        return said

    def end_connections(self, server: ShareServer, connections: tuple[int, ...]) -> None:
        proof = self._revoke(server, "end-connections", *map(str, connections))
        if proof is not None:
            _ended(f"connections to server {server.name}", proof.running_still(connections))

    def _revoke(self, server: ShareServer, *arguments: str) -> Proof | None:
        """The script's proof; None if the server does not run, and so has no connections."""
        said = self._asked(server, revoke_script(), *arguments)
        return None if said is None else parse_proof(said)

    def _asked(self, server: ShareServer, script: Script, *arguments: str) -> str | None:
        """What a script says; None if the server does not run."""
        try:
            return self._processes.run(server.id, script, *arguments)
        except BackendFailure:
            # The script dies with the server, a moment before Docker says that the server has stopped.
            if not wait_until(lambda: not self._runs(server), _STOPPING_SECONDS):
                raise
            return None

    def _runs(self, server: ShareServer) -> bool:
        """Whether the server runs. Sends the same signal as ``apply``, which is harmless."""
        return self._processes.signal(server.id, "SIGHUP")


def _returning(may_return: bool) -> tuple[str, ...]:
    return ("--returning",) if may_return else ()


def _accounts(server: ShareServer, users: Iterable[UserName]) -> tuple[str, ...]:
    """The accounts as Samba names them. It has only a number for one that was removed."""
    names = account_names(server)
    return tuple(names[user.key] for user in users if user.key in names)


def _folder(server: ShareServer, share: ShareName) -> str:
    """The folder inside the container that the share serves; that of all shares if it is not known."""
    found = server.find_export(share)
    return SHARES_FOLDER if found is None else served_folder(found)


def _allowed(server: ShareServer, share: ShareName) -> set[str]:
    """The keys of the users who have access to the share."""
    return {
        rule.principal.name.key
        for each in server.exports
        if each.served and each.name.key == share.key
        for rule in each.rules
    }


def _ended(connections: str, left: bool) -> None:
    if left:
        raise BackendFailure(
            f"{connections} do not end", hint="see how busy this host and its Docker are, and call again"
        )


def _closed(server: ShareServer, share: ShareName, left: bool) -> None:
    if left:
        raise BackendFailure(
            f"share {share} of server {server.name} does not close: writes to it are still under way",
            hint="see whether its storage answers, and call again",
        )
