"""The base image: pulled, or made from Debian's packages; and the daemon's messages meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shares_core.adapters.containers.errors import docker_errors
from shares_core.adapters.linux.commands import environment
from shares_core.domain.errors import BackendFailure, HostNotReady, SharesError
from shares_core.domain.remedy import Hint, Packages, Remedy

if TYPE_CHECKING:
    from docker import APIClient

#: Takes one line of progress.
Progress = Callable[[str], None]

_PUBLIC_BASE = ("debian", "trixie-slim")
_OWN_BASE = ("shares-core-base", "trixie")
_BASE_SECONDS = 1800.0
_LAST_LINES = 12
_SCRATCH = "/var/tmp"  # noqa: S108 - some hundred MB, and /tmp may be a small tmpfs


def provide_base(client: APIClient, progress: Progress) -> str:
    """Provide an image to build on: pull it, or make it from Debian's packages if no registry answers.

    Returns its name. Idempotent: a made image is kept and used again. Raises BackendFailure, HostNotReady;
    half-done leaves no image.
    """
    own = ":".join(_OWN_BASE)
    if find_image(client, own) is not None:
        progress(f"building on {own}, made here from Debian's packages")
        return own
    public = ":".join(_PUBLIC_BASE)
    try:
        doing = f"pulling {public}"
        with docker_errors(doing):
            repository, tag = _PUBLIC_BASE
            lines = client.pull(repository, tag=tag, stream=True, decode=True)
        follow(received(lines, doing), progress, f"{public} could not be pulled", "")
    except SharesError as error:
        progress(str(error))
    if find_image(client, public) is not None:  # also an image that existed before
        return public
    progress("no registry answers: making the base from Debian's packages, which takes about a minute")
    with tempfile.TemporaryDirectory(prefix="shares-core-", dir=_SCRATCH) as folder:
        archive = Path(folder) / "base.tar"
        _make_base(archive, progress)
        progress(f"importing {own}")
        with docker_errors(f"importing {own}"):
            repository, tag = _OWN_BASE
            client.import_image(src=str(archive), repository=repository, tag=tag)
    return own


def _make_base(archive: Path, progress: Progress) -> None:
    """Write a minimal Debian root as a tar archive. Raises HostNotReady, BackendFailure."""
    packages = Packages(("mmdebstrap", "debian-archive-keyring"))
    argv = ("mmdebstrap", "--variant=minbase", _OWN_BASE[1], str(archive))
    last: deque[str] = deque(maxlen=_LAST_LINES)
    with _running(argv, packages) as process:
        for line in process.stdout or ():
            text = line.decode(errors="replace").strip()
            if text:
                last.append(text)
                progress(text)
        status = process.wait()
    if status != 0:
        raise BackendFailure(
            f"mmdebstrap could not make a base image (status {status}): {' | '.join(last)}",
            hint=Remedy.of("it has to reach Debian's packages and to have their keys: ", packages),
        )


@contextmanager
def _running(argv: tuple[str, ...], packages: Packages) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command whose output is read as it comes; it ends with the block, and after a deadline."""
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment() | {"TMPDIR": _SCRATCH},
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise HostNotReady(f"{argv[0]} is not installed", hint=Remedy.of(packages)) from error

    def end() -> None:
        # Signal its whole group: mmdebstrap removes what it made, but first waits for the apt that it runs.
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)

    deadline = threading.Timer(_BASE_SECONDS, end)
    deadline.daemon = True
    deadline.start()
    try:
        with process:
            try:
                yield process
            finally:
                end()
    finally:
        deadline.cancel()


def received(messages: Iterator[dict[str, Any]], doing: str) -> Iterator[dict[str, Any]]:
    """The daemon's stream, with the daemon's errors translated, but not those of the caller."""
    while True:
        with docker_errors(doing):
            message = next(messages, None)
        if message is None:
            return
        yield message


def follow(messages: Iterator[dict[str, Any]], progress: Progress, failed: str, hint: Hint) -> None:
    """Report what the daemon says. Raises BackendFailure when it says that it failed."""
    last: deque[str] = deque(maxlen=_LAST_LINES)
    for message in messages:
        for line in progress_lines(message):
            last.append(line)
            progress(line)
        if "error" in message:
            said = " | ".join([*last, str(message["error"]).strip()])
            raise BackendFailure(f"{failed}: {said}", hint=hint)


def progress_lines(message: Mapping[str, Any]) -> tuple[str, ...]:
    """The lines of a message of the daemon's stream that are worth showing, without byte counts."""
    if message.get("progressDetail"):
        return ()
    text = str(message.get("stream") or message.get("status") or "")
    return tuple(line.rstrip() for line in text.splitlines() if line.strip())


def find_image(client: APIClient, name: str) -> dict[str, Any] | None:
    """What Docker says of the image, or None if it does not exist. Raises HostNotReady, BackendFailure."""
    from docker.errors import ImageNotFound

    with docker_errors(f"looking for the image {name}"):
        try:
            image: dict[str, Any] = client.inspect_image(name)
        except ImageNotFound:
            return None
    return image
