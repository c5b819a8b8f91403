"""What a server's interface is attached to on the host.

Each kind of attachment has a class here and a driver in ``adapters/network``. So far there is one kind.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from attrs import frozen

from shares_core.domain.addresses import BridgeName


@frozen
class Attachment(ABC):
    """One kind of attachment, called ``kind`` in records. Equal attachments are the same network."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def device(self) -> str:
        """The name of the host's device that the interfaces are attached to."""

    def __str__(self) -> str:
        return f"{self.kind} {self.device}"


@frozen
class BridgeAttachment(Attachment):
    """An attachment to a Linux bridge, which is made for the first interface and removed after the last."""

    kind: ClassVar[str] = "bridge"

    bridge: BridgeName

    @property
    def device(self) -> str:
        return str(self.bridge)


#: Every kind.
ATTACHMENTS: tuple[type[Attachment], ...] = (BridgeAttachment,)
