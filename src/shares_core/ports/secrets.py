"""The passwords' hashes, apart from the records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

from shares_core.domain.names import UserName
from shares_core.domain.secret import PasswordHash, Secret


class Secrets(ABC):
    """For each server the hashes of its accounts, which only the host's root can read.

    Each verb replaces the server's whole set, durably and atomically: half-done leaves the former one. All
    but ``digest`` and ``clear`` raise RecordUnreadable, and change nothing, if the set is damaged.
    """

    @abstractmethod
    def digest(self, password: Secret, changed: int) -> PasswordHash:
        """The hash that Samba checks the password against; ``changed`` in unix seconds. Pure."""

    @abstractmethod
    def hashes(self, server_id: str) -> Mapping[UserName, PasswordHash]:
        """Every account's hash; empty for a server without accounts."""

    @abstractmethod
    def put(self, server_id: str, hashes: Mapping[UserName, PasswordHash]) -> None:
        """Set these accounts' hashes, leaving the others. Idempotent."""

    @abstractmethod
    def remove(self, server_id: str, users: Iterable[UserName]) -> None:
        """Forget these accounts' hashes. Idempotent."""

    @abstractmethod
    def clear(self, server_id: str) -> None:
        """Forget the server's whole set, damaged or not, without a trace. Idempotent."""
