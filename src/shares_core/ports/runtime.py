"""Containers: where a service runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from attrs import frozen

from shares_core.domain.views import LogLine, RunState


@frozen
class ContainerState:
    """The state of a server's container.

    ``namespace`` is the path of its network namespace while it runs, ``image`` the image that it was made
    from.
    """

    state: RunState
    namespace: str = ""
    image: str = ""


@frozen
class Ended:
    """The servers whose containers ended. ``bookmark`` is where the next look begins.

    If it is not ``complete``, others may have ended since the former bookmark.
    """

    server_ids: tuple[str, ...]
    bookmark: str
    complete: bool = True


@frozen
class LogPart:
    """What a container has logged since a bookmark, and the bookmark of its end.

    If it is not ``complete``, some of it was overwritten or went with a former container.
    """

    lines: tuple[LogLine, ...]
    bookmark: str
    complete: bool = True


class ServerRuntime(ABC):
    """One container for each server: unprivileged, without capabilities, without a network of its own.

    Another installation's container of that name counts as absent, and is left alone; only ``ensure`` raises
    Conflict for it.
    """

    @abstractmethod
    def check(self, *, stale_image_ok: bool = False) -> None:
        """Raise HostNotReady unless containers can be made from the image and it is of this version."""

    @abstractmethod
    def ensure(self, server_id: str, uid: int, image: str = "") -> None:
        """Make the server's container, not started, running as ``uid``, from ``image`` or the current one.

        Idempotent; a container that exists does not need the image. Raises Conflict if the container is
        another installation's or runs otherwise, HostNotReady if the image is missing, BackendFailure if the
        server's folders are. Half-done leaves a container that was never started.
        """

    @abstractmethod
    def start(self, server_id: str) -> ContainerState:
        """Start the container. Idempotent; returns the state of the running container.

        Raises BackendFailure if it or its folders are missing, or the service ends at once.
        """

    @abstractmethod
    def wait_ready(self, server_id: str) -> None:
        """Wait until the service listens in the container's namespace.

        Raises BackendFailure, with the end of its log, if it takes too long, and at once if the container
        does not run.
        """

    @abstractmethod
    def end(self, server_id: str) -> None:
        """Stop every process in the container, which stays, with all that was logged. Idempotent."""

    @abstractmethod
    def remove(self, server_id: str) -> None:
        """Stop the container with every process in it, and remove it. Idempotent."""

    @abstractmethod
    def inspect(self, server_id: str) -> ContainerState:
        """The container's state."""

    @abstractmethod
    def outdated(self, uids: Mapping[str, int]) -> frozenset[str]:
        """Those of the servers, given by id and uid, whose container ``ensure`` would now make differently.

        From another image, or with other limits. None if there is no image to make them from.
        """

    @abstractmethod
    def bookmark(self, seconds: float) -> str:
        """Now, where ``ended`` can begin. Raises HostNotReady if nothing answers for ``seconds``."""

    @abstractmethod
    def ended(self, bookmark: str, seconds: float) -> Ended:
        """Wait until a container of this installation ends, at most for ``seconds``.

        Returns those that ended since ``bookmark``, perhaps twice. Raises HostNotReady and BackendFailure if
        nothing answers: it never returns those that end meanwhile.
        """

    @abstractmethod
    def log(self, server_id: str, after: str = "") -> tuple[LogLine, ...]:
        """What the service in the server's container has logged, after that time.

        Only its end is kept. Empty without a container. A compromised server may log anything.
        """

    @abstractmethod
    def log_since(self, server_id: str, bookmark: str) -> LogPart:
        """What the service in the server's container has logged since ``bookmark``; empty for all of it.

        In the order of the log, whatever the clock did. Without a container nothing, and the same bookmark.
        Takes no longer for a long log. A compromised server may log anything.
        """

    @abstractmethod
    def list(self) -> Mapping[str, RunState]:
        """The states of this installation's containers, by the ids of their servers."""
