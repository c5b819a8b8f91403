"""Audit trails: what clients did to the files of audited shares, kept where no server reaches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from shares_core.domain.audit import AuditEntry


class AuditTrails(ABC):
    """One trail for each audited share, made of what its server says, with a bookmark for each server.

    A trail has room for so much a day, and keeps so many days. What was appended is never changed.
    """

    @abstractmethod
    def ensure(self, server_id: str, share_id: str) -> None:
        """Make the share's trail, empty. Idempotent."""

    @abstractmethod
    def servers(self) -> tuple[str, ...]:
        """The ids of the servers whose shares have trails."""

    @abstractmethod
    def bookmark(self, server_id: str) -> str:
        """How far the server's log was taken into its trails; empty at the beginning."""

    @abstractmethod
    def append(
        self,
        server_id: str,
        former: str,
        bookmark: str,
        entries: Mapping[str, Sequence[AuditEntry]],
        today: str,
    ) -> bool:
        """Append the entries, by the ids of their shares, and move the server's bookmark, in one step.

        Returns False, and changes nothing, if the bookmark is no longer ``former``: another caller has
        appended. Entries of shares without a trail are dropped. If a day's room is used up, the day's last
        entry says so. Removes the days that are too old on the day ``today``. Half-done leaves some of the
        entries and the former bookmark; the same entries again complete it.
        """

    @abstractmethod
    def read(
        self, server_id: str, share_id: str, after: str = "", limit: int = 10_000
    ) -> tuple[AuditEntry, ...]:
        """The share's entries after that time, by day and then in the order of their appending.

        The first ``limit`` of them, and those of the same moment as the last. Empty without a trail.
        """

    @abstractmethod
    def remove(self, server_id: str, share_id: str) -> None:
        """Remove the share's trail, and with the last one of its server the bookmark. Idempotent."""

    @abstractmethod
    def clear(self, server_id: str) -> None:
        """Remove all trails of the server. Idempotent."""
