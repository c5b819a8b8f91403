"""The folders that server containers see."""

from __future__ import annotations

from abc import ABC, abstractmethod


class ServerFolders(ABC):
    """Each server has its own folder on the host, below parents that only root may enter."""

    @abstractmethod
    def ensure(self, server_id: str, uid: int) -> None:
        """Make the server's folders, below a mount that passes new mounts on to containers.

        ``uid`` owns the one folder that the service writes to, also if another user owned it before.
        Idempotent; half-done leaves some of the folders.
        """

    @abstractmethod
    def ensured(self, server_id: str, uid: int) -> bool:
        """Whether ``ensure`` has nothing to do."""

    @abstractmethod
    def remove(self, server_id: str) -> None:
        """Remove the server's folders, and after the last also the mount that passes mounts on. Idempotent.

        Raises BackendFailure, and removes nothing, while anything is mounted below them. The mount is left to
        the next removal if something uses it, like a person's shell.
        """

    @abstractmethod
    def list(self) -> tuple[str, ...]:
        """The ids of the servers that have folders."""
