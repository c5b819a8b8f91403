"""What the worlds of the suites have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

from shares_core.ports import Ports


class World(ABC):
    """A fresh host. Whatever a test leaves is removed afterwards."""

    @property
    @abstractmethod
    def ports(self) -> Ports:
        """One process on the host."""

    def new_id(self) -> str:
        """An unused id."""
        return self.ports.ids.new_id()


class DeviceWorld(World):
    """A host whose block devices can be looked into. Its pool has POOL bytes (see storage)."""

    @abstractmethod
    def is_blank(self, device: str) -> bool:
        """Whether the device reads as zeros."""

    @abstractmethod
    def scribble(self, device: str) -> None:
        """Write something to the device that is not a file system."""

    @abstractmethod
    def device_size(self, device: str) -> int:
        """The device's size in bytes, or 0 if it does not exist."""
