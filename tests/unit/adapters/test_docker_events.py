"""Waiting for containers that end, on a stand-in for Docker's stream of events."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import define, field
from docker.errors import NotFound

from shares_core.adapters.docker.events import LABEL_SERVER, wait_for_ends
from shares_core.domain.errors import HostNotReady
from shares_core.ports.runtime import Ended

LABEL = "shares-core.installation=abc"
END = {"Actor": {"ID": "the container", "Attributes": {LABEL_SERVER: "a"}}, "timeNano": 5_000_000_007}


@define
class Api:
    """Gives these events, then nothing until it is closed, or the end where it ``breaks_off``."""

    events_there: list[dict[str, Any]] = field(factory=list)
    breaks_off: bool = False
    states: list[bool] = field(factory=list)
    asked: list[str] = field(factory=list)
    _closed: threading.Event = field(factory=threading.Event)

    def events(self, *, since: str, filters: dict[str, str], decode: bool) -> Api:
        assert (decode, filters["event"], filters["label"]) == (True, "die", LABEL)
        self.asked.append(since)
        return self

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        if self.events_there:
            return self.events_there.pop(0)
        if not self.breaks_off:
            self._closed.wait(20)
        raise StopIteration

    def inspect_container(self, container: str) -> dict[str, Any]:
        assert "the container" == container
        if not self.states:
            raise NotFound("it was removed")
        return {"State": {"Running": self.states.pop(0)}}

    def close(self) -> None:
        self._closed.set()


def wait(api: Api, bookmark: str, seconds: float = 20) -> Ended:
    return wait_for_ends(api, LABEL, bookmark, seconds)


def test_who_ends_is_told_and_the_next_look_begins_just_after() -> None:
    """By the moment that Docker gives, whatever this machine's clock says meanwhile."""
    api = Api([END])
    assert Ended(("a",), "5.000000008") == wait(api, "4.000000000")
    assert ["4.000000000"] == api.asked


def test_who_ends_is_told_when_docker_calls_it_stopped_too() -> None:
    """It tells of the end a moment earlier: who looked then would find that all is well."""
    api = Api([END], states=[True, True, False, True])
    wait(api, "4.000000000")
    assert [True] == api.states


def test_a_container_that_runs_again_is_told_all_the_same() -> None:
    """It was restarted, and has lost its interfaces."""
    assert ("a",) == wait(Api([END], states=[True] * 1000), "4.000000000").server_ids


def test_what_ends_while_a_look_ends_is_not_lost() -> None:
    """Docker may tell of it too late: where nothing came, the next look begins where this one did."""
    assert Ended((), "4.000000000") == wait(Api(), "4.000000000", 0.05)


def test_a_clock_that_was_set_back_hides_nothing_for_long() -> None:
    """A look that begins in what is now the future would see nothing before that."""
    before = time.time()
    calm = wait(Api(), f"{time.time() + 3600:.9f}", 0.05)
    assert before <= float(calm.bookmark) <= time.time()


def test_a_stream_that_breaks_off_is_a_docker_that_is_away() -> None:
    """It is not that nothing came."""
    with pytest.raises(HostNotReady, match="broke off"):
        wait(Api(breaks_off=True), "4.000000000")
