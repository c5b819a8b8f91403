"""What Docker tells of containers that ended."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from shares_core.adapters.docker.errors import docker_errors
from shares_core.adapters.waiting import wait_until
from shares_core.domain.errors import SharesError
from shares_core.ports.runtime import Ended

if TYPE_CHECKING:
    from docker import APIClient

    from shares_core.adapters.docker.client import Docker

LABEL_SERVER = "shares-core.server"
_NANO = 1_000_000_000


def wait_for_docker(docker: Docker, seconds: float) -> str:
    """The moment at which Docker answers. Raises HostNotReady where it does not within ``seconds``."""

    def answers() -> bool:
        try:
            with docker_errors("looking for Docker"):
                docker.api.ping()
        except SharesError:
            return False
        return True

    if not wait_until(answers, seconds):
        with docker_errors("looking for Docker"):
            docker.api.ping()
    return _moment(time.time_ns())


def wait_for_ends(api: APIClient, label: str, bookmark: str, seconds: float) -> Ended:
    """The servers whose containers with the label ended since the bookmark, as soon as there is one.

    Docker keeps the latest events, so that none is missed between two calls. Raises HostNotReady and
    BackendFailure.
    """
    with docker_errors("following Docker's events"):
        stream = api.events(
            since=bookmark,
            filters={"type": "container", "event": "die", "label": label},
            decode=True,
        )
        timer = threading.Timer(seconds, _close, (stream,))
        timer.daemon = True
        timer.start()
        try:
            event = next(stream, None)
        finally:
            timer.cancel()
            _close(stream)
    if event is None:
        # Nothing came: from now on, so that a clock that was set back does not hide for long what comes.
        return Ended((), _moment(time.time_ns()))
    return Ended((event["Actor"]["Attributes"][LABEL_SERVER],), _moment(event["timeNano"] + 1))


def _moment(nanoseconds: int) -> str:
    return f"{nanoseconds // _NANO}.{nanoseconds % _NANO:09d}"


def _close(stream: Any) -> None:
    with suppress(Exception):  # it may have ended by itself meanwhile
        stream.close()
