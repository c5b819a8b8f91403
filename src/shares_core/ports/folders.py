"""The folders that a server's container sees."""

from __future__ import annotations

from abc import ABC, abstractmethod


class ServerFolders(ABC):
    """Each server has a folder of its own on the host, below parents that only root may enter."""

    @abstractmethod
    def ensure(self, server_id: str, uid: int) -> None:
        """Make the server's folders, below a mount that passes new mounts on to containers.

        ``uid`` owns the one folder that the service writes to, also where another did. Idempotent; half-done
        leaves some folders.
        """

    @abstractmethod
    def ensured(self, server_id: str, uid: int) -> bool:
        """Whether ``ensure`` would find nothing to do."""

    @abstractmethod
    def remove(self, server_id: str) -> None:
        """Remove the server's folders, and with the last of them the mount that passes others on. Idempotent.

        Raises BackendFailure, and removes nothing, while anything is mounted below them. The mount is left to
        the next removal if something uses it, like a shell that a person has left there.
        """

    @abstractmethod
    def list(self) -> tuple[str, ...]:
        """The ids of the servers that have folders."""
