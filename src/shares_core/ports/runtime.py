"""Containers: where a service runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from attrs import frozen

from shares_core.domain.views import RunState


@frozen
class ContainerState:
    """A server's container as it is.

    ``namespace`` is the path of its network namespace while it runs, ``image`` what it was made from.
    """

    state: RunState
    namespace: str = ""
    image: str = ""


@frozen
class Ended:
    """The servers whose containers ended. ``bookmark`` is where the next look begins.

    Where it is not ``complete``, others may have ended since the former bookmark.
    """

    server_ids: tuple[str, ...]
    bookmark: str
    complete: bool = True


class ServerRuntime(ABC):
    """One container for each server: unprivileged, without capabilities, without a network of its own.

    Another installation's container of that name counts as absent, and is left alone; only in the way of
    ``ensure`` is it a Conflict.
    """

    @abstractmethod
    def check(self, *, stale_image_ok: bool = False) -> None:
        """Raise HostNotReady unless containers can be made from the image, and it is of this version."""

    @abstractmethod
    def ensure(self, server_id: str, uid: int, image: str = "") -> None:
        """Make the server's container, not started, running as ``uid``, from ``image`` or the current one.

        Idempotent; one that exists needs no image. Raises Conflict where one exists that is another
        installation's or runs otherwise, HostNotReady where the image is missing, BackendFailure where the
        server's folders are. Half-done leaves a container that was never started.
        """

    @abstractmethod
    def start(self, server_id: str) -> ContainerState:
        """Start the container. Idempotent; gives the state of the running container.

        Raises BackendFailure where it is absent or its folders are, or the service ends at once.
        """

    @abstractmethod
    def wait_ready(self, server_id: str) -> None:
        """Wait until the service listens in the container's namespace.

        Raises BackendFailure, with the end of its log, when it takes too long, and at once when the
        container does not run.
        """

    @abstractmethod
    def remove(self, server_id: str) -> None:
        """Stop the container with every process in it, and remove it. Idempotent."""

    @abstractmethod
    def inspect(self, server_id: str) -> ContainerState:
        """The container's state."""

    @abstractmethod
    def outdated(self, uids: Mapping[str, int]) -> frozenset[str]:
        """Those of the servers, given by id and uid, whose container ``ensure`` would now make otherwise.

        From another image, or confined otherwise. None where there is no image to make them from.
        """

    @abstractmethod
    def bookmark(self, seconds: float) -> str:
        """Now, for ``ended`` to begin at. Waits for ``seconds`` where nothing answers; then HostNotReady."""

    @abstractmethod
    def ended(self, bookmark: str, seconds: float) -> Ended:
        """Wait until a container of this installation ends, at most for ``seconds``.

        Tells of those that ended since ``bookmark``, perhaps twice. Raises HostNotReady and BackendFailure
        where nothing answers: what ended meanwhile is told by nobody.
        """

    @abstractmethod
    def list(self) -> Mapping[str, RunState]:
        """How the containers of this installation are, by the ids of their servers."""
