"""What runs inside the servers' containers."""

from __future__ import annotations

from abc import ABC, abstractmethod

from attrs import frozen


@frozen
class Script:
    """A script of bash, with the name that messages call it by."""

    name: str
    text: str


class ServerProcesses(ABC):
    """The processes of share servers. Whoever broke into a server may speak in their place."""

    @abstractmethod
    def signal(self, server_id: str, name: str) -> bool:
        """Signal every process of the server's service. Gives whether the server runs.

        The service takes its configuration anew at a "SIGHUP", each process in its own time.
        """

    @abstractmethod
    def run(self, server_id: str, script: Script, *arguments: str) -> str:
        """Run a script inside, as the service's user, and give its standard output.

        It may be begun twice, so it must be one that may. Raises BackendFailure if the server does not run,
        for an exit status other than 0, and if the script does not end in time or says too much: then it may
        still be at work.
        """
