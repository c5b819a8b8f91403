"""Asking a container's agent, whatever answers in its place."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from shares_core.adapters.containers import agent
from shares_core.adapters.containers.execution import Said
from shares_core.adapters.state.layout import Layout
from shares_core.domain.errors import BackendFailure
from shares_core.ports.processes import Script

SCRIPT = Script("hello", "echo hello $1")
SHORT = 0.3
#: Writes to an answer, given the name of its request.
Speak = Callable[[str, int], object]
Answering = Callable[[Speak], None]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path)
    made.config("1").mkdir(parents=True)
    agent.make_listener(made, "1")
    return made


@pytest.fixture
def answering(layout: Layout) -> Iterator[Answering]:
    """Answers the next request as told. Somebody listens as long as the test lasts."""
    folder = layout.agent("1")
    requests = os.open(folder / agent.REQUESTS, os.O_RDWR)
    threads: list[threading.Thread] = []

    def answer(speak: Speak) -> None:
        def listen() -> None:
            name = os.read(requests, 100).decode().rstrip("\n")
            opened = os.open(folder / f"{name}.answer", os.O_WRONLY)
            with suppress(BrokenPipeError):  # the host has heard enough
                speak(name, opened)
            os.close(opened)

        threads.append(threading.Thread(target=listen))
        threads[-1].start()

    yield answer
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    os.close(requests)


def ask(layout: Layout, begin: float = 10.0, end: float = 10.0) -> Said | None:
    """Ask, and check that nothing is left, whatever the outcome."""
    try:
        return agent.ask(layout, "1", SCRIPT, ("it's", "$x"), begin, end)
    finally:
        assert [agent.REQUESTS] == os.listdir(layout.agent("1"))


def whole(name: str, stdout: bytes = b"hello\n", status: int = 0, stderr: bytes = b"") -> bytes:
    named = name.encode()
    parts = (named + b" begun\n", stdout, b"\n" + named + b" complaints\n", stderr)
    return b"".join((*parts, b"\n" + named + b" ended %d\n" % status))


def test_an_answer_is_the_scripts_output(layout: Layout, answering: Answering) -> None:
    """On both streams, with its status, however it arrives."""

    def in_pieces(name: str, opened: int) -> None:
        for byte in whole(name, b"hello\nno end", 3, b"oh\nno"):
            os.write(opened, bytes((byte,)))

    answering(in_pieces)
    assert Said(b"hello\nno end", b"oh\nno", 3) == ask(layout)
    answering(lambda name, opened: os.write(opened, whole(name, b"")))
    assert Said(b"", b"", 0) == ask(layout)


def test_a_script_gets_its_arguments_unchanged(layout: Layout, answering: Answering) -> None:
    """Quotes and dollars have no meaning, and only root may write to the script."""
    seen: list[tuple[str, int]] = []

    def look(name: str, opened: int) -> None:
        path = layout.agent("1") / name
        seen.append((path.read_text(), stat.S_IMODE(path.stat().st_mode)))
        os.write(opened, whole(name))

    answering(look)
    ask(layout)
    assert [("set -- 'it'\"'\"'s' '$x'\necho hello $1", 0o644)] == seen


def test_without_an_agent_there_is_no_answer(layout: Layout) -> None:
    """Nobody listens; or the FIFO is missing, as in an older release's server; or the folder is missing."""
    assert ask(layout) is None
    (layout.agent("1") / agent.REQUESTS).unlink()
    assert agent.ask(layout, "1", SCRIPT, (), 10.0, 10.0) is None
    layout.agent("1").rmdir()
    assert agent.ask(layout, "1", SCRIPT, (), 10.0, 10.0) is None


def test_a_stopped_agent_does_not_answer(layout: Layout, answering: Answering) -> None:
    """It has the FIFO open and reads nothing, even when the pipe is full."""
    assert ask(layout, begin=SHORT) is None
    requests = os.open(layout.agent("1") / agent.REQUESTS, os.O_RDWR | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(requests, b"x" * 4096)
    os.close(requests)
    assert ask(layout) is None


@pytest.mark.parametrize(
    "speak",
    [
        lambda name, opened: os.write(opened, b""),
        lambda name, opened: os.write(opened, f"{name} begun\n".encode()),
        lambda name, opened: os.write(opened, whole(name)[:-2]),
        lambda name, opened: os.write(opened, whole("0" * 32)),
        lambda name, opened: os.write(opened, b"denied\n" + whole(name)),
        lambda name, opened: os.write(opened, whole(name).replace(b" complaints", b"")),
        lambda name, opened: os.write(opened, whole(name, status=1000)),
    ],
    ids=["nothing", "only a beginning", "cut short", "another's", "forged", "a part missing", "no status"],
)
def test_anything_but_the_answer_to_the_request_is_ignored(
    layout: Layout, answering: Answering, speak: Speak
) -> None:
    """It breaks off, or belongs to another request, or to none."""
    answering(speak)
    assert ask(layout) is None


def test_an_answer_that_does_not_end_is_an_error(layout: Layout, answering: Answering) -> None:
    """In time, and nothing before counts, even if it is complete."""
    done = threading.Event()

    def hold(name: str, opened: int) -> None:
        os.write(opened, whole(name) + b"more")
        done.wait(10)

    answering(hold)
    with pytest.raises(BackendFailure, match=r"hello in server 1 does not end in 0\.3 s") as raised:
        ask(layout, end=SHORT)
    done.set()
    assert "stop the server" in raised.value.hint


def test_an_endless_answer_is_an_error(layout: Layout, answering: Answering) -> None:
    """However long it is, and however much it looks like an answer."""

    def flood(name: str, opened: int) -> None:
        os.write(opened, f"{name} begun\n".encode())
        while True:
            os.write(opened, f"\n{name} complaints\n\n{name} ended 0\nx".encode() * 100)

    answering(flood)
    with pytest.raises(BackendFailure, match="says too much"):
        ask(layout)


def test_the_requests_of_killed_processes_are_removed(layout: Layout, answering: Answering) -> None:
    """Recent ones, which may be in use, are not."""
    folder = layout.agent("1")
    for name, age in (("old", 3600), ("new", 0)):
        (folder / name).touch()
        now = (folder / name).stat().st_mtime
        os.utime(folder / name, (now - age, now - age))
    answering(lambda name, opened: os.write(opened, whole(name)))
    assert agent.ask(layout, "1", SCRIPT, (), 10.0, 10.0) is not None
    assert {agent.REQUESTS, "new"} == set(os.listdir(folder))
