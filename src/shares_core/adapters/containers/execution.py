"""Running a command inside a container that may be hostile."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import frozen

from shares_core.adapters.containers.errors import docker_errors
from shares_core.domain.capacity import MIB
from shares_core.domain.errors import BackendFailure

if TYPE_CHECKING:
    from docker import APIClient

#: How much a command may print, in bytes: whatever runs beside it can write in its place.
MOST = 4 * MIB


@frozen
class Said:
    """The output of a finished command on its two streams, and its exit status."""

    stdout: bytes
    stderr: bytes
    status: int


def run_inside(api: APIClient, container: str, argv: tuple[str, ...], what: str, seconds: float) -> Said:
    """Run a command of the image as the container's user. ``what`` is its name in messages.

    Raises BackendFailure if it does not end within ``seconds`` or prints too much.
    """
    with docker_errors(f"running {what}"):
        created = api.exec_create(container, list(argv), stdin=False)
        stdout, stderr = _listen(api, created["Id"], what, seconds)
        status = api.exec_inspect(created["Id"])["ExitCode"]
    return Said(stdout, stderr, status)


def _listen(api: APIClient, execution: str, what: str, seconds: float) -> tuple[bytes, bytes]:
    """All that a command prints: docker-py itself would wait and gather without bound."""
    from docker.utils.socket import STDOUT, frames_iter

    late = threading.Event()
    file = api.exec_start(execution, socket=True)
    connection: socket.socket = file._sock  # as docker-py documents it for writing

    def end() -> None:
        late.set()
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    stdout, stderr = bytearray(), bytearray()
    try:
        for stream, part in frames_iter(file, tty=False):
            (stdout if stream == STDOUT else stderr).extend(part)
            if len(stdout) + len(stderr) > MOST:
                raise says_too_much(what)
    finally:
        timer.cancel()
        file.close()
        connection.close()
    if late.is_set():
        raise does_not_end(what, seconds)
    return bytes(stdout), bytes(stderr)


def does_not_end(what: str, seconds: float) -> BackendFailure:
    return _held_up(f"{what} does not end in {seconds:g} s")


def says_too_much(what: str) -> BackendFailure:
    return _held_up(f"{what} says too much")


def _held_up(message: str) -> BackendFailure:
    return BackendFailure(
        message, hint="something in that server holds it up: stop the server, which needs none of its help"
    )
