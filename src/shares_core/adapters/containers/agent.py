"""Asking the agent that runs beside the service; the image's recipe holds the agent.

A ``docker exec`` takes longer than what it runs. So a request is a file and a FIFO in a folder that only root
can write to, and that the container sees read-only. The host opens nothing else. An answer may come from an
intruder: it is bounded in time and size, and has to name its request.
"""

from __future__ import annotations

import os
import re
import select
import shlex
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from shares_core.adapters.containers.execution import MOST, Said, does_not_end, says_too_much
from shares_core.adapters.linux.files import open_folder
from shares_core.adapters.state.layout import Layout
from shares_core.ports.processes import Script

REQUESTS = "requests"
_CHUNK = 65536
#: More than the length of an answer's last line.
_LAST = 64
#: Older requests belong to killed processes: nobody waits as long.
_FORGOTTEN_SECONDS = 600.0


def ask(
    layout: Layout, server_id: str, script: Script, arguments: tuple[str, ...], begin: float, end: float
) -> Said | None:
    """Have the server's agent run a script. None if no agent runs it.

    The agent has ``begin`` seconds to begin and ``end`` seconds in all. Raises BackendFailure if it begins
    and does not end in time, or prints too much.
    """
    name, what = os.urandom(16).hex(), f"{script.name} in server {server_id}"
    text = f"set -- {shlex.join(arguments)}\n{script.text}"
    # No agent, no space, no folder: whatever it is, only the agent is affected.
    with (
        suppress(OSError),
        open_folder(layout.agent(server_id)) as folder,
        _listener(folder) as requests,
        _request(folder, name, text.encode()) as answer,
    ):
        os.write(requests, f"{name}\n".encode())
        return _hear(answer, name, what, begin, end)
    return None


@contextmanager
def _listener(folder: int) -> Iterator[int]:
    """The FIFO that the agent reads requests from. Raises OSError if nobody has it open, or it is full."""
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(REQUESTS, flags, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _request(folder: int, name: str, text: bytes) -> Iterator[int]:
    """A request, and the open FIFO for its answer; the end of the block removes both."""
    _sweep(folder)
    answer = f"{name}.answer"
    descriptors: list[int] = []
    try:
        os.mkfifo(answer, 0o600, dir_fd=folder)
        descriptors.append(os.open(answer, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder))
        os.fchmod(descriptors[0], 0o622)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "wb") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
        yield descriptors[0]
    finally:
        for entry in (name, answer):
            with suppress(FileNotFoundError):
                os.unlink(entry, dir_fd=folder)
        for descriptor in descriptors:
            os.close(descriptor)


def _sweep(folder: int) -> None:
    """Remove the requests of processes that were killed."""
    for entry in os.listdir(folder):
        with suppress(FileNotFoundError):
            found = os.stat(entry, dir_fd=folder, follow_symlinks=False)
            if entry != REQUESTS and found.st_mtime < time.time() - _FORGOTTEN_SECONDS:
                os.unlink(entry, dir_fd=folder)


def _hear(answer: int, name: str, what: str, begin: float, end: float) -> Said | None:
    """Read an answer to its end. None if it never begins, is for another request, or breaks off."""
    poll = select.poll()
    poll.register(answer, select.POLLIN)
    first = f"{name} begun\n".encode()
    began = time.monotonic()
    heard = bytearray()
    while True:
        begun = len(heard) >= len(first)
        left = began + (end if begun else begin) - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            if begun:
                raise does_not_end(what, end)
            return None
        part = os.read(answer, _CHUNK)
        heard += part
        if len(heard) > MOST:
            raise says_too_much(what)
        if not part or not first.startswith(heard[: len(first)]):
            return None
        if said := parse_answer(heard, name):
            return said


def parse_answer(heard: bytes | bytearray, name: str) -> Said | None:
    """Read a complete answer; None if it is not complete, or is for another request."""
    begun, complaints = f"{name} begun\n".encode(), f"\n{name} complaints\n".encode()
    ended = re.search(rb"\n%b ended ([0-9]{1,3})\n\Z" % name.encode(), heard[-_LAST:])
    if ended is None or not heard.startswith(begun):
        return None
    said = bytes(heard[len(begun) : -len(ended[0])])
    stdout, marker, stderr = said.partition(complaints)
    return Said(stdout, stderr, int(ended[1])) if marker else None


def make_listener(layout: Layout, server_id: str) -> None:
    """Make the folder and the FIFO that the server's agent opens at its start. Idempotent. Raises OSError."""
    folder = layout.agent(server_id)
    folder.mkdir(mode=0o755, exist_ok=True)
    folder.chmod(0o755)
    requests = folder / REQUESTS
    with suppress(FileExistsError):
        os.mkfifo(requests)
    if not stat.S_ISFIFO(requests.lstat().st_mode):
        raise FileExistsError(f"{requests} is not a FIFO")
    requests.chmod(0o666)
