"""The processes inside the servers' containers."""

from __future__ import annotations

from abc import ABC, abstractmethod

from attrs import frozen


@frozen
class Script:
    """A bash script, and its name in messages."""

    name: str
    text: str


class ServerProcesses(ABC):
    """The processes of share servers. If a server is compromised, its answers may be forged."""

    @abstractmethod
    def signal(self, server_id: str, name: str) -> bool:
        """Signal every process of the server's service. Returns whether the server runs.

        At "SIGHUP" the service reloads its configuration, each process in its own time.
        """

    @abstractmethod
    def run(self, server_id: str, script: Script, *arguments: str, seconds: float | None = None) -> str:
        """Run a script inside, as the service's user, and return its standard output.

        It has ``seconds``; if they are not given, more than any script needs.
        It may be started twice, so the script has to allow that. Raises BackendFailure if the server does not
        run, for an exit status other than 0, and if the script does not end in time or prints too much: then
        it may still be at work.
        """
