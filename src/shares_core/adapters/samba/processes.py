"""What this adapter needs of the container that smbd runs in."""

from __future__ import annotations

from typing import Protocol


class ServerProcesses(Protocol):
    """The processes of share servers, whatever runs them."""

    def signal(self, server_id: str, name: str) -> bool:
        """Signal every process of the server. Gives whether it runs."""

    def run(self, server_id: str, argv: tuple[str, ...]) -> str:
        """Run a command inside and give its standard output. Raises BackendFailure."""
