"""Running a command inside a container that may be hostile."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from shares_core.adapters.containers.errors import docker_errors
from shares_core.domain.capacity import MIB
from shares_core.domain.errors import BackendFailure

if TYPE_CHECKING:
    from docker import APIClient

#: What a command may take and say: whatever runs beside it can hold it up, and speak in its place.
_SECONDS = 30.0
_BYTES = 4 * MIB


def run_inside(api: APIClient, container: str, argv: tuple[str, ...]) -> str:
    """Run a command of the image as the container's user, and give its standard output.

    Raises BackendFailure for an exit status other than 0, and where it does not end or says too much.
    """
    with docker_errors(f"running {argv[0]} in {container}"):
        created = api.exec_create(container, list(argv), stdin=False)
        stdout, stderr = _listen(api, created["Id"], f"{argv[0]} in {container}")
        status = api.exec_inspect(created["Id"])["ExitCode"]
    if status != 0:
        said = " ".join((stderr or stdout).decode(errors="replace").split())[-300:]
        raise BackendFailure(f"{argv[0]} in {container} failed with status {status}: {said}")
    return stdout.decode(errors="replace")


def _listen(api: APIClient, execution: str, what: str) -> tuple[bytes, bytes]:
    """What a command says, to its end: docker-py itself would wait and gather without bound."""
    from docker.utils.socket import STDOUT, frames_iter

    late = threading.Event()
    file = api.exec_start(execution, socket=True)
    connection: socket.socket = file._sock  # as docker-py documents it for writing

    def end() -> None:
        late.set()
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_SECONDS, end)
    timer.daemon = True
    timer.start()
    stdout, stderr = bytearray(), bytearray()
    try:
        for stream, part in frames_iter(file, tty=False):
            (stdout if stream == STDOUT else stderr).extend(part)
            if len(stdout) + len(stderr) > _BYTES:
                raise _not_said(f"{what} says too much")
    finally:
        timer.cancel()
        file.close()
        connection.close()
    if late.is_set():
        raise _not_said(f"{what} does not end in {_SECONDS:g} s")
    return bytes(stdout), bytes(stderr)


def _not_said(message: str) -> BackendFailure:
    return BackendFailure(
        message, hint="something in that server holds it up: stop the server, which needs none of its help"
    )
