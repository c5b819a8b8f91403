"""Waiting for containers that end, on a stand-in for Docker's stream of events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest
from attrs import define, field
from docker.errors import NotFound

from shares_core.adapters.containers import events
from shares_core.adapters.containers.events import LABEL_SERVER, wait_for_ends
from shares_core.domain.errors import HostNotReady
from shares_core.ports.runtime import Ended

if TYPE_CHECKING:
    from docker import APIClient

LABEL = "shares-core.installation=abc"
END = {"Actor": {"ID": "the container", "Attributes": {LABEL_SERVER: "a"}}, "timeNano": 5_000_000_007}


@define
class Api:
    """Streams these events, then waits until its time is up, or ends at once if it ``breaks_off``."""

    told: list[dict[str, Any]] = field(factory=list)
    breaks_off: bool = False
    answers_after: float = 0.0
    states: list[bool] = field(factory=list)
    asked: list[str] = field(factory=list)
    closed: bool = False
    base_url: str = "http+docker://localhost"
    api_version: str = "1.41"
    timeout: int = 60
    _until: float = 0.0

    def get(self, url: str, *, params: dict[str, str], stream: bool, timeout: float) -> Api:
        assert ("http+docker://localhost/v1.41/events", True) == (url, stream)
        assert timeout >= self.timeout
        filters = json.loads(params["filters"])
        assert {"type": ["container"], "event": ["die"], "label": [LABEL]} == filters
        self.asked.append(params["since"])
        self._until = float(params["until"])
        time.sleep(self.answers_after)  # as a Docker that is slow does
        return self

    def raise_for_status(self) -> None:
        """It is content."""

    def iter_lines(self) -> Iterator[bytes]:
        yield from (json.dumps(event).encode() for event in self.told)
        left = self._until - time.time()
        if not self.breaks_off and left > 0:
            time.sleep(left)  # Docker's own timer

    def inspect_container(self, container: str) -> dict[str, Any]:
        assert "the container" == container
        if not self.states:
            raise NotFound("it was removed")
        return {"State": {"Running": self.states.pop(0)}}

    def close(self) -> None:
        self.closed = True


def wait(api: Api, bookmark: str, seconds: float = 20) -> Ended:
    ended = wait_for_ends(cast("APIClient", api), LABEL, bookmark, seconds)
    assert api.closed
    return ended


def test_ended_servers_are_returned_and_the_next_look_begins_just_after() -> None:
    """At the moment that Docker gives, whatever this machine's clock says meanwhile."""
    api = Api([END])
    assert Ended(("a",), "5.000000008") == wait(api, "4.000000000")
    assert ["4.000000000"] == api.asked


def test_an_ended_server_is_returned_once_docker_calls_it_stopped() -> None:
    """Docker reports the end a moment earlier, when a look would still find the server running."""
    api = Api([END], states=[True, True, False, True])
    wait(api, "4.000000000")
    assert [True] == api.states


def test_a_restarted_container_is_returned_too() -> None:
    """It has lost its interfaces."""
    assert ("a",) == wait(Api([END], states=[True] * 1000), "4.000000000").server_ids


def test_what_ends_while_a_look_ends_is_not_lost() -> None:
    """Docker may report it too late: if nothing came, the next look begins where this one did."""
    assert Ended((), "4.000000000") == wait(Api(), "4.000000000", 0.05)


def test_a_clock_that_was_set_back_hides_nothing_for_long() -> None:
    """A look that begins in what is now the future would miss everything before that."""
    before = time.time()
    calm = wait(Api(), f"{time.time() + 3600:.9f}", 0.05)
    assert before <= float(calm.bookmark) <= time.time()


def test_an_end_before_the_clock_was_set_back_is_not_returned_again() -> None:
    """It was already returned."""
    future = {**END, "timeNano": time.time_ns() + 3_600_000_000_000}
    assert () == wait(Api([future]), f"{time.time():.9f}", 0.05).server_ids
    assert ("a",) == wait(Api([future, END]), "4.000000000", 0.05).server_ids


def test_a_docker_that_answers_late_may_be_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Docker that was started for this very question knows no earlier events: a look has to find them."""
    monkeypatch.setattr(events, "_LATE_SECONDS", 1.0)
    assert wait(Api(), "4.000000000", 0.05).complete
    assert not wait(Api(answers_after=1.1), "4.000000000", 0.05).complete
    late = wait(Api([END], answers_after=1.1), "4.000000000", 0.05)
    assert (("a",), False) == (late.server_ids, late.complete)


def test_a_stream_that_breaks_off_means_that_docker_is_away() -> None:
    """It does not mean that nothing ended."""
    with pytest.raises(HostNotReady, match="broke off"):
        wait(Api(breaks_off=True), "4.000000000")
