"""Docker's events about containers that ended."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from shares_core.adapters.containers.errors import docker_errors
from shares_core.adapters.linux.polling import wait_until
from shares_core.domain.errors import HostNotReady, SharesError
from shares_core.ports.runtime import Ended

if TYPE_CHECKING:
    from docker import APIClient

    from shares_core.adapters.containers.client import Docker

LABEL_SERVER = "shares-core.server"
_NANO = 1_000_000_000
#: Docker ends the stream itself; if it is late by more than this, Docker was away or restarted.
_LATE_SECONDS = 3.0
_MARGIN_SECONDS = 0.02
_SETTLING_SECONDS = 0.5


def wait_for_docker(docker: Docker, seconds: float) -> str:
    """The moment at which Docker answers. Raises HostNotReady if it does not within ``seconds``."""

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
    """Wait for servers whose containers with the label ended since the bookmark; return at the first.

    Docker keeps the latest events while it runs, so that none is missed between two calls. Raises
    HostNotReady if the stream breaks off, and BackendFailure if Docker does not answer in time.
    """
    began = time.monotonic()
    with docker_errors("following Docker's events"), closing(_ends(api, label, bookmark, seconds)) as ends:
        event = next(ends, None)
    took = time.monotonic() - began
    # A Docker that systemd's socket started for this very question knows no earlier events.
    complete = took < seconds + _LATE_SECONDS
    if event is not None:
        with docker_errors("looking at a container that ended"):
            # Docker reports the end a moment before it calls the container stopped; a restarted container
            # runs.
            wait_until(lambda: not _runs(api, event["Actor"]["ID"]), _SETTLING_SECONDS)
        return Ended((event["Actor"]["Attributes"][LABEL_SERVER],), _moment(event["timeNano"] + 1), complete)
    if took < seconds:
        raise HostNotReady("following Docker's events: they broke off", hint="Docker was perhaps restarted")
    # Where this call began: Docker may not have reported the latest ends yet. If the clock was set back, that
    # may be in the future, and would hide later events.
    now = _moment(time.time_ns())
    return Ended((), min(bookmark, now, key=float), complete)


def _ends(api: APIClient, label: str, bookmark: str, seconds: float) -> Generator[dict[str, Any]]:
    """Docker's events since the bookmark and for so many seconds, by Docker's own timer.

    Does not use docker-py's ``events``, which would wait for an answer for ever.
    """
    # A little later than the caller waits: if the stream ends sooner, Docker itself has ended.
    until = _moment(time.time_ns() + int((seconds + _MARGIN_SECONDS) * _NANO))
    filters = {"type": ["container"], "event": ["die"], "label": [label]}
    question = {"since": bookmark, "until": until, "filters": json.dumps(filters)}
    url = f"{api.base_url}/v{api.api_version}/events"
    with closing(api.get(url, params=question, stream=True, timeout=api.timeout + seconds)) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            event = json.loads(line)
            # From before the clock was set back, and reported then.
            if event["timeNano"] <= time.time_ns():
                yield event


def _runs(api: APIClient, container: str) -> bool:
    from docker.errors import NotFound

    try:
        return bool(api.inspect_container(container)["State"]["Running"])
    except NotFound:
        return False


def _moment(nanoseconds: int) -> str:
    return f"{nanoseconds // _NANO}.{nanoseconds % _NANO:09d}"
