"""What the tool says while it works, and how it runs other programs."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

NAME = "integration-host"
_SECONDS = 1800.0
_LAST_LINES = 20
#: Dies with whoever started it, and takes what it started along.
ALONE = ("setpriv", "--pdeathsig", "KILL")
#: And its mounts too: nothing that removes the folder afterwards can meet one.
_BOXED = (*ALONE, "unshare", "--mount", "--pid", "--mount-proc", "--kill-child")


class GuestError(Exception):
    """The guest could not be made or run; the message says what to do, or ends with last words."""


def say(text: str) -> None:
    """One line for who waits."""
    print(f"{NAME}: {text}", flush=True)


@contextmanager
def step(doing: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    say(f"{doing} ...")
    began = time.monotonic()
    yield
    say(f"{doing}: {time.monotonic() - began:.0f} s")


def run(*command: str, env: Mapping[str, str] | None = None) -> str:
    """Run a command to its end; gives what it said on standard output.

    :param env: its whole environment, by default that of this process.
    :raises GuestError: it failed, took too long or is not installed.
    """
    try:
        done = subprocess.run(
            (*_BOXED, *command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=env,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GuestError(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        last = last_lines(done.stdout + done.stderr)
        raise GuestError(f"{command[0]} failed (status {done.returncode}):\n{last}")
    return done.stdout


def last_lines(text: str, count: int = _LAST_LINES) -> str:
    """The end of a log."""
    return "\n".join(text.splitlines()[-count:])


def remove(folder: Path) -> None:
    """Remove a folder of ours with what is in it, unless something is mounted there."""
    if os.path.lexists(folder):
        run("rm", "--recursive", "--one-file-system", "--", str(folder))
