"""One connection to Docker for each thread, made when it is first needed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from shares_core.adapters.containers.errors import docker_errors
from shares_core.domain.errors import HostNotReady

if TYPE_CHECKING:
    from docker import APIClient

_SECONDS = 60


class Docker:
    """Docker's API. ``url`` None means the one in the environment, as for the docker command."""

    def __init__(self, url: str | None = None) -> None:
        self._url = url
        self._threads = threading.local()

    @property
    def api(self) -> APIClient:
        """A client for this thread, because threads cannot share docker-py's. Raises HostNotReady."""
        connection: _Connection | None = getattr(self._threads, "connection", None)
        if connection is None:
            connection = self._threads.connection = _Connection(self._connect())
        return connection.client

    def _connect(self) -> APIClient:
        from docker import APIClient
        from docker.utils import kwargs_from_env

        with docker_errors("connecting to Docker", self._url or ""):
            try:
                settings = {"base_url": self._url} if self._url else kwargs_from_env()
                return APIClient(version="auto", timeout=_SECONDS, **settings)
            except ValueError as error:  # docker-py says in words for people what is wrong with an address
                where = f" at {self._url}" if self._url else ", where DOCKER_HOST says"
                raise HostNotReady(
                    f"connecting to Docker{where}: {error}",
                    hint="correct [docker] url in the configuration, or DOCKER_HOST in the environment",
                ) from error


class _Connection:
    """A client that is closed when its thread or its last use ends."""

    def __init__(self, client: APIClient) -> None:
        self.client = client

    def __del__(self) -> None:
        self.client.close()
