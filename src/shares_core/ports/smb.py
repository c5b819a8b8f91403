"""Samba: what it serves, to whom, and who is connected."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence

from shares_core.domain.audit import AuditEntry
from shares_core.domain.names import ShareName, UserName
from shares_core.domain.secret import PasswordHash
from shares_core.domain.server import ShareServer
from shares_core.domain.sessions import OpenFile, SmbSession
from shares_core.domain.share import CifsShare
from shares_core.domain.views import LogLine, RecycledFiles


class SmbConfig(ABC):
    """What smbd reads."""

    @abstractmethod
    def apply(self, server: ShareServer, hashes: Mapping[UserName, PasswordHash]) -> None:
        """Make Samba serve exactly the ready shares and the accounts of ``server``.

        Writes the accounts first, then the shares, each file atomically, and tells a running smbd. New
        connections see it at once, open ones as soon as their process has reloaded; none is closed. An
        account without a hash cannot log in. Idempotent. Raises BackendFailure if the server's folders are
        missing. Half-done leaves the former or the new shares, never a mixture.
        """

    @abstractmethod
    def applied(self, server: ShareServer, hashes: Mapping[UserName, PasswordHash]) -> bool:
        """Whether the last complete ``apply`` was of exactly this, and is still in place.

        Does not look at the password file, which smbd itself may write to.
        """

    @abstractmethod
    def explained(self, server: ShareServer, text: str) -> str:
        """What smbd says of its accounts, with the names of the server's users in their place."""

    @abstractmethod
    def is_audit(self, text: str) -> bool:
        """Whether a line of smbd's log is for the audit trails."""

    @abstractmethod
    def audited(
        self, server: ShareServer, share_ids: Collection[str], lines: Sequence[LogLine]
    ) -> Mapping[str, Sequence[AuditEntry]]:
        """What lines of smbd's log say that clients did on these shares, by their ids.

        A compromised server may say what it likes, of any of its shares.
        """


class SmbSessions(ABC):
    """Who is connected. Every verb does nothing if the server does not run.

    Each first waits until every smbd process has reloaded the configuration of the last ``apply``, so that
    after the call no process admits anybody by the former one.
    """

    @abstractmethod
    def close_share(self, server: ShareServer, share: ShareName) -> None:
        """Close the share, with its open files, for everyone. Idempotent."""

    @abstractmethod
    def close_user(self, server: ShareServer, share: ShareName, users: tuple[UserName, ...]) -> None:
        """Close the share for these users, whose rights were restricted or revoked. Idempotent.

        Another user of the same connection reconnects; other connections are undisturbed.
        """

    @abstractmethod
    def connections(
        self, server: ShareServer, share: ShareName, users: tuple[UserName, ...]
    ) -> Mapping[UserName, int]:
        """For each of these users, how many connections with a session of theirs use the share.

        Zero if the server does not run. A compromised server may say what it likes.
        """

    @abstractmethod
    def end_user(self, server: ShareServer, user: UserName) -> None:
        """End every connection that the user has a session on. Idempotent."""

    @abstractmethod
    def sessions(self, server: ShareServer) -> tuple[SmbSession, ...]:
        """The sessions. Does not wait for reloads; none if the server does not run.

        Raises BackendFailure if the server does not say. A compromised server may say what it likes.
        """

    @abstractmethod
    def files(self, server: ShareServer) -> tuple[OpenFile, ...]:
        """The open files of connected clients. As ``sessions``, besides."""

    @abstractmethod
    def end_connections(self, server: ShareServer, connections: tuple[int, ...]) -> None:
        """End these connections, by their numbers in ``sessions``, with all their sessions. Idempotent."""


class SmbFiles(ABC):
    """What clients wrote, looked at and changed by the service itself."""

    @abstractmethod
    def make_executable(self, server: ShareServer, share: CifsShare) -> bool:
        """Give the share's files and folders their owner's execute bit. Returns whether that is done.

        If not, the work goes on inside, until the share is closed or the server stops: call again. Leaves
        what cannot be changed as it is. Idempotent. Raises BackendFailure if the server does not run. A
        compromised server may say what it likes.
        """

    @abstractmethod
    def recycled(self, server: ShareServer, share: CifsShare) -> RecycledFiles:
        """What the share's recycle bin holds.

        Raises BackendFailure if the server does not run or does not say in a few seconds. A compromised
        server may say what it likes.
        """
