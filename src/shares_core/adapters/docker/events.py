"""What Docker tells of containers that ended."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from shares_core.adapters.docker.errors import docker_errors
from shares_core.adapters.waiting import wait_until
from shares_core.domain.errors import HostNotReady, SharesError
from shares_core.ports.runtime import Ended

if TYPE_CHECKING:
    from docker import APIClient

    from shares_core.adapters.docker.client import Docker

LABEL_SERVER = "shares-core.server"
_NANO = 1_000_000_000
_ANSWER_SECONDS, _SETTLING_SECONDS = 3.0, 0.5


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

    Docker keeps the latest events while it runs, so that none is missed between two calls. Raises
    HostNotReady, where what Docker tells breaks off too: another Docker tells nothing of what was before.
    """
    began = time.monotonic()
    expired = threading.Event()
    with docker_errors("following Docker's events"):
        filters = {"type": "container", "event": "die", "label": label}
        stream = api.events(since=bookmark, filters=filters, decode=True)

        def expire() -> None:
            expired.set()
            _close(stream)

        timer = threading.Timer(seconds, expire)
        timer.daemon = True
        # One that was started by systemd's socket, for this very question, is another one too.
        late = time.monotonic() - began > _ANSWER_SECONDS
        timer.start()
        try:
            event = next(stream, None)
        finally:
            timer.cancel()
            _close(stream)
    if late or (event is None and not expired.is_set()):
        raise HostNotReady("following Docker's events: they broke off", hint="Docker was perhaps restarted")
    if event is None:
        # From where this one began: what ended a moment ago may not have been told of yet. Where the clock
        # was set back that may be in the future, and would hide what comes.
        return Ended((), min(bookmark, _moment(time.time_ns()), key=float))
    with docker_errors("looking at a container that ended"):
        # Docker tells of the end a moment before it calls the container stopped; one that was restarted runs.
        wait_until(lambda: not _runs(api, event["Actor"]["ID"]), _SETTLING_SECONDS)
    return Ended((event["Actor"]["Attributes"][LABEL_SERVER],), _moment(event["timeNano"] + 1))


def _runs(api: APIClient, container: str) -> bool:
    from docker.errors import NotFound

    try:
        return bool(api.inspect_container(container)["State"]["Running"])
    except NotFound:
        return False


def _moment(nanoseconds: int) -> str:
    return f"{nanoseconds // _NANO}.{nanoseconds % _NANO:09d}"


def _close(stream: Any) -> None:
    with suppress(Exception):  # it may have ended by itself meanwhile
        stream.close()
