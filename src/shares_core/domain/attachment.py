"""What an interface of a server is attached to on its host.

Each kind of attachment has a class here and a driver in ``adapters/network``. There is one kind today.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from attrs import frozen

from shares_core.domain.addresses import BridgeName


@frozen
class Attachment(ABC):
    """One kind of attachment, by the name ``kind`` in records. Equal ones are one network."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def device(self) -> str:
        """The name of the host's device that the interfaces are attached to."""

    def __str__(self) -> str:
        return f"{self.kind} {self.device}"


@frozen
class BridgeAttachment(Attachment):
    """To a Linux bridge, which is made for the first interface and removed after the last."""

    kind: ClassVar[str] = "bridge"

    bridge: BridgeName

    @property
    def device(self) -> str:
        return str(self.bridge)


#: Every kind.
ATTACHMENTS: tuple[type[Attachment], ...] = (BridgeAttachment,)
