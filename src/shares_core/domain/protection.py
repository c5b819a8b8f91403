"""How a server protects connections: closed by default, and relaxed for one server, by name."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from attrs import evolve, frozen

from shares_core.domain.checks import require
from shares_core.domain.errors import InvalidInput
from shares_core.domain.options import differing_from_default


class _Level(StrEnum):
    """Members from the least to the most protection."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one, in any case. Raises InvalidInput."""
        found = next((each for each in cls if each.casefold() == text.casefold()), None)
        if found is None:
            raise InvalidInput(f"{text!r} is not one of {', '.join(cls)}", hint=f"give {' or '.join(cls)}")
        return found

    def exceeds(self, other: Self) -> bool:
        """Whether this protects more than the other one."""
        members = list(type(self))
        return members.index(self) > members.index(other)


class Encryption(_Level):
    """Whether connections are encrypted."""

    #: If the client can.
    DESIRED = "desired"
    #: Without exception.
    REQUIRED = "required"


class Dialect(_Level):
    """The versions of SMB that may be the oldest that a server speaks. All of them sign."""

    SMB2_10 = "SMB2_10"
    SMB3_00 = "SMB3_00"
    SMB3_11 = "SMB3_11"


@frozen
class Protection:
    """What a client has to be able to do. Signing is always mandatory.

    Raises InvalidInput for SMB 2.1 with encryption required: that version cannot encrypt.
    """

    encryption: Encryption = Encryption.REQUIRED
    min_protocol: Dialect = Dialect.SMB3_00

    def __attrs_post_init__(self) -> None:
        require(self.encryption, Encryption, "the encryption", hint="Encryption.parse reads one")
        require(self.min_protocol, Dialect, "the oldest protocol", hint="Dialect.parse reads one")
        if self.encryption is Encryption.REQUIRED and self.min_protocol is Dialect.SMB2_10:
            raise InvalidInput(
                "SMB 2.1 cannot encrypt, so it cannot be allowed while encryption is required",
                hint="allow connections without encryption too, or ask for SMB 3",
            )

    def changed(self, encryption: Encryption | None, min_protocol: Dialect | None) -> Protection:
        """With what is given in place of what was; None leaves it. Raises InvalidInput."""
        return evolve(
            self,
            encryption=self.encryption if encryption is None else encryption,
            min_protocol=self.min_protocol if min_protocol is None else min_protocol,
        )

    def may_refuse_clients_of(self, other: Protection) -> bool:
        """Whether a client that the other one admits may be refused by this one."""
        return self.encryption.exceeds(other.encryption) or self.min_protocol.exceeds(other.min_protocol)

    @property
    def differing(self) -> tuple[str, ...]:
        """The names of what differs from the default."""
        return differing_from_default(self)

    @property
    def relaxations(self) -> tuple[str, ...]:
        """What is less than the default, in words; empty if nothing is."""
        found = []
        if Encryption.REQUIRED.exceeds(self.encryption):
            found.append("clients may connect without encryption: who is on the network can read their files")
        if Dialect.SMB3_00.exceeds(self.min_protocol):
            found.append("clients may use SMB 2.1, whose connections somebody in between can downgrade")
        return tuple(found)
