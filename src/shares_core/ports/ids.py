"""Where ids and randomness come from."""

from __future__ import annotations

from abc import ABC, abstractmethod

from shares_core.domain.secret import Secret


class Ids(ABC):
    """Ids that never repeat, and passwords that nobody can guess."""

    @abstractmethod
    def new_id(self) -> str:
        """12 hexadecimal digits, for a server, a share, a volume or an interface."""

    @abstractmethod
    def new_uuid(self) -> str:
        """A UUID in its canonical text form, for a file system."""

    @abstractmethod
    def new_password(self) -> Secret:
        """A password of at least 128 bits of randomness, easy to paste."""
